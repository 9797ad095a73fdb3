/** Which buffers of a record batch belong to which column. */

import type { RecordBatch } from 'apache-arrow/fb/record-batch';
import type { Body } from './body.ts';
import type { ArrowColumn, FixedSize, Offsets } from './schema.ts';
import { BrokenBatch } from './values.ts';

/** A column with the buffers that hold it. */
export interface Bound {
  readonly column: ArrowColumn;
  readonly length: number;
  /** Index of the validity buffer, undefined where there are no nulls. */
  readonly validity?: number;
  /** Index of the first buffer behind it. */
  readonly buffer: number;
  /** Data buffers of a column of views. */
  readonly variadic: number;
  readonly child?: Bound;
}

/** Gives each column its share of a batch's nodes and buffers, which stand in the order of the columns. */
export class Binder {
  readonly #batch: RecordBatch;
  readonly #body: Body;
  #node = 0;
  #buffer = 0;
  /** Columns of views so far: only these say how many data buffers they have. */
  #view = 0;

  constructor(batch: RecordBatch, body: Body) {
    this.#batch = batch;
    this.#body = body;
  }

  bind(columns: readonly ArrowColumn[], rows: number): Bound[] {
    const bound = columns.map((column) => this.#bind(column, rows));
    if (this.#node !== this.#batch.nodesLength() || this.#buffer !== this.#body.buffers)
      throw new BrokenBatch('a record batch does not fit the schema');
    return bound;
  }

  /** @param rows that the column has at least */
  #bind(column: ArrowColumn, rows: number): Bound {
    const node = this.#batch.nodes(this.#node);
    this.#node += 1;
    const length = Number(node?.length() ?? -1);
    if (length < rows || !Number.isSafeInteger(length))
      throw new BrokenBatch(`column ${JSON.stringify(column.name)} has ${length} rows instead of ${rows}`);
    const { shape, dictionary } = column;
    if (shape.kind === 'null') return { column, length, buffer: this.#buffer, variadic: 0 };
    const nulls = Number(node?.nullCount() ?? 0) !== 0;
    const own = {
      column,
      length,
      ...(nulls && { validity: this.#buffer }),
      buffer: this.#buffer + 1,
      variadic: 0,
    };
    if (dictionary || (shape.kind !== 'bytes' && shape.kind !== 'list')) {
      this.#buffer += 2;
      return own;
    }
    if (shape.kind === 'bytes') return { ...own, variadic: this.#takeBytes(shape.offsets) };
    const { offsets, child } = shape;
    this.#buffer += typeof offsets === 'number' ? 2 : 1;
    return { ...own, child: this.#bind(child, typeof offsets === 'number' ? 0 : length * offsets.size) };
  }

  /** Validity, then offsets and data, or data alone, or views and the data buffers that they point into. */
  #takeBytes(offsets: Offsets | FixedSize | 'view'): number {
    if (offsets !== 'view') {
      this.#buffer += typeof offsets === 'number' ? 3 : 2;
      return 0;
    }
    const variadic = Number(this.#batch.variadicBufferCounts(this.#view) ?? 0);
    this.#view += 1;
    if (!(variadic >= 0 && variadic <= this.#body.buffers))
      throw new BrokenBatch(`a column has ${variadic} data buffers`);
    this.#buffer += 2 + variadic;
    return variadic;
  }
}
