/**
 * For programs that read one customer's graph for long, in their own process: the alias is resolved once, the
 * database opened read-only, and opened again when the alias has moved. A query always sees one database.
 */

import { GraphshiftError } from '../../platform/errors.ts';
import type { QueryResult } from '../graph-store.ts';
import { resolveAlias } from './aliases.ts';
import { isMissing } from './durable-file.ts';
import { Layout } from './layout.ts';
import { type Parameters, ReadingSession } from './session.ts';

export interface AliasReaderOptions {
  /** Memory for pages of the graph. @default 128 MB */
  readonly bufferBytes?: number;
  /** More is an error, not a cut. @default 100_000 */
  readonly maxRows?: number;
}

export interface AliasReader {
  /** Answers from the database that the alias targets when the query begins. @throws as `GraphStore.query` */
  query(cypher: string, parameters?: Parameters): Promise<QueryResult & { readonly database: string }>;
  /** Waits for running queries. Idempotent. */
  close(): Promise<void>;
}

interface Opened {
  readonly directory: string;
  readonly session: Promise<ReadingSession>;
  users: number;
  stale: boolean;
}

const BUFFER_BYTES = 128 * 2 ** 20;
const MAX_ROWS = 100_000;
/** A database may be dropped between looking and opening; the alias has moved by then. */
const OPEN_TRIES = 5;

/** @throws NOT_FOUND when the customer has no alias */
export async function openAliasReader(
  storeDirectory: string,
  customer: string,
  options: AliasReaderOptions = {},
): Promise<AliasReader> {
  const reader = new LocalAliasReader(new Layout(storeDirectory), customer, options);
  await reader.open();
  return reader;
}

class LocalAliasReader implements AliasReader {
  readonly #layout: Layout;
  readonly #customer: string;
  readonly #options: AliasReaderOptions;
  #opened: Opened | undefined;
  readonly #closing = new Set<Promise<void>>();
  #closed = false;

  constructor(layout: Layout, customer: string, options: AliasReaderOptions) {
    this.#layout = layout;
    this.#customer = customer;
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#release(await this.#take());
  }

  async query(
    cypher: string,
    parameters: Parameters = {},
  ): Promise<QueryResult & { readonly database: string }> {
    const opened = await this.#take();
    try {
      const session = await opened.session;
      const result = await session.query(cypher, parameters, this.#options.maxRows ?? MAX_ROWS);
      return { ...result, database: opened.directory.slice(this.#layout.area('databases').length + 1) };
    } finally {
      this.#release(opened);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retire();
    await Promise.all(this.#closing);
  }

  async #take(): Promise<Opened> {
    for (let attempt = 1; ; attempt++) {
      if (this.#closed) throw new GraphshiftError('ABORTED', `the reader of ${this.#customer} is closed`);
      const opened = this.#current(await resolveAlias(this.#layout, this.#customer));
      opened.users++;
      try {
        await opened.session;
        return opened;
      } catch (error) {
        if (this.#opened === opened) this.#opened = undefined;
        const gone = isMissing(error) || (await this.#moved(opened.directory));
        if (attempt >= OPEN_TRIES || !gone) throw error;
      }
    }
  }

  #current(directory: string): Opened {
    if (this.#opened?.directory !== directory) this.#retire();
    this.#opened ??= {
      directory,
      session: ReadingSession.open(directory, this.#options.bufferBytes ?? BUFFER_BYTES),
      users: 0,
      stale: false,
    };
    return this.#opened;
  }

  async #moved(directory: string): Promise<boolean> {
    return (await resolveAlias(this.#layout, this.#customer)) !== directory;
  }

  #retire(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    if (!opened) return;
    opened.stale = true;
    if (opened.users === 0) this.#end(opened);
  }

  #release(opened: Opened): void {
    opened.users--;
    if (opened.stale && opened.users === 0) this.#end(opened);
  }

  #end(opened: Opened): void {
    const closing = opened.session
      .then((session) => session.close())
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
