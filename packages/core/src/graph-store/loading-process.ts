/** The process in which the phases of one load run, whatever the store: killing it is cancelling. */

import { type ChildCommands, ChildProcess } from '../platform/child-process.ts';
import { GraphshiftError } from '../platform/errors.ts';
import { databaseName, type SnapshotName } from '../snapshot/names.ts';
import type { LoadOptions, LoadProgress } from './graph-store.ts';

export interface LoadingProcessOptions {
  readonly snapshot: SnapshotName;
  readonly load: LoadOptions;
  /** What the process runs; it starts with the first call. */
  readonly module: URL;
  /** Of its JavaScript heap, in MiB. @default as Node chooses */
  readonly heapMb?: number;
  /** Called when the load's signal aborts, unless the load has ended. */
  readonly onAbort: () => Promise<void>;
}

export class LoadingProcess<Commands extends ChildCommands> {
  readonly #options: LoadingProcessOptions;
  readonly #onAbort: () => void;
  #child: ChildProcess<Commands> | undefined;
  #ended: 'sealed' | 'aborted' | undefined;
  /** Set while sealing must not be cut in two by an abort. */
  #sealing: Promise<unknown> | undefined;

  constructor(options: LoadingProcessOptions) {
    this.#options = options;
    this.#onAbort = () => void options.onAbort().catch(() => {});
    options.load.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get isSealed(): boolean {
    return this.#ended === 'sealed';
  }

  /**
   * @param report takes the command's progress. @default it is the load's
   * @throws ABORTED once the load was stopped, CONFLICT once it is sealed, and what the process says
   */
  async call<K extends keyof Commands & string>(
    command: K,
    input: Commands[K]['input'],
    report?: (progress: unknown) => void,
  ): Promise<Commands[K]['output']> {
    this.refuseEnded();
    const { module, heapMb, load } = this.#options;
    this.#child ??= new ChildProcess<Commands>(module, {
      name: 'loader',
      ...(heapMb !== undefined && { heapMb }),
    });
    const onProgress = report ?? ((progress: unknown) => load.onProgress?.(progress as LoadProgress));
    try {
      return await this.#child.call(command, input, { onProgress });
    } catch (error) {
      // A loader that was killed on purpose did not die.
      this.refuseEnded(error);
      throw error;
    }
  }

  /** Its work is done. Idempotent. */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  /** Does the load's last act; an abort meanwhile waits for it, and comes too late where it was done. */
  async seal(act: () => Promise<void>): Promise<void> {
    const sealing = act().then(() => this.#end('sealed'));
    this.#sealing = sealing.catch(() => {});
    try {
      await sealing;
    } finally {
      this.#sealing = undefined;
    }
  }

  /** Ends the load. Idempotent. @returns false, with nothing done, once it is sealed */
  async stop(): Promise<boolean> {
    await this.#sealing;
    if (this.#ended === 'sealed') return false;
    this.#end('aborted');
    await this.#child?.kill();
    return true;
  }

  /** @throws ABORTED, CONFLICT */
  refuseEnded(cause?: unknown): void {
    const { snapshot, load } = this.#options;
    if (this.#ended === 'aborted') throw aborted(snapshot, load.signal, cause);
    if (this.#ended === 'sealed')
      throw new GraphshiftError('CONFLICT', `the load of ${databaseName(snapshot)} is sealed`);
  }

  #end(how: 'sealed' | 'aborted'): void {
    this.#ended = how;
    this.#options.load.signal?.removeEventListener('abort', this.#onAbort);
  }
}

/** @throws ABORTED where the load's signal has aborted before it began */
export function refuseAborted(snapshot: SnapshotName, { signal }: LoadOptions): void {
  if (signal?.aborted) throw aborted(snapshot, signal);
}

function aborted(snapshot: SnapshotName, signal: AbortSignal | undefined, cause?: unknown): GraphshiftError {
  return new GraphshiftError('ABORTED', `the load of ${databaseName(snapshot)} was stopped`, {
    cause: signal?.reason ?? cause,
  });
}
