/**
 * DuckDB as this project uses it: out of core, offline, with one place that quotes. Values go as prepared
 * parameters where DuckDB takes them; file lists, view definitions and COPY targets do not, and are quoted here.
 */

import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';

export interface DuckOptions {
  /** Directory for what does not fit into memory; made when first needed. */
  readonly spillDirectory: string;
  /** @default 512 MB */
  readonly memoryBytes?: number;
  /** @default 2 */
  readonly threads?: number;
}

/** Values as JavaScript has them: BIGINT is BigInt, lists are arrays, dates and timestamps are Date (milliseconds only). */
export type DuckRow = Record<string, unknown>;

export interface Duck {
  readonly connection: DuckDBConnection;
  readonly spillDirectory: string;
  rows(sql: string, parameters?: DuckDBValue[]): Promise<DuckRow[]>;
  run(sql: string): Promise<void>;
  /** Another connection, for a result that is read while others are; closed with this. */
  connect(): Promise<DuckDBConnection>;
  /** Releases connection and instance, and with them memory and spill files. Idempotent. */
  close(): void;
}

export const DUCK_MEMORY_BYTES = 512 * 1024 * 1024;
export const DUCK_THREADS = 2;

/** An in-memory DuckDB of its own that spills to disk, in UTC, and never loads anything from a network. */
export async function openDuck(options: DuckOptions): Promise<Duck> {
  const memory = options.memoryBytes ?? DUCK_MEMORY_BYTES;
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads ?? DUCK_THREADS),
    memory_limit: `${Math.floor(memory / 1024)}KiB`,
    temp_directory: options.spillDirectory,
    // Rows are named by file_row_number, so their order is free; keeping it would cost memory.
    preserve_insertion_order: 'false',
    // The parquet, json, icu and core_functions extensions are linked into the binary of @duckdb/node-api 1.5.6.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    allow_persistent_secrets: 'false',
  });
  try {
    const connection = await instance.connect();
    await connection.run(`SET GLOBAL TimeZone = 'UTC'`);
    return duckOn(instance, connection, options.spillDirectory);
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

function duckOn(instance: DuckDBInstance, connection: DuckDBConnection, spillDirectory: string): Duck {
  let open = true;
  const others: DuckDBConnection[] = [];
  return {
    connection,
    spillDirectory,
    rows: async (sql, parameters) =>
      (await connection.runAndReadAll(sql, parameters)).getRowObjectsJS() as DuckRow[],
    run: async (sql) => {
      await connection.run(sql);
    },
    connect: async () => {
      const other = await instance.connect();
      others.push(other);
      return other;
    },
    close: () => {
      if (!open) return;
      open = false;
      for (const other of others) other.closeSync();
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** A name as DuckDB text, whatever it holds. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A type as DuckDB text: what it prints it does not parse as the element of a list. */
export function typeText(type: string): string {
  return type.replace('TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ');
}

/** A string as DuckDB text, whatever it holds. */
export function quoteString(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/**
 * File paths as the list that read_parquet and its metadata functions take. They expand globs in every entry and
 * know no escape but the character class (a back-slash is taken as itself), so each glob character becomes one.
 */
export function quoteFiles(paths: readonly string[]): string {
  const literal = (path: string) => quoteString(path.replace(/[*?[]/g, (character) => `[${character}]`));
  return `[${paths.map(literal).join(', ')}]`;
}
