/** The rows of a query as columns of buffers, some at a time; DuckDB decodes ahead while they are used. */

import duckdb from '@duckdb/node-bindings';
import type { Duck } from '../duckdb.ts';
import {
  type ColumnBuffers,
  type GatheredColumn,
  type GatheredType,
  gatherColumn,
} from './gathered-columns.ts';

export interface RowQuery {
  readonly sql: string;
  /** Of its columns, in their order; the query casts to these. */
  readonly types: readonly GatheredType[];
  /** Rows are handed out when there are so many, or so many bytes of them; a vector of DuckDB's more at most. */
  readonly rows: number;
  readonly bytes: number;
  /** What DuckDB may decode ahead. */
  readonly aheadBytes: number;
}

/** To be used before the next rows are asked for: the buffers are filled again. */
export interface RowBuffers {
  readonly rows: number;
  readonly columns: readonly ColumnBuffers[];
}

export async function* gatherRows(duck: Duck, query: RowQuery): AsyncGenerator<RowBuffers> {
  const columns = query.types.map(gatherColumn);
  const connection = await duck.connect();
  await connection.run(`SET streaming_buffer_size = '${Math.ceil(query.aheadBytes / 1024)}KiB'`);
  const result = await connection.stream(query.sql);
  const take = (taken: number) => ({ rows: taken, columns: columns.map((column) => column.take()) });
  // The next rows are decoded while these are gathered and used.
  let next = result.fetchChunk();
  let rows = 0;
  try {
    for (;;) {
      const read = await next;
      if (!read || read.rowCount === 0) break;
      next = result.fetchChunk();
      next.catch(() => {});
      for (const [index, column] of columns.entries())
        column.open(duckdb.data_chunk_get_vector(read.chunk, index), read.rowCount)(0, read.rowCount);
      rows += read.rowCount;
      if (rows < query.rows && bytesOf(columns) < query.bytes) continue;
      yield take(rows);
      rows = 0;
    }
    if (rows > 0) yield take(rows);
  } finally {
    await next.catch(() => {});
    connection.closeSync();
  }
}

function bytesOf(columns: readonly GatheredColumn[]): number {
  return columns.reduce((sum, { bytes }) => sum + bytes, 0);
}
