/**
 * Columns of a record batch, gathered from DuckDB's vectors as bytes: no text and no number becomes an object in
 * between. The layout of a text in a vector (its length, then up to twelve bytes, or a pointer) is that of DuckDB's C
 * interface. The buffers are used again for the next batch, so a batch is written before anything is appended.
 */

import duckdb, { type Vector } from '@duckdb/node-bindings';
import { isSet, type Validity } from './values.ts';

/** What the values of a column are: text, one bit each, or fixed widths in bytes; or lists of these. */
export interface GatheredType {
  readonly items: 'text' | 'bits' | 4 | 8;
  readonly list: boolean;
}

/** A column's buffers in Arrow's order; a list has a child. */
export interface ColumnBuffers {
  readonly length: number;
  readonly nulls: number;
  /** The validity first, empty where there are no nulls. */
  readonly buffers: readonly Uint8Array[];
  readonly child?: ColumnBuffers;
}

/** Appends rows of one vector. */
export type Append = (from: number, count: number) => void;

export interface GatheredColumn {
  /** Bytes of the values so far. */
  readonly bytes: number;
  /** @param size rows of the vector */
  open(vector: Vector, size: number): Append;
  /** What was gathered, as views of this column's buffers; it begins again. */
  take(): ColumnBuffers;
}

const NOTHING = new Uint8Array(0);
const TEXT_BYTES = 16;
/** Texts up to this length stand in the vector itself. */
const INLINE_BYTES = 12;

export function gatherColumn({ items, list }: GatheredType): GatheredColumn {
  const values =
    items === 'text' ? new GatheredTexts() : items === 'bits' ? new GatheredBits() : new GatheredFixed(items);
  return list ? new GatheredLists(values) : values;
}

/** Bytes that grow by doubling. */
class Bytes {
  data = new Uint8Array(1024);

  /** Makes room for this many in all. */
  reserve(bytes: number): void {
    if (bytes <= this.data.length) return;
    const grown = new Uint8Array(Math.max(bytes, 2 * this.data.length));
    grown.set(this.data);
    this.data = grown;
  }
}

/** One bit a row, set where there is a value. */
class Nulls {
  readonly #bits = new Bytes();
  rows = 0;
  nulls = 0;

  append(valid: Validity, from: number, count: number): void {
    const before = (this.rows + 7) >> 3;
    const after = (this.rows + count + 7) >> 3;
    this.#bits.reserve(after);
    const { data } = this.#bits;
    data.fill(0xff, before, after);
    for (let row = 0; valid && row < count; row += 1) {
      if (isSet(valid, from + row)) continue;
      const at = this.rows + row;
      data[at >> 3] = (data[at >> 3] ?? 0) & ~(1 << (at & 7));
      this.nulls += 1;
    }
    this.rows += count;
  }

  take(buffers: readonly Uint8Array[], child?: ColumnBuffers): ColumnBuffers {
    const { rows: length, nulls } = this;
    const validity = nulls > 0 ? this.#bits.data.subarray(0, (length + 7) >> 3) : NOTHING;
    this.rows = 0;
    this.nulls = 0;
    return { length, nulls, buffers: [validity, ...buffers], ...(child && { child }) };
  }
}

function validityOf(vector: Vector, size: number): Validity {
  return duckdb.vector_get_validity(vector, Math.ceil(size / 64) * 8) ?? undefined;
}

function dataOf(vector: Vector, bytes: number): Uint8Array {
  return bytes === 0 ? NOTHING : duckdb.vector_get_data(vector, bytes);
}

class GatheredFixed implements GatheredColumn {
  readonly #nulls = new Nulls();
  readonly #values = new Bytes();
  readonly #width: number;

  constructor(width: number) {
    this.#width = width;
  }

  get bytes(): number {
    return this.#nulls.rows * this.#width;
  }

  open(vector: Vector, size: number): Append {
    const data = dataOf(vector, size * this.#width);
    const valid = validityOf(vector, size);
    return (from, count) => {
      const at = this.bytes;
      this.#values.reserve(at + count * this.#width);
      this.#values.data.set(data.subarray(from * this.#width, (from + count) * this.#width), at);
      this.#nulls.append(valid, from, count);
    };
  }

  take(): ColumnBuffers {
    const values = this.#values.data.subarray(0, this.bytes);
    return this.#nulls.take([values]);
  }
}

class GatheredBits implements GatheredColumn {
  readonly #nulls = new Nulls();
  readonly #bits = new Bytes();

  get bytes(): number {
    return this.#nulls.rows >> 3;
  }

