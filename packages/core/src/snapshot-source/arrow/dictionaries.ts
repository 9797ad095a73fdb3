/** Values that stand for indices: looked up row by row, so that nothing behind this knows of dictionaries. */

import { BrokenBatch, isSet, type Validity, type Values } from './values.ts';

/** By the id that columns name. */
export type Dictionaries = ReadonlyMap<bigint, Values>;

export function indicesOf(
  bytes: Uint8Array,
  width: number,
  signed: boolean,
  count: number,
): ArrayLike<number> {
  const { buffer, byteOffset } = bytes;
  switch (width) {
    case 1:
      return signed ? new Int8Array(buffer, byteOffset, count) : new Uint8Array(buffer, byteOffset, count);
    case 2:
      return signed ? new Int16Array(buffer, byteOffset, count) : new Uint16Array(buffer, byteOffset, count);
    case 4:
      return signed ? new Int32Array(buffer, byteOffset, count) : new Uint32Array(buffer, byteOffset, count);
    case 8:
      return Float64Array.from(new BigInt64Array(buffer, byteOffset, count), Number);
    default:
      throw new BrokenBatch(`a dictionary index of ${width} bytes`);
  }
}

/** The dictionary's values at `indices`; a null is a null in either of them. */
export function gather(from: Values, indices: ArrayLike<number>, valid: Validity): Values {
  const count = indices.length;
  const own = { count, valid: validOf(from, indices, valid) };
  // What stands under a null may be any index.
  const at = (row: number) => (isSet(own.valid, row) ? (indices[row] ?? 0) : -1);
  if (from.kind === 'fixed') return { ...own, ...gatherFixed(from.bytes, from.width, count, at) };
  if (from.kind === 'list') throw new BrokenBatch('a dictionary of lists');
  const starts = new Float64Array(count);
  const ends = new Float64Array(count);
  for (let row = 0; row < count; row += 1) {
    starts[row] = from.starts[at(row)] ?? 0;
    ends[row] = from.ends[at(row)] ?? 0;
  }
  return { ...own, kind: 'bytes', data: from.data, starts, ends };
}

/** Rows that have an index whose value is no null. @throws BrokenBatch for an index beyond the dictionary */
function validOf(from: Values, indices: ArrayLike<number>, valid: Validity): Validity {
  const result = new Uint8Array((indices.length + 7) >> 3);
  let nulls = 0;
  for (let row = 0; row < indices.length; row += 1) {
    const index = indices[row] ?? -1;
    const hasIndex = isSet(valid, row);
    if (hasIndex && (index < 0 || index >= from.count))
      throw new BrokenBatch(`index ${index} into a dictionary of ${from.count} values`);
    if (hasIndex && isSet(from.valid, index)) result[row >> 3] = (result[row >> 3] ?? 0) | (1 << (row & 7));
    else nulls += 1;
  }
  return nulls > 0 ? result : undefined;
}

function gatherFixed(bytes: Uint8Array, width: number, count: number, at: (row: number) => number) {
  const result = new Uint8Array(count * width);
  for (let row = 0; row < count; row += 1) {
    const start = at(row) * width;
    for (let byte = 0; start >= 0 && byte < width; byte += 1)
      result[row * width + byte] = bytes[start + byte] ?? 0;
  }
  return { kind: 'fixed' as const, width, bytes: result };
}

/** A dictionary with the values of a delta behind its own. */
export function concatenated(one: Values, other: Values): Values {
  const count = one.count + other.count;
  const valid = new Uint8Array((count + 7) >> 3);
  for (let row = 0; row < count; row += 1) {
    const set = row < one.count ? isSet(one.valid, row) : isSet(other.valid, row - one.count);
    if (set) valid[row >> 3] = (valid[row >> 3] ?? 0) | (1 << (row & 7));
  }
  if (one.kind === 'fixed' && other.kind === 'fixed')
    return { kind: 'fixed', count, valid, width: one.width, bytes: joined(one.bytes, other.bytes) };
  if (one.kind !== 'bytes' || other.kind !== 'bytes') throw new BrokenBatch('a delta of another kind');
  const shifted = (offsets: Float64Array) => offsets.map((offset) => offset + one.data.length);
  return {
    kind: 'bytes',
    count,
    valid,
    data: joined(one.data, other.data),
    starts: Float64Array.from([...one.starts, ...shifted(other.starts)]),
    ends: Float64Array.from([...one.ends, ...shifted(other.ends)]),
  };
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const result = new Uint8Array(one.length + other.length);
  result.set(one);
  result.set(other, one.length);
  return result;
}
