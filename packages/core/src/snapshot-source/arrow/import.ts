/**
 * Arrow files for DuckDB, which has no reader for them: each is decoded once, batch by batch, into Parquet files that
 * go the way of all others, with the number of the file and row that each row came from.
 */

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { batchOf, dictionaryOf, type PlacedMessage } from '@graphshift/flight/ipc';
import { GraphshiftError } from '../../platform/errors.ts';
import type { Duck } from '../duckdb.ts';
import { type Body, type Codecs, openBody, openCodecs } from './body.ts';
import { ValueProblem } from './conversions.ts';
import { BatchReader } from './decode.ts';
import { concatenated } from './dictionaries.ts';
import { readLayout, unreadable } from './messages.ts';
import { PartWriter } from './parts.ts';
import { type ArrowColumn, columnsOf } from './schema.ts';
import { BrokenBatch, type Values } from './values.ts';

/** Rows between two turns of the event loop. */
const ROWS_A_TURN = 65_536;

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
 * Decodes files that have the same columns into Parquet files in DuckDB's scratch directory, with the columns
 * `columnName(0…)`, `FILE_INDEX` and `ROW_NUMBER`.
 * @param name unique among all imports of a snapshot
 * @returns the paths of these files, one at least
 * @throws COLUMN_TYPE naming the row for a value that its type cannot hold; FILE_UNREADABLE
 */
export async function importArrow(
  duck: Duck,
  name: string,
  files: readonly ArrowFile[],
  columns: readonly ArrowColumn[],
  signal?: AbortSignal,
): Promise<string[]> {
  const codecs = await openCodecs();
  const scratch = join(duck.spillDirectory, `${name}-body`);
  const writer = new PartWriter(duck, name, columns, (index) => files[index]?.name ?? '');
  try {
    for (const [index, file] of files.entries())
      await withFile(file, (handle) =>
        new FileImport(writer, codecs, scratch, file, index).run(handle, signal),
      );
    return await writer.finish();
  } finally {
    writer.close();
  }
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

/** One file on its way into the parts. */
class FileImport {
  readonly #writer: PartWriter;
  readonly #codecs: Codecs;
  readonly #scratch: string;
  readonly #file: ArrowFile;
  readonly #index: number;
  readonly #dictionaries = new Map<bigint, Values>();
  #columns: readonly ArrowColumn[] = [];
  #row = 0;
  #turn = 0;

  constructor(writer: PartWriter, codecs: Codecs, scratch: string, file: ArrowFile, index: number) {
    this.#writer = writer;
    this.#codecs = codecs;
    this.#scratch = scratch;
    this.#file = file;
    this.#index = index;
  }

  async run(handle: FileHandle, signal: AbortSignal | undefined): Promise<void> {
    const { schema, messages } = await readLayout(handle, this.#file.name);
    this.#columns = columnsIn(this.#file, () => columnsOf(schema));
    for (const message of messages) {
      const body = columnsIn(this.#file, () =>
        openBody(handle.fd, this.#file.name, message, this.#codecs, this.#scratch),
      );
      try {
        const dictionary = dictionaryOf(message.message);
        if (dictionary) columnsIn(this.#file, () => this.#keep(dictionary, message, body));
        else await this.#append(message, body, signal);
      } finally {
        body.close();
      }
    }
  }

  async #append(message: PlacedMessage, body: Body, signal: AbortSignal | undefined): Promise<void> {
    const batch = columnsIn(
      this.#file,
      () => new BatchReader(batchOf(message.message), body, this.#columns, this.#dictionaries),
    );
    for (let from = 0; from < batch.rows; from += this.#writer.capacity) {
      const count = Math.min(this.#writer.capacity, batch.rows - from);
      const values = this.#columns.map((column, index) =>
        this.#values(column, 'row', this.#row, () => batch.read(index, from, count)),
      );
      await this.#writer.append(values, count, this.#index, this.#row + 1);
      await this.#writer.settle();
      this.#row += count;
      this.#turn += count;
      if (this.#turn < ROWS_A_TURN) continue;
      this.#turn = 0;
      await new Promise(setImmediate);
      signal?.throwIfAborted();
    }
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

  #keep({ id, isDelta }: { id: bigint; isDelta: boolean }, message: PlacedMessage, body: Body): void {
    const column = withDictionary(this.#columns, id);
    if (!column) throw new BrokenBatch(`no column has dictionary ${id}`);
    const { dictionary: _, ...plain } = column;
    const batch = new BatchReader(batchOf(message.message), body, [plain], this.#dictionaries);
    const values = this.#values(column, 'dictionary entry', 0, () => batch.read(0, 0, batch.rows));
    const before = this.#dictionaries.get(id);
    this.#dictionaries.set(id, isDelta && before ? concatenated(before, values) : values);
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
