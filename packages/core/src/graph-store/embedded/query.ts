/**
 * Queries for people, each in a reading process: too slow or too large is a killed process, not a harmed worker.
 * Processes are kept for the next query of the same database and closed when idle.
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ChildProcess, ChildTimeout, siblingModule } from '../../platform/child-process.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import type { Counts, QueryOptions, QueryResult } from '../graph-store.ts';
import { GRAPH_FILE } from './layout.ts';
import type { MemoryExceeded, QueryCommands } from './query-commands.ts';
import { readingStatement } from './statement.ts';

export interface QuerySettings {
  /** Resident memory of one reading process. */
  readonly memoryBytes: number;
  /** Reading processes at most; further queries wait. */
  readonly processes: number;
  readonly idleMs: number;
}

const TIMEOUT_MS = 30_000;
const MAX_ROWS = 100_000;
/** Opening takes 43 ms and a new process about 300 ms; a machine under load takes longer. */
const OPEN_TIMEOUT_MS = 30_000;
const COUNT_TIMEOUT_MS = 300_000;

interface Reader {
  readonly child: ChildProcess<QueryCommands>;
  readonly key: string;
  idle?: NodeJS.Timeout;
}

type Refusal = (thrown: unknown) => unknown;

export class QueryRunner {
  readonly #settings: QuerySettings;
  readonly #readers = new Set<Reader>();
  readonly #free: Reader[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(settings: QuerySettings) {
    this.#settings = settings;
  }

  async query(directory: string, cypher: string, options: QueryOptions): Promise<QueryResult> {
    // Refused here too, so that no process is made for it.
    readingStatement(cypher);
    const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    const maxRows = options.maxRows ?? MAX_ROWS;
    let exceeded: MemoryExceeded | undefined;
    const refusal: Refusal = (thrown) => {
      if (thrown instanceof ChildTimeout)
        return new GraphshiftError('QUERY_LIMIT', `the query took longer than ${timeoutMs} ms`);
      if (exceeded) return this.#tooLarge(exceeded);
      return thrown;
    };
    const input = { cypher, parameters: options.parameters ?? {}, maxRows };
    const onProgress = (progress: unknown) => {
      exceeded = progress as MemoryExceeded;
    };
    return this.#with(directory, refusal, (child) => child.call('query', input, { timeoutMs, onProgress }));
  }

  counts(directory: string): Promise<Counts> {
    const same: Refusal = (thrown) => thrown;
    return this.#with(directory, same, (child) =>
      child.call('counts', undefined, { timeoutMs: COUNT_TIMEOUT_MS }),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#readers].map((reader) => this.#close(reader)));
  }

  async #with<T>(
    directory: string,
    refusal: Refusal,
    work: (child: ChildProcess<QueryCommands>) => Promise<T>,
  ): Promise<T> {
    if (this.#busy >= this.#settings.processes)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#busy++;
    let reader: Reader | undefined;
    try {
      reader = await this.#take(directory);
      return await work(reader.child);
    } catch (error) {
      throw refusal(error);
    } finally {
      if (reader) this.#giveBack(reader);
      const next = this.#waiting.shift();
      if (next) next();
      else this.#busy--;
    }
  }

  /** A database dropped and loaded again under its name is another file. */
  async #take(directory: string): Promise<Reader> {
    const { ino, dev } = await stat(join(directory, GRAPH_FILE));
    const key = `${directory}:${dev}:${ino}`;
    const index = this.#free.findIndex((reader) => reader.key === key && reader.child.alive);
    const [kept] = index === -1 ? [] : this.#free.splice(index, 1);
    if (kept) {
      clearTimeout(kept.idle);
      return kept;
    }
    const child = new ChildProcess<QueryCommands>(siblingModule(import.meta.url, 'query-child'), {
      name: 'reader',
    });
    const reader = { child, key };
    this.#readers.add(reader);
    try {
      const { memoryBytes } = this.#settings;
      await child.call('open', { directory, memoryBytes }, { timeoutMs: OPEN_TIMEOUT_MS });
    } catch (error) {
      await this.#close(reader);
      throw error;
    }
    return reader;
  }

  #giveBack(reader: Reader): void {
    if (!reader.child.alive) {
      void this.#close(reader);
      return;
    }
    reader.idle = setTimeout(() => void this.#close(reader), this.#settings.idleMs);
    reader.idle.unref();
    this.#free.push(reader);
  }

  async #close(reader: Reader): Promise<void> {
    clearTimeout(reader.idle);
    this.#readers.delete(reader);
    const index = this.#free.indexOf(reader);
    if (index !== -1) this.#free.splice(index, 1);
    await reader.child.kill();
  }

  #tooLarge({ residentBytes }: MemoryExceeded): GraphshiftError {
    const megabytes = (bytes: number) => Math.round(bytes / 1e6);
    return new GraphshiftError(
      'QUERY_LIMIT',
      `the query took ${megabytes(residentBytes)} MB of memory, more than the ${megabytes(this.#settings.memoryBytes)} MB that are allowed`,
    );
  }
}
