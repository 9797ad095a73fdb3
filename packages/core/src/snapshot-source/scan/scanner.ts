/**
 * Scans roots and looks at snapshots in a process of its own, so that a hundred thousand directories hold nobody's
 * event loop. A process that died is replaced, and then finds everything anew.
 */

import { ChildProcess, siblingModule } from '../../platform/child-process.ts';
import { asGraphshiftError, GraphshiftError, messageOf } from '../../platform/errors.ts';
import type { Look, ReadinessRule } from '../readiness.ts';
import type { ScanCommands, ScanPage, ScanRequest, ScanSummary } from './scan-commands.ts';

type Command = keyof ScanCommands;

/** Snapshots looked at in one request; a reply of so many takes a few milliseconds to read. */
const LOOKS = 256;

export class Scanner {
  readonly #signal: AbortSignal;
  #child: ChildProcess<ScanCommands> | undefined;

  /** @param signal ends what is under way */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** @throws ROOT_UNREADABLE */
  async check(root: string): Promise<void> {
    await this.#call('check', { root });
  }

  /**
   * Scans a root; what it found is in the pages until the next scan.
   * @throws ROOT_UNREADABLE when the root is missing or cannot be read; then nothing is forgotten
   */
  scan(request: ScanRequest): Promise<ScanSummary> {
    return this.#call('scan', request);
  }

  /** The differences that the last scan of this root found. */
  async *pages(root: string): AsyncGenerator<ScanPage> {
    for (;;) {
      const page = await this.#call('page', { root });
      if (!page) return;
      yield page;
    }
  }

  /** Looks at snapshots of one root, in the order of the paths. Never throws for what is found on disk. */
  async look(root: string, rule: ReadinessRule, paths: readonly string[]): Promise<Look[]> {
    const looks: Look[] = [];
    for (let start = 0; start < paths.length; start += LOOKS) {
      const replies = await this.#call('look', { root, rule, paths: paths.slice(start, start + LOOKS) });
      for (const { problem, ...found } of replies)
        looks.push({ ...found, ...(problem && { problem: GraphshiftError.fromRecord(problem) }) });
    }
    return looks;
  }

  /** Of the process, once there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async stop(): Promise<void> {
    await this.#child?.kill();
  }

  async #call<C extends Command>(
    command: C,
    input: ScanCommands[C]['input'],
  ): Promise<ScanCommands[C]['output']> {
    this.#signal.throwIfAborted();
    if (!this.#child?.alive)
      this.#child = new ChildProcess(siblingModule(import.meta.url, 'scan-child'), { name: 'scanner' });
    try {
      return await this.#child.call(command, input, { signal: this.#signal });
    } catch (error) {
      if (asGraphshiftError(error).code !== 'LOADER_DIED') throw error;
      throw new GraphshiftError('INTERNAL', messageOf(error), { cause: error });
    }
  }
}
