/**
 * Arrow files as a table in DuckDB, which has no reader for them: each is decoded once, batch by batch, and its rows
 * go through an appender with the number of their file and row. Where the table does not fit into DuckDB's memory,
 * DuckDB spills it.
 */

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBAppender, DuckDBDataChunk } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { GraphshiftError } from '../../platform/errors.ts';
import { type Duck, quoteIdentifier, typeText } from '../duckdb.ts';
import { type Body, type Codecs, openBody, openCodecs } from './body.ts';
import { ValueProblem } from './conversions.ts';
import { BatchReader } from './decode.ts';
import { concatenated } from './dictionaries.ts';
import { type ArrowMessage, batchOf, dictionaryOf, readLayout, unreadable } from './messages.ts';
import { refuseMisfits } from './misfits.ts';
import { type ArrowColumn, columnsOf } from './schema.ts';
import { BrokenBatch, type Values } from './values.ts';
import { writeVector } from './vectors.ts';

/** Columns that the table has beside `columnName(0…)`: the file's index among those given, and its 1-based row. */
export const FILE_INDEX = 'file_index';
export const ROW_NUMBER = 'row_number';

/** Rows between two turns of the event loop. */
const ROWS_A_TURN = 65_536;

export function columnName(index: number): string {
  return `c${index}`;
}

export interface ArrowFile {
  /** As messages name it. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/** Columns and rows of a file, from its metadata. @throws FILE_FORMAT, FILE_TRUNCATED, FILE_UNREADABLE */
export async function describeArrow(file: ArrowFile): Promise<{ columns: ArrowColumn[]; rows: number }> {
  return withFile(file, async (handle) => {
    const { schema, rows } = await readLayout(handle, file.name);
    return { columns: columnsIn(file, () => columnsOf(schema)), rows };
  });
}

/**
 * Makes a table of files that have the same columns.
 * @throws COLUMN_TYPE naming the row for a value that its type cannot hold; FILE_UNREADABLE
 */
export async function importArrow(
  duck: Duck,
  table: string,
  files: readonly ArrowFile[],
  columns: readonly ArrowColumn[],
  signal?: AbortSignal,
): Promise<void> {
  const own = columns.map(
    (column, index) => `${columnName(index)} ${typeText(column.storage ?? column.type)}`,
  );
  const all = [...own, `${FILE_INDEX} INTEGER`, `${ROW_NUMBER} BIGINT`];
  await duck.run(`CREATE OR REPLACE TABLE ${quoteIdentifier(table)} (${all.join(', ')})`);
  const codecs = await openCodecs();
  const appender = await duck.connection.createAppender(table);
  try {
    for (const [index, file] of files.entries())
      await withFile(file, (handle) =>
        new FileImport(duck, appender, codecs, file, index).run(handle, signal),
      );
  } finally {
    appender.closeSync();
  }
  const names = { name: table, file: FILE_INDEX, row: ROW_NUMBER, column: columnName };
  await refuseMisfits(duck, names, columns, (index) => files[index]?.name ?? '');
}

async function withFile<T>(file: ArrowFile, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(file.path, 'r');
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** The flatbuffers reader checks nothing; what it meets in a broken file are range and type errors. */
function columnsIn<T>(file: ArrowFile, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof GraphshiftError) throw error;
    if (error instanceof RangeError || error instanceof TypeError || error instanceof BrokenBatch)
      throw unreadable(file.name, error.message, error);
    throw error;
  }
}

/** One file on its way into the table. */
class FileImport {
  readonly #duck: Duck;
  readonly #appender: DuckDBAppender;
  readonly #codecs: Codecs;
  readonly #file: ArrowFile;
  readonly #index: number;
  readonly #chunk: DuckDBDataChunk;
  readonly #dictionaries = new Map<bigint, Values>();
  #columns: readonly ArrowColumn[] = [];
  #row = 0;

