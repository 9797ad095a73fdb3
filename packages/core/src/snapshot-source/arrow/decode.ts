/**
 * Rows of a record batch as plain arrays, a slice at a time: bounds, offsets, indices and texts are checked here, so
 * that a broken file is an error and never a wrong value.
 */

import { isUtf8 } from 'node:buffer';
import type { RecordBatch } from 'apache-arrow/fb/record-batch';
import { Binder, type Bound } from './binding.ts';
import type { Body } from './body.ts';
import { convert, convertedBytes, ValueProblem } from './conversions.ts';
import { type Dictionaries, gather, indicesOf } from './dictionaries.ts';
import type { ArrowColumn, FixedSize, Offsets, Shape } from './schema.ts';
import { BrokenBatch, isSet, type Validity, type Values } from './values.ts';

/** A dictionary without entries, for values of this shape. */
function noValues(shape: Shape): Values {
  const own = { count: 0, valid: undefined };
  if (shape.kind === 'bytes')
    return { ...own, kind: 'bytes', data: NOTHING, starts: new Float64Array(0), ends: new Float64Array(0) };
  return { ...own, kind: 'fixed', width: shape.kind === 'fixed' ? widthOf(shape) : 1, bytes: NOTHING };
}

const NOTHING = new Uint8Array(0);

/** Bytes of one value as DuckDB keeps it. */
function widthOf(shape: Shape & { kind: 'fixed' }): number {
  return shape.convert ? convertedBytes(shape.convert) : shape.bytes;
}

/** A batch's columns, ready to be read by rows. */
export class BatchReader {
  readonly rows: number;
  readonly #body: Body;
  readonly #dictionaries: Dictionaries;
  readonly #columns: readonly Bound[];

  /** @throws BrokenBatch where the batch does not fit the columns */
  constructor(batch: RecordBatch, body: Body, columns: readonly ArrowColumn[], dictionaries: Dictionaries) {
    this.#body = body;
    this.#dictionaries = dictionaries;
    this.rows = Number(batch.length());
    this.#columns = new Binder(batch, body).bind(columns, this.rows);
  }

  /** Rows `from` to `from + count` of a column. @throws BrokenBatch, ValueProblem */
  read(column: number, from: number, count: number): Values {
    const bound = this.#columns[column];
    if (!bound) throw new BrokenBatch(`column ${column} is missing`);
    return this.#values(bound, from, count);
  }

  #values(bound: Bound, from: number, count: number): Values {
    const { dictionary, shape } = bound.column;
    const valid = this.#validity(bound, from, count);
    if (dictionary) {
      // A writer may leave out the dictionary of a column that has only nulls.
      const values = this.#dictionaries.get(dictionary.id) ?? noValues(shape);
      const bytes = this.#read(bound.buffer, from, count, dictionary.bytes);
      return gather(values, indicesOf(bytes, dictionary.bytes, dictionary.signed, count), valid);
    }
    switch (shape.kind) {
      case 'null':
        return {
          kind: 'fixed',
          count,
          valid: new Uint8Array((count + 7) >> 3),
          width: 4,
          bytes: new Uint8Array(4 * count),
        };
      case 'bits':
        return { kind: 'fixed', count, valid, width: 1, bytes: this.#booleans(bound.buffer, from, count) };
      case 'fixed':
        return this.#fixed(bound, shape, from, count, valid);
      case 'bytes':
        return this.#bytes(bound, shape, from, count, valid);
      case 'list':
        return this.#list(bound, shape.offsets, from, count, valid);
      case 'refused':
        throw new BrokenBatch(`${bound.column.type} cannot be read`);
    }
  }

