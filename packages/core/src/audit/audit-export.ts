/**
 * Keeps the audit stream as files: one process at a time, under a lease; every entry at least once, in order, going on
 * after a restart or a change of holder where the last one was. Twice only where the holder wrote to files that the
 * next one does not see.
 */

import { randomUUID } from 'node:crypto';
import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';
import { type AuditStream, compareStreamIds, STREAM_START } from '../queue/audit-stream.ts';
import { type AuditFiles, entryKey } from './audit-files.ts';

export interface AuditExportOptions {
  /** Name on the lease. @default one of its own */
  readonly holder?: string;
  readonly stream: AuditStream;
  readonly files: AuditFiles;
  /** Names this filling of Redis. */
  readonly incarnation: () => Promise<string>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds between two looks at the stream. @default 2000 */
  readonly everyMs?: number;
}

/** What a holder of the lease knows, for as long as it holds it. */
interface Tenure {
  readonly incarnation: string;
  last: string;
  /** Keys of entries after `last` that stand in the files already. */
  readonly written: Set<string>;
}

const EVERY_MS = 2000;
const LEASE_MS = 20_000;
const PAGE = 1000;
const CLEAN_UP_EVERY_MS = 3_600_000;
/** A Redis that does not answer must not keep a process from ending. */
const LAST_EXPORT_MS = 3000;

export class AuditExport implements Service {
  readonly #options: AuditExportOptions;
  readonly #holder: string;
  #tenure: Tenure | undefined;
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  #cleanUpAt = 0;
  #problem = '';

  constructor(options: AuditExportOptions) {
    this.#options = options;
    this.#holder = options.holder ?? randomUUID();
  }

  /** @throws CONFIG_INVALID when the files cannot be written */
  async start(): Promise<void> {
    if (this.#cancel) return;
    const { files, clock, everyMs = EVERY_MS } = this.#options;
    await files.prepare();
    this.#cancel = clock.every(everyMs, () => {
      this.#running = this.#attempt(() => this.export());
      return this.#running;
    });
  }

  /** Exports what there is, and gives the lease to another. */
  async stop(): Promise<void> {
    if (!this.#cancel) return;
    this.#cancel();
    this.#cancel = undefined;
    const done = new AbortController();
    const late = this.#options.clock.sleep(LAST_EXPORT_MS, done.signal).catch(() => {});
    await Promise.race([this.#finish(), late]);
    done.abort();
  }

  async #finish(): Promise<void> {
    await this.#running;
    await this.#attempt(async () => {
      await this.export();
      await this.#options.stream.releaseExport(this.#holder);
    });
  }

  /** A failure is told once, and left to the next time. */
  async #attempt(act: () => Promise<void>): Promise<void> {
    const { log } = this.#options;
    try {
      await act();
      if (this.#problem !== '') log.info('audit files: written again');
      this.#problem = '';
    } catch (error) {
      // What the last write came to is not known: begin from the mark.
      this.#tenure = undefined;
      const problem = messageOf(error);
      if (problem !== this.#problem) log.warn({ err: error }, `audit files: ${problem}`);
      this.#problem = problem;
    }
  }

  /** Exports what the stream has after the mark, if no other process does. */
  async export(): Promise<void> {
    const { stream, files } = this.#options;
    if (!(await stream.holdExport(this.#holder, LEASE_MS))) {
      this.#tenure = undefined;
      return;
    }
    const incarnation = await this.#options.incarnation();
    if (this.#tenure?.incarnation !== incarnation) this.#tenure = await this.#begin(incarnation);
    const tenure = this.#tenure;
    for (;;) {
      const entries = await stream.after(tenure.last, PAGE);
      const last = entries.at(-1)?.id;
      if (last === undefined) break;
      await files.append(entries.filter((entry) => !tenure.written.delete(entryKey(entry))));
      if (!(await stream.markExported(this.#holder, LEASE_MS, { incarnation, id: last }))) {
        this.#tenure = undefined;
        return;
      }
      tenure.last = last;
    }
    tenure.written.clear();
    await this.#cleanUp();
  }

  /**
   * Where to go on: the mark of this filling of Redis, else the beginning, past what the files have already. A mark
   * beyond the end of the stream is of a stream that is no more.
   */
  async #begin(incarnation: string): Promise<Tenure> {
    const { stream, files, log } = this.#options;
    const [mark, bounds] = [await stream.exported(), await stream.bounds()];
    const known = mark?.incarnation === incarnation ? mark.id : STREAM_START;
    const last = bounds && compareStreamIds(known, bounds.last) > 0 ? STREAM_START : known;
    if (bounds && last !== STREAM_START && compareStreamIds(last, bounds.first) < 0)
      log.warn(
        { last, first: bounds.first },
        'audit files: the stream may have lost entries before they were written',
      );
    const written = new Set<string>();
    // Nothing before the stream's first entry can come again, so the files of days before it need no look.
    const from = bounds && compareStreamIds(last, bounds.first) < 0 ? beforeId(bounds.first) : last;
    if (bounds) for await (const entry of files.after(from)) written.add(entryKey(entry));
    return { incarnation, last, written };
  }

  async #cleanUp(): Promise<void> {
    const { files, clock, log } = this.#options;
    if (clock.now() < this.#cleanUpAt) return;
    this.#cleanUpAt = clock.now() + CLEAN_UP_EVERY_MS;
    const removed = await files.removeOld();
    if (removed.length > 0) log.info({ removed }, `audit files: ${removed.length} beyond their age removed`);
  }
}

/** The last id that the entry is after. */
function beforeId(id: string): string {
  const [ms = 0] = id.split('-').map(Number);
  return `${ms - 1}-0`;
}
