/** What reading a snapshot's Parquet files takes of memory, which is set by how they were written: by their row groups. */

import { join } from 'node:path';
import { type Duck, quoteFiles } from './duckdb.ts';
import { formatOf } from './file-format.ts';
import type { ListedFile } from './layout.ts';

export interface ReadingRoom {
  readonly memoryBytes: number;
  readonly threads: number;
}

/** What DuckDB needs beside the row groups that it is in. */
const BESIDE_BYTES = 32 * 2 ** 20;
/** What it needs more while it looks ids up. */
const LOOK_UP_BYTES = 32 * 2 ** 20;
/**
 * A thread holds a page of each column, packed and unpacked, in buffers whose sizes are powers of two. Writers such as
 * DuckDB make one page of all that a row group has of a column; with less than this a read of their files ends with `Out
 * of Memory`.
 */
const HELD = `sum(power(2, ceil(log2(greatest(total_compressed_size, 1)))) + power(2, ceil(log2(greatest(total_uncompressed_size, 1)))))`;

export interface MadeRoom extends ReadingRoom {
  /** Whether rows can be read while the ends of relationships are looked up; else one comes after the other. */
  readonly both: boolean;
}

/**
 * Gives DuckDB the room that these files take: fewer threads before more memory, and more memory where one thread needs
 * it. Where no row group is large, nothing changes.
 * @param path the snapshot's absolute directory
 */
export async function makeRoom(
  duck: Duck,
  path: string,
  files: readonly ListedFile[],
  given: ReadingRoom,
): Promise<MadeRoom> {
  const room = roomFor(await mostHeld(duck, path, files), given);
  await duck.run(`SET GLOBAL threads = ${room.threads}`);
  await duck.run(`SET GLOBAL memory_limit = '${Math.ceil(room.memoryBytes / 1024)}KiB'`);
  return room;
}

/** @param held bytes that a thread holds of the row group that takes most */
export function roomFor(held: number, given: ReadingRoom): MadeRoom {
  const needed = (threads: number) => BESIDE_BYTES + held * threads;
  let { threads } = given;
  while (threads > 1 && needed(threads) > given.memoryBytes) threads -= 1;
  const memoryBytes = Math.max(given.memoryBytes, needed(threads));
  return { threads, memoryBytes, both: needed(threads) + LOOK_UP_BYTES <= memoryBytes };
}

/** What a thread holds of the row group that takes most; 0 without a Parquet file, or where a footer cannot be read: the check says so. */
async function mostHeld(duck: Duck, path: string, files: readonly ListedFile[]): Promise<number> {
  const parquet = files.filter((file) => formatOf(file.path) === 'parquet');
  if (parquet.length === 0) return 0;
  const list = quoteFiles(parquet.map((file) => join(path, file.path)));
  const rows = await duck
    .rows(
      `SELECT max(held) AS held FROM (
         SELECT ${HELD} AS held FROM parquet_metadata(${list}) GROUP BY file_name, row_group_id)`,
    )
    .catch(() => []);
  return Number(rows[0]?.held ?? 0);
}