  #read(buffer: number, from: number, count: number, width: number): Uint8Array {
    return this.#body.read(buffer, from * width, (from + count) * width);
  }

  #validity(bound: Bound, from: number, count: number): Validity {
    if (bound.validity === undefined || count === 0) return undefined;
    return bitsOf(this.#body.read(bound.validity, from >> 3, (from + count + 7) >> 3), from & 7, count);
  }

  #booleans(buffer: number, from: number, count: number): Uint8Array {
    const bits = this.#body.read(buffer, from >> 3, (from + count + 7) >> 3);
    const result = new Uint8Array(count);
    const shift = from & 7;
    for (let index = 0; index < count; index += 1)
      result[index] = ((bits[(index + shift) >> 3] ?? 0) >> ((index + shift) & 7)) & 1;
    return result;
  }

  #fixed(
    bound: Bound,
    shape: Shape & { kind: 'fixed' },
    from: number,
    count: number,
    valid: Validity,
  ): Values {
    const bytes = this.#read(bound.buffer, from, count, shape.bytes);
    if (!shape.convert) return { kind: 'fixed', count, valid, width: shape.bytes, bytes };
    const converted = convert(shape.convert, bytes, count, (index) => isSet(valid, index));
    return { kind: 'fixed', count, valid, width: widthOf(shape), bytes: converted };
  }

  #bytes(
    bound: Bound,
    shape: Shape & { kind: 'bytes' },
    from: number,
    count: number,
    valid: Validity,
  ): Values {
    const { offsets } = shape;
    const read =
      offsets === 'view'
        ? this.#views(bound, from, count, valid)
        : this.#offsetBytes(bound, offsets, from, count);
    const values = { kind: 'bytes' as const, count, valid, ...read };
    if (shape.text) refuseBrokenText(values);
    return values;
  }

  #offsetBytes(bound: Bound, kind: Offsets | FixedSize, from: number, count: number) {
    const offsets = this.#offsets(bound, kind, from, count);
    const first = offsets[0] ?? 0;
    const data = this.#body.read(
      typeof kind === 'number' ? bound.buffer + 1 : bound.buffer,
      first,
      offsets[count] ?? first,
    );
    for (let index = 0; index <= count; index += 1) offsets[index] = (offsets[index] ?? 0) - first;
    return { data, starts: offsets.subarray(0, count), ends: offsets.subarray(1, count + 1) };
  }

  /** Growing offsets of `count` rows and the end of the last. */
  #offsets(bound: Bound, kind: Offsets | FixedSize, from: number, count: number): Float64Array {
    const result = new Float64Array(count + 1);
    if (typeof kind !== 'number') {
      for (let index = 0; index <= count; index += 1) result[index] = (from + index) * kind.size;
      return result;
    }
    // A batch without rows may leave its one offset out.
    if (count === 0) return result;
    const bytes = this.#body.read(bound.buffer, (from * kind) / 8, ((from + count + 1) * kind) / 8);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    let previous = 0;
    for (let index = 0; index <= count; index += 1) {
      const offset =
        kind === 32
          ? (words[index] ?? 0)
          : (words[2 * index + 1] ?? 0) * 2 ** 32 + ((words[2 * index] ?? 0) >>> 0);
      if (offset < previous) throw new BrokenBatch(`offset ${offset} follows offset ${previous}`);
      result[index] = offset;
      previous = offset;
    }
    return result;
  }

  /** Views hold short values themselves, and point into data buffers for the others; all are brought together. */
  #views(bound: Bound, from: number, count: number, valid: Validity) {
    const bytes = this.#read(bound.buffer, from, count, 16);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, count * 4);
    const starts = new Float64Array(count);
    const ends = new Float64Array(count);
    let total = 0;
    for (let index = 0; index < count; index += 1) {
      const length = isSet(valid, index) ? (words[4 * index] ?? 0) : 0;
      if (length < 0) throw new BrokenBatch(`a value of ${length} bytes`);
      starts[index] = total;
      total += length;
      ends[index] = total;
    }
    const data = new Uint8Array(total);
    for (let index = 0; index < count; index += 1) {
      const [start, end] = [starts[index] ?? 0, ends[index] ?? 0];
      const at = 4 * index;
      const length = end - start;
      if (length <= 12) data.set(bytes.subarray(4 * at + 4, 4 * at + 4 + length), start);
      else data.set(this.#viewed(bound, words[at + 2] ?? -1, words[at + 3] ?? -1, length), start);
    }
    return { data, starts, ends };
  }

  #viewed(bound: Bound, buffer: number, offset: number, length: number): Uint8Array {
    if (buffer < 0 || buffer >= bound.variadic) throw new BrokenBatch(`a view into data buffer ${buffer}`);
    return this.#body.read(bound.buffer + 1 + buffer, offset, offset + length);
  }

  #list(bound: Bound, kind: Offsets | FixedSize, from: number, count: number, valid: Validity): Values {
    const offsets = this.#offsets(bound, kind, from, count);
    const first = offsets[0] ?? 0;
    const end = offsets[count] ?? first;
    if (!bound.child || end > bound.child.length) throw new BrokenBatch(`a list reaches element ${end}`);
    for (let index = 0; index <= count; index += 1) offsets[index] = (offsets[index] ?? 0) - first;
    try {
      return { kind: 'list', count, valid, offsets, items: this.#values(bound.child, first, end - first) };
    } catch (error) {
      if (!(error instanceof ValueProblem)) throw error;
      throw new ValueProblem(
        offsets.findLastIndex((offset) => offset <= error.index),
        error.message,
      );
    }
  }
}

/** `count` bits from bit `shift` on, moved to bit 0. */
function bitsOf(bytes: Uint8Array, shift: number, count: number): Uint8Array {
  if (shift === 0) return bytes;
  const result = new Uint8Array((count + 7) >> 3);
  for (let index = 0; index < result.length; index += 1)
    result[index] = ((bytes[index] ?? 0) >> shift) | ((bytes[index + 1] ?? 0) << (8 - shift));
  return result;
}

/** UTF-8 as a whole whose values begin and end between characters is UTF-8 in each value. */
function refuseBrokenText(values: Values & { kind: 'bytes' }): void {
  const { data, starts, ends, count, valid } = values;
  const whole = isUtf8(data);
  for (let row = 0; row < count; row += 1) {
    if (!isSet(valid, row)) continue;
    const [start, end] = [starts[row] ?? 0, ends[row] ?? 0];
    if (whole ? isInside(data, start) || isInside(data, end) : !isUtf8(data.subarray(start, end)))
      throw new ValueProblem(row, 'a text is not UTF-8');
  }
}

/** Whether a character goes on at this byte. */
function isInside(data: Uint8Array, at: number): boolean {
  return at < data.length && ((data[at] ?? 0) & 0xc0) === 0x80;
}