  constructor(duck: Duck, appender: DuckDBAppender, codecs: Codecs, file: ArrowFile, index: number) {
    this.#duck = duck;
    this.#appender = appender;
    this.#codecs = codecs;
    this.#file = file;
    this.#index = index;
    const types = Array.from({ length: appender.columnCount }, (_, column) => appender.columnType(column));
    this.#chunk = DuckDBDataChunk.create(types);
  }

  async run(handle: FileHandle, signal: AbortSignal | undefined): Promise<void> {
    const { schema, messages } = await readLayout(handle, this.#file.name);
    this.#columns = columnsIn(this.#file, () => columnsOf(schema));
    let turn = 0;
    for (const message of messages) {
      const body = openBody(handle.fd, this.#file.name, message, this.#codecs, this.#scratch());
      try {
        const dictionary = dictionaryOf(message.message);
        if (dictionary) {
          columnsIn(this.#file, () => this.#keep(dictionary, message, body));
          continue;
        }
        const batch = columnsIn(
          this.#file,
          () => new BatchReader(batchOf(message.message), body, this.#columns, this.#dictionaries),
        );
        for (let from = 0; from < batch.rows; from += duckdb.vector_size()) {
          const count = Math.min(duckdb.vector_size(), batch.rows - from);
          this.#append(batch, from, count);
          turn += count;
          if (turn < ROWS_A_TURN) continue;
          turn = 0;
          await new Promise(setImmediate);
          signal?.throwIfAborted();
        }
      } finally {
        body.close();
      }
    }
  }

  #append(batch: BatchReader, from: number, count: number): void {
    this.#chunk.reset();
    this.#chunk.rowCount = count;
    const vector = (column: number) => duckdb.data_chunk_get_vector(this.#chunk.chunk, column);
    for (const [index, column] of this.#columns.entries())
      writeVector(
        vector(index),
        this.#values(column, 'row', this.#row, () => batch.read(index, from, count)),
      );
    const width = this.#columns.length;
    const files = new Int32Array(count).fill(this.#index);
    const rows = new Float64Array(count).map((_, index) => this.#row + index + 1);
    const numbers = BigInt64Array.from(rows, BigInt);
    const whole = { kind: 'fixed', count, valid: undefined } as const;
    writeVector(vector(width), { ...whole, width: 4, bytes: new Uint8Array(files.buffer) });
    writeVector(vector(width + 1), { ...whole, width: 8, bytes: new Uint8Array(numbers.buffer) });
    this.#appender.appendDataChunk(this.#chunk);
    this.#row += count;
  }

  /** @throws COLUMN_TYPE, FILE_UNREADABLE */
  #values(column: ArrowColumn, place: string, before: number, read: () => Values): Values {
    try {
      return columnsIn(this.#file, read);
    } catch (error) {
      if (!(error instanceof ValueProblem)) throw error;
      const { name } = this.#file;
      const row = before + error.index + 1;
      const message = `${name} ${place} ${row}: column ${JSON.stringify(column.name)} is ${column.type}, but ${error.message}`;
      throw new GraphshiftError('COLUMN_TYPE', message, {
        details: { file: name, row, column: column.name, type: column.type },
      });
    }
  }

  #keep({ id, isDelta }: { id: bigint; isDelta: boolean }, message: ArrowMessage, body: Body): void {
    const column = withDictionary(this.#columns, id);
    if (!column) throw new BrokenBatch(`no column has dictionary ${id}`);
    const { dictionary: _, ...plain } = column;
    const batch = new BatchReader(batchOf(message.message), body, [plain], this.#dictionaries);
    const values = this.#values(column, 'dictionary entry', 0, () => batch.read(0, 0, batch.rows));
    const before = this.#dictionaries.get(id);
    this.#dictionaries.set(id, isDelta && before ? concatenated(before, values) : values);
  }

  #scratch(): string {
    return join(this.#duck.spillDirectory, 'arrow-body');
  }
}

function withDictionary(columns: readonly ArrowColumn[], id: bigint): ArrowColumn | undefined {
  for (const column of columns) {
    if (column.dictionary?.id === id) return column;
    const found = column.shape.kind === 'list' ? withDictionary([column.shape.child], id) : undefined;
    if (found) return found;
  }
  return undefined;
}
