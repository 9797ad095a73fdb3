/**
 * Arrow files for DuckDB, which has no reader for them: each is decoded once, batch by batch, into Parquet files that
 * go the way of all others, with the number of the file and row that each row came from.
 */

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duck } from '../duckdb.ts';
import { type ArrowBatch, type ArrowFile, columnsIn, readBatches } from './batches.ts';
import { openCodecs } from './body.ts';
import { readLayout } from './messages.ts';
import { PartWriter } from './parts.ts';
import { type ArrowColumn, columnsOf } from './schema.ts';

/** Rows between two turns of the event loop. */
const ROWS_A_TURN = 65_536;

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
    const turns = new Turns(signal);
    for (const [index, file] of files.entries())
      await withFile(file, async (handle) => {
        for await (const batch of readBatches(handle, file, codecs, scratch))
          await append(writer, batch, index, turns);
      });
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

async function append(writer: PartWriter, batch: ArrowBatch, file: number, turns: Turns): Promise<void> {
  for (let from = 0; from < batch.rows; from += writer.capacity) {
    const count = Math.min(writer.capacity, batch.rows - from);
    const values = batch.columns.map((_, index) => batch.read(index, from, count, (read) => read));
    await writer.append(values, count, file, batch.before + from + 1);
    await writer.settle();
    await turns.after(count);
  }
}

/** Gives the event loop its turn, and the signal. */
class Turns {
  readonly #signal: AbortSignal | undefined;
  #rows = 0;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  async after(rows: number): Promise<void> {
    this.#rows += rows;
    if (this.#rows < ROWS_A_TURN) return;
    this.#rows = 0;
    await new Promise(setImmediate);
    this.#signal?.throwIfAborted();
  }
}
