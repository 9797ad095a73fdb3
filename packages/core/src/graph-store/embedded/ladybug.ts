/**
 * LadybugDB as this store uses it. It is an optional dependency, imported when first used: where there is no binary
 * for the platform, everything but this store still works.
 */

import { rm } from 'node:fs/promises';
import type { Connection, Database, LbugValue, ProgressCallback, QueryResult } from '@ladybugdb/core';
import { GraphshiftError } from '../../platform/errors.ts';

type Ladybug = Pick<typeof import('@ladybugdb/core'), 'Database' | 'Connection'>;
export type LadybugRow = Record<string, LbugValue>;

let loaded: Promise<Ladybug> | undefined;

/** @throws STORE_UNFIT when there is no binary for this platform */
export function importLadybug(): Promise<Ladybug> {
  loaded ??= import('@ladybugdb/core').catch((error: unknown): never => {
    loaded = undefined;
    throw new GraphshiftError(
      'STORE_UNFIT',
      `the embedded store needs @ladybugdb/core, which has no binary for ${process.platform}-${process.arch} here; install it or use another store`,
      { cause: error },
    );
  });
  return loaded;
}

/**
 * Address space that a handle reserves; a database cannot grow beyond it. The default of 8 TiB a handle exhausts the
 * address space with the eleventh.
 */
const MAX_DATABASE_BYTES = 64 * 2 ** 30;

export interface Graph {
  /** Runs one statement and returns its rows; for statements of our own. */
  rows(statement: string, onProgress?: ProgressCallback): Promise<LadybugRow[]>;
  readonly connection: Connection;
  close(): Promise<void>;
}

export interface GraphOptions {
  readonly bufferBytes: number;
  readonly readOnly: boolean;
  readonly threads: number;
  /** Of what is written. @default true */
  readonly compression?: boolean;
}

export async function openGraph(path: string, options: GraphOptions): Promise<Graph> {
  const { Database, Connection } = await importLadybug();
  const database: Database = new Database(
    path,
    options.bufferBytes,
    options.compression ?? true,
    options.readOnly,
    MAX_DATABASE_BYTES,
  );
  try {
    await database.init();
    const connection = new Connection(database, options.threads);
    await connection.init();
    return {
      connection,
      rows: (statement, onProgress) => rowsOf(connection, statement, onProgress),
      close: async () => {
        await connection.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function rowsOf(
  connection: Connection,
  statement: string,
  onProgress?: ProgressCallback,
): Promise<LadybugRow[]> {
  const result = single(await connection.query(statement, onProgress));
  try {
    return result.getAllSync();
  } finally {
    // An open result keeps the database alive after its close.
    result.close();
  }
}

/** The one result of one statement; all are closed when there are more. */
export function single(results: QueryResult | QueryResult[]): QueryResult {
  if (!Array.isArray(results)) return results;
  const [only, ...others] = results;
  if (only && others.length === 0) return only;
  for (const result of results) result.close();
  throw new GraphshiftError('QUERY_REFUSED', 'the text holds more than one statement');
}

/** Files that LadybugDB leaves beside a graph; a stray one makes the next open fail. */
const SIDE_FILES = [
  'wal',
  'wal.checkpoint',
  'shadow',
  'checkpoint.intent.lock',
  'checkpoint.apply.lock',
  'tmp',
];

export async function removeSideFiles(path: string): Promise<void> {
  for (const suffix of SIDE_FILES) await rm(`${path}.${suffix}`, { recursive: true, force: true });
}

/** A label, type or property as Cypher text; `names.ts` has refused what cannot be quoted. */
export function quoteName(name: string): string {
  if (name === '' || /[`\0]/.test(name))
    throw new GraphshiftError(
      'NAME_INVALID',
      `${JSON.stringify(name)} cannot be written as a name in Cypher`,
    );
  return `\`${name}\``;
}

/** A string as Cypher text. LadybugDB takes the back-slash as its only escape. */
export function quoteText(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
