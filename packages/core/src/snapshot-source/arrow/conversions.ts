/**
 * Fixed-width values of Arrow as DuckDB keeps them, where the two differ. All loops are over plain numbers: BigInt
 * costs ten times as much.
 */

/** A value that the column's type cannot hold, by its place among those converted. */
export class ValueProblem extends Error {
  readonly index: number;

  constructor(index: number, message: string) {
    super(message);
    this.index = index;
  }
}

export type Conversion =
  | { readonly to: 'float' }
  /** Milliseconds since 1970 to days. */
  | { readonly to: 'days' }
  /** 32-bit times to microseconds. */
  | { readonly to: 'micros'; readonly factor: number }
  /** A wide integer to a narrower one. */
  | { readonly to: 'integer'; readonly bytes: number }
  | { readonly to: 'uuid' };

const MILLIS_A_DAY = 86_400_000;

/** Bytes of one converted value. */
export function convertedBytes(conversion: Conversion): number {
  switch (conversion.to) {
    case 'float':
    case 'days':
      return 4;
    case 'micros':
      return 8;
    case 'integer':
      return conversion.bytes;
    case 'uuid':
      return 16;
  }
}

/**
 * @param from the values, aligned to 8 bytes; what stands under a null is not looked at
 * @throws ValueProblem
 */
export function convert(
  conversion: Conversion,
  from: Uint8Array,
  count: number,
  isValid: (index: number) => boolean,
): Uint8Array {
  switch (conversion.to) {
    case 'float':
      return floats(from, count);
    case 'days':
      return days(from, count, isValid);
    case 'micros':
      return micros(from, count, conversion.factor);
    case 'integer':
      return integers(from, count, conversion.bytes, isValid);
    case 'uuid':
      return uuids(from, count);
  }
}

function words(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
}

function bytesOf(array: Int32Array | Int16Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function floats(from: Uint8Array, count: number): Uint8Array {
  const halves = new Uint16Array(from.buffer, from.byteOffset, count);
  const result = new Float32Array(count);
  for (let index = 0; index < count; index += 1) result[index] = floatOf(halves[index] ?? 0);
  return bytesOf(result);
}

/** IEEE 754 binary16. */
function floatOf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function days(from: Uint8Array, count: number, isValid: (index: number) => boolean): Uint8Array {
  const pairs = words(from);
  const result = new Int32Array(count);
  for (let index = 0; index < count; index += 1) {
    const millis = (pairs[2 * index + 1] ?? 0) * 2 ** 32 + ((pairs[2 * index] ?? 0) >>> 0);
    const day = millis / MILLIS_A_DAY;
    if (isValid(index) && (!Number.isInteger(day) || Math.abs(day) >= 2 ** 31))
      throw new ValueProblem(index, `${millis} ms are no whole day`);
    result[index] = day;
  }
  return bytesOf(result);
}

function micros(from: Uint8Array, count: number, factor: number): Uint8Array {
  const times = words(from);
  const result = new Int32Array(2 * count);
  for (let index = 0; index < count; index += 1) {
    const value = (times[index] ?? 0) * factor;
    result[2 * index] = value | 0;
    result[2 * index + 1] = Math.floor(value / 2 ** 32);
  }
  return bytesOf(result);
}

/** Keeps the low bytes where the others only repeat the sign. */
function integers(
  from: Uint8Array,
  count: number,
  bytes: number,
  isValid: (index: number) => boolean,
): Uint8Array {
  const source = words(from);
  const width = count === 0 ? 0 : source.length / count;
  const kept = Math.max(1, bytes >> 2);
  const result = new Int32Array(kept * count);
  for (let index = 0; index < count; index += 1) {
    const start = index * width;
    for (let word = 0; word < kept; word += 1) result[index * kept + word] = source[start + word] ?? 0;
    const last = source[start + kept - 1] ?? 0;
    const sign = last >> 31;
    let fits = bytes >= 4 || last === (last << 16) >> 16;
    for (let word = kept; word < width; word += 1) fits &&= source[start + word] === sign;
    if (!fits && isValid(index)) throw new ValueProblem(index, 'a value has more digits than its type');
  }
  return bytes >= 4 ? bytesOf(result) : bytesOf(Int16Array.from(result));
}

/** DuckDB keeps a UUID as a number of 128 bits with the highest turned, so that it sorts. */
function uuids(from: Uint8Array, count: number): Uint8Array {
  const result = new Uint8Array(16 * count);
  for (let start = 0; start < result.length; start += 16) {
    for (let byte = 0; byte < 16; byte += 1) result[start + byte] = from[start + 15 - byte] ?? 0;
    result[start + 15] = (result[start + 15] ?? 0) ^ 0x80;
  }
  return result;
}
