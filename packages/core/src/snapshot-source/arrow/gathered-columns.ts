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
const TEXT_WORDS = TEXT_BYTES / 4;
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

  /** Makes room for the ends of more rows. @returns it, to be filled */
  extend(count: number): Int32Array {
    const before = this.rows + 1;
    this.rows += count;
    if (this.rows + 1 > this.#offsets.length) {
      const grown = new Int32Array(Math.max(this.rows + 1, 2 * this.#offsets.length));
      grown.set(this.#offsets);
      this.#offsets = grown;
    }
    return this.#offsets.subarray(before, before + count);
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
    const words = new Uint32Array(slots.buffer, slots.byteOffset, size * TEXT_WORDS);
    const valid = validityOf(vector, size);
    return (from, count) => {
      const first = this.#offsets.last;
      let end = first;
      const ends = this.#offsets.extend(count);
      for (let row = 0; row < count; row += 1) {
        if (isSet(valid, from + row)) end += words[(from + row) * TEXT_WORDS] ?? 0;
        ends[row] = end;
      }
      this.#text.reserve(end);
      copyTexts(this.#text.data, { slots, words, from, first, ends });
      this.#nulls.append(valid, from, count);
    };
  }

  take(): ColumnBuffers {
    const text = this.#text.data.subarray(0, this.bytes);
    return this.#nulls.take([this.#offsets.take(), text]);
  }
}

interface Texts {
  readonly slots: Uint8Array;
  /** The same. */
  readonly words: Uint32Array;
  readonly from: number;
  /** Where the first text goes, and where each ends. */
  readonly first: number;
  readonly ends: Int32Array;
}

/**
 * Copies texts to where they go. DuckDB mostly keeps those of a vector one behind the other, and these are copied at once:
 * text by text it took three times the time.
 */
function copyTexts(target: Uint8Array, { slots, words, from, first, ends }: Texts): void {
  const run = { slot: 0, low: 0, high: 0, at: 0, bytes: 0 };
  const copyRun = () => {
    if (run.bytes === 0) return;
    const buffer = slots.buffer as ArrayBuffer;
    target.set(duckdb.get_data_from_pointer(buffer, slots.byteOffset + run.slot + 8, run.bytes), run.at);
    run.bytes = 0;
  };
  let at = first;
  for (let row = 0; row < ends.length; row += 1) {
    const length = (ends[row] ?? at) - at;
    const slot = (from + row) * TEXT_BYTES;
    if (length <= INLINE_BYTES) {
      for (let byte = 0; byte < length; byte += 1) target[at + byte] = slots[slot + 4 + byte] ?? 0;
    } else {
      const [low, high] = [words[slot / 4 + 2] ?? 0, words[slot / 4 + 3] ?? 0];
      const follows = low === run.low + run.bytes && high === run.high && at === run.at + run.bytes;
      if (!follows) {
        copyRun();
        Object.assign(run, { slot, low, high, at });
      }
      run.bytes += length;
    }
    at += length;
  }
  copyRun();
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
      let end = this.#offsets.last;
      const ends = this.#offsets.extend(count);
      for (let row = 0; row < count; row += 1) {
        const entry = 4 * (from + row);
        const length = isSet(valid, from + row) ? (words[entry + 2] ?? 0) : 0;
        if (length > 0) append(words[entry] ?? 0, length);
        end += length;
        ends[row] = end;
      }
      this.#nulls.append(valid, from, count);
    };
  }

  take(): ColumnBuffers {
    return this.#nulls.take([this.#offsets.take()], this.#items.take());
  }
}