  open(vector: Vector, size: number): Append {
    const data = dataOf(vector, size);
    const valid = validityOf(vector, size);
    return (from, count) => {
      const before = this.#nulls.rows;
      const after = (before + count + 7) >> 3;
      this.#bits.reserve(after);
      const bits = this.#bits.data;
      bits.fill(0, (before + 7) >> 3, after);
      for (let row = 0; row < count; row += 1) {
        const [at, mask] = [(before + row) >> 3, 1 << ((before + row) & 7)];
        // Behind a null stands any byte.
        const set = data[from + row] === 1 && isSet(valid, from + row);
        bits[at] = set ? (bits[at] ?? 0) | mask : (bits[at] ?? 0) & ~mask;
      }
      this.#nulls.append(valid, from, count);
    };
  }

  take(): ColumnBuffers {
    const bits = this.#bits.data.subarray(0, (this.#nulls.rows + 7) >> 3);
    return this.#nulls.take([bits]);
  }
}

/** The first place of each row, and one more. */
class Offsets {
  #offsets = new Int32Array(1024);
  rows = 0;

  get last(): number {
    return this.#offsets[this.rows] ?? 0;
  }

  reserve(rows: number): void {
    if (rows + 1 <= this.#offsets.length) return;
    const grown = new Int32Array(Math.max(rows + 1, 2 * this.#offsets.length));
    grown.set(this.#offsets);
    this.#offsets = grown;
  }

  push(end: number): void {
    this.rows += 1;
    this.#offsets[this.rows] = end;
  }

  take(): Uint8Array {
    const taken = new Uint8Array(this.#offsets.buffer, 0, (this.rows + 1) * 4);
    this.rows = 0;
    return taken;
  }
}

class GatheredTexts implements GatheredColumn {
  readonly #nulls = new Nulls();
  readonly #offsets = new Offsets();
  readonly #text = new Bytes();

  get bytes(): number {
    return this.#offsets.last;
  }

  open(vector: Vector, size: number): Append {
    const slots = dataOf(vector, size * TEXT_BYTES);
    const lengths = new Int32Array(slots.buffer, slots.byteOffset, size * (TEXT_BYTES / 4));
    const valid = validityOf(vector, size);
    return (from, count) => {
      this.#offsets.reserve(this.#offsets.rows + count);
      for (let row = from; row < from + count; row += 1) {
        const length = isSet(valid, row) ? (lengths[row * (TEXT_BYTES / 4)] ?? 0) : 0;
        this.#append(slots, row * TEXT_BYTES, length);
      }
      this.#nulls.append(valid, from, count);
    };
  }

  #append(slots: Uint8Array, slot: number, length: number): void {
    const at = this.#offsets.last;
    const end = at + length;
    this.#text.reserve(end);
    const { data } = this.#text;
    if (length > INLINE_BYTES) {
      const buffer = slots.buffer as ArrayBuffer;
      data.set(duckdb.get_data_from_pointer(buffer, slots.byteOffset + slot + 8, length), at);
    } else {
      for (let byte = 0; byte < length; byte += 1) data[at + byte] = slots[slot + 4 + byte] ?? 0;
    }
    this.#offsets.push(end);
  }

  take(): ColumnBuffers {
    const text = this.#text.data.subarray(0, this.bytes);
    return this.#nulls.take([this.#offsets.take(), text]);
  }
}

class GatheredLists implements GatheredColumn {
  readonly #nulls = new Nulls();
  readonly #offsets = new Offsets();
  readonly #items: GatheredColumn;

  constructor(items: GatheredColumn) {
    this.#items = items;
  }

  get bytes(): number {
    return this.#items.bytes + 4 * this.#offsets.rows;
  }

  open(vector: Vector, size: number): Append {
    // First item and number of items of each row, of 64 bits; a vector has fewer than 2^32.
    const entries = dataOf(vector, size * 16);
    const words = new Uint32Array(entries.buffer, entries.byteOffset, size * 4);
    const valid = validityOf(vector, size);
    const items = duckdb.list_vector_get_size(vector);
    const append = this.#items.open(duckdb.list_vector_get_child(vector), items);
    return (from, count) => {
      this.#offsets.reserve(this.#offsets.rows + count);
      for (let row = from; row < from + count; row += 1) {
        const length = isSet(valid, row) ? (words[4 * row + 2] ?? 0) : 0;
        if (length > 0) append(words[4 * row] ?? 0, length);
        this.#offsets.push(this.#offsets.last + length);
      }
      this.#nulls.append(valid, from, count);
    };
  }

  take(): ColumnBuffers {
    return this.#nulls.take([this.#offsets.take()], this.#items.take());
  }
}
