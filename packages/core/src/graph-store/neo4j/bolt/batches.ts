/** Rows of a staged chunk as batches of columns, no larger than the server takes them. */

import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';

/** Rows of consecutive places in a chunk. */
export interface Batch {
  /** Place of the first row. */
  readonly from: number;
  readonly rows: number;
  /** Values, one list a column: the ids, then the properties. */
  readonly columns: readonly (readonly unknown[])[];
  /** The labels of each row as one text, where they differ. */
  readonly labels?: readonly string[];
}

/** Values of one transaction, in bytes as they are sent; what the server makes of them is several times that. */
const MOST_BYTES = 4 * 2 ** 20;
/** Rows that are read between two looks at the bytes. */
const SLICE = 128;
/** A batch of so few rows that still has no room is not the batch's fault. */
const FEWEST_ROWS = 50;
/** After so many batches without trouble it grows by a tenth. */
const GROW_AFTER = 20;

/** The size of a batch: halved when the server has no memory for one, growing again slowly. */
export class BatchSize {
  readonly #most: number;
  #rows: number;
  #calm = 0;

  constructor(most: number) {
    this.#most = most;
    this.#rows = most;
  }

  get rows(): number {
    return this.#rows;
  }

  /** @returns false when it cannot get any smaller than `rows` was */
  halve(rows: number): boolean {
    this.#calm = 0;
    if (rows <= FEWEST_ROWS) return false;
    this.#rows = Math.max(FEWEST_ROWS, Math.min(this.#rows, Math.floor(rows / 2)));
    return true;
  }

  /** A batch went well. */
  succeed(): void {
    this.#calm += 1;
    if (this.#calm < GROW_AFTER || this.#rows >= this.#most) return;
    this.#calm = 0;
    this.#rows = Math.min(this.#most, Math.ceil(this.#rows * 1.1));
  }
}

export interface BatchSource {
  readonly connection: DuckDBConnection;
  /** Rows in their order, the labels' column last where there is one. */
  readonly sql: string;
  readonly readers: readonly ((value: unknown) => unknown)[];
  readonly labelled: boolean;
  readonly from: number;
  readonly size: BatchSize;
}

export async function* readBatches(source: BatchSource): AsyncGenerator<Batch> {
  const gathered = new Gathered(source);
  const result = await source.connection.stream(source.sql);
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) break;
    for (let start = 0; start < chunk.rowCount; start += SLICE) {
      gathered.append(chunk, start, Math.min(chunk.rowCount, start + SLICE));
      while (gathered.isFull(source.size.rows)) yield gathered.take(source.size.rows);
    }
  }
  while (gathered.rows > 0) yield gathered.take(source.size.rows);
}

class Gathered {
  readonly #source: BatchSource;
  #columns: unknown[][];
  #labels: string[] = [];
  #from: number;
  #bytes = 0;
  rows = 0;

  constructor(source: BatchSource) {
    this.#source = source;
    this.#from = source.from;
    this.#columns = source.readers.map(() => []);
  }

  isFull(rows: number): boolean {
    return this.rows >= rows || this.#bytes >= MOST_BYTES;
  }

  append(chunk: DuckDBDataChunk, start: number, end: number): void {
    const { readers, labelled } = this.#source;
    for (const [index, read] of readers.entries()) {
      const vector = chunk.getColumnVector(index);
      const column = this.#columns[index];
      for (let row = start; row < end; row++) {
        const value = read(vector.getItem(row));
        this.#bytes += sizeOf(value);
        column?.push(value);
      }
    }
    if (labelled) {
      const vector = chunk.getColumnVector(readers.length);
      for (let row = start; row < end; row++) this.#labels.push(String(vector.getItem(row)));
    }
    this.rows += end - start;
  }

  take(most: number): Batch {
    const rows = Math.min(most, this.rows);
    const whole = rows === this.rows;
    const columns = whole ? this.#columns : this.#columns.map((column) => column.splice(0, rows));
    const labels = this.#source.labelled ? this.#labels.splice(0, rows) : undefined;
    const batch = { from: this.#from, rows, columns, ...(labels && { labels }) };
    if (whole) this.#columns = this.#columns.map(() => []);
    this.#bytes = whole ? 0 : Math.floor((this.#bytes * (this.rows - rows)) / this.rows);
    this.#from += rows;
    this.rows -= rows;
    return batch;
  }
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 3;
  if (value instanceof Int8Array) return value.length + 3;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + sizeOf(item), 3);
  return 9;
}

/** The two halves of a batch. */
export function splitBatch({ from, rows, columns, labels }: Batch): readonly [Batch, Batch] {
  const middle = Math.ceil(rows / 2);
  const cut = (start: number, end: number): Batch => ({
    from: from + start,
    rows: end - start,
    columns: columns.map((column) => column.slice(start, end)),
    ...(labels && { labels: labels.slice(start, end) }),
  });
  return [cut(0, middle), cut(middle, rows)];
}

/** Consecutive rows with the same labels. */
export function runsOf(batch: Batch): readonly { labels: string | undefined; batch: Batch }[] {
  const { labels, columns, rows } = batch;
  if (!labels) return [{ labels: undefined, batch }];
  const runs: { labels: string | undefined; batch: Batch }[] = [];
  for (let start = 0; start < rows; ) {
    let end = start + 1;
    while (end < rows && labels[end] === labels[start]) end += 1;
    const part = { from: batch.from + start, rows: end - start };
    runs.push({
      labels: labels[start],
      batch: { ...part, columns: columns.map((column) => column.slice(start, end)) },
    });
    start = end;
  }
  return runs;
}
