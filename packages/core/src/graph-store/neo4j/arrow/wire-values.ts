/** Casts the values of one column to what goes over the wire: buffers to buffers, no value becomes an object. */

import { ValueProblem } from '../../../snapshot-source/arrow/conversions.ts';
import { BrokenBatch, isSet, type Values } from '../../../snapshot-source/arrow/values.ts';
import type { ScalarType, WireType } from './wire-types.ts';

/** A column's buffers in Arrow's order; a list has a child. */
export interface WireColumn {
  readonly length: number;
  readonly nulls: number;
  /** The validity first, empty where there are no nulls. */
  readonly buffers: readonly Uint8Array[];
  readonly child?: WireColumn;
}

const OFFSETS_MAX = 2 ** 31 - 1;
const NOTHING = new Uint8Array(0);

type BytesValues = Values & { readonly kind: 'bytes' };
type FixedValues = Values & { readonly kind: 'fixed' };

/**
 * @param type of the file's column in DuckDB's words, `storage` where its values are stored as another
 * @throws ValueProblem naming the row, for a value that cannot be sent
 */
export function toWire(
  wire: WireType,
  type: string,
  storage: string | undefined,
  values: Values,
): WireColumn {
  const scalar = (items: Values) => encodeScalar(wire.scalar, elementOf(type), elementOf(storage), items);
  if (!wire.list) return scalar(values);
  if (values.kind !== 'list') throw new BrokenBatch('no list where a list is');
  return encodeList(values, scalar);
}

function elementOf<T extends string | undefined>(type: T): T {
  return (type?.endsWith('[]') ? type.slice(0, -2) : type) as T;
}

function encodeScalar(
  scalar: ScalarType,
  type: string,
  storage: string | undefined,
  values: Values,
): WireColumn {
  if (values.kind === 'list') throw new BrokenBatch('a list where no list is');
  if (scalar === 'Utf8') return encodeText(type, values);
  if (values.kind !== 'fixed') throw new BrokenBatch(`a column of ${type} without its width`);
  switch (scalar) {
    case 'Bool':
      return column(values, [bits(values)]);
    case 'Int64':
      return column(values, [integers(values, !type.startsWith('U'))]);
    case 'Float64':
      return column(values, [floats(values)]);
    case 'Date32':
    case 'Timestamp(ns)':
    case 'Timestamp(ns, UTC)':
      return column(values, [values.bytes]);
    case 'Timestamp(us)':
    case 'Timestamp(us, UTC)':
      return column(values, [micros(values, storage)]);
  }
}

function column(values: Values, buffers: readonly Uint8Array[], child?: WireColumn): WireColumn {
  const nulls = countNulls(values);
  const validity = nulls > 0 && values.valid ? values.valid.subarray(0, (values.count + 7) >> 3) : NOTHING;
  return { length: values.count, nulls, buffers: [validity, ...buffers], ...(child && { child }) };
}

function countNulls({ count, valid }: Values): number {
  if (!valid) return 0;
  let nulls = 0;
  for (let row = 0; row < count; row += 1) if (!isSet(valid, row)) nulls += 1;
  return nulls;
}

function encodeText(type: string, values: BytesValues | FixedValues): WireColumn {
  if (values.kind === 'bytes') return column(values, texts(values));
  if (type === 'UUID') return written(values, uuidAt);
  if (type.endsWith('INT') || type === 'INTEGER' || type === 'UINTEGER')
    return written(values, integerReader(values, !type.startsWith('U')));
  // A column of nulls: its buffers say nothing.
  return column({ ...values, valid: new Uint8Array((values.count + 7) >> 3) }, [
    bytesOf(new Int32Array(values.count + 1)),
    NOTHING,
  ]);
}

/** Offsets of 32 bits from 0 on, and the bytes one after the other. */
function texts({ count, data, starts, ends }: BytesValues): [Uint8Array, Uint8Array] {
  const offsets = new Int32Array(count + 1);
  let total = 0;
  let inOrder = true;
  for (let row = 0; row < count; row += 1) {
    const start = starts[row] ?? 0;
    const end = ends[row] ?? start;
    inOrder &&= start === (starts[0] ?? 0) + total;
    total += end - start;
    if (total > OFFSETS_MAX) throw new ValueProblem(row, 'the texts of its batch have more than 2 GiB');
    offsets[row + 1] = total;
  }
  const first = starts[0] ?? 0;
  if (inOrder) return [bytesOf(offsets), data.subarray(first, first + total)];
  const gathered = new Uint8Array(total);
  for (let row = 0; row < count; row += 1)
    gathered.set(data.subarray(starts[row] ?? 0, ends[row] ?? 0), offsets[row] ?? 0);
  return [bytesOf(offsets), gathered];
}

/** Texts of ASCII that are made here. */
function written(values: FixedValues, textAt: (values: FixedValues, row: number) => string): WireColumn {
  const offsets = new Int32Array(values.count + 1);
  const parts: string[] = [];
  let total = 0;
  for (let row = 0; row < values.count; row += 1) {
    const text = isSet(values.valid, row) ? textAt(values, row) : '';
    parts.push(text);
    total += text.length;
    offsets[row + 1] = total;
  }
  return column(values, [bytesOf(offsets), Buffer.from(parts.join(''), 'latin1')]);
}

/** As the conversion to DuckDB keeps it: a number of 128 bits, the lowest byte first, the highest bit turned. */
function uuidAt({ bytes }: FixedValues, row: number): string {
  const value = Buffer.from(bytes.subarray(16 * row, 16 * row + 16)).reverse();
  value[0] = (value[0] ?? 0) ^ 0x80;
  return value.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function integerReader({ bytes, width }: FixedValues, signed: boolean) {
  const numbers = numbersOf(bytes, width, signed);
  return (_: FixedValues, row: number) => String(numbers[row]);
}

function numbersOf(bytes: Uint8Array, width: number, signed: boolean): ArrayLike<number | bigint> {
  const from = [bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / width)] as const;
  switch (width) {
    case 1:
      return signed ? new Int8Array(...from) : new Uint8Array(...from);
    case 2:
      return signed ? new Int16Array(...from) : new Uint16Array(...from);
    case 4:
      return signed ? new Int32Array(...from) : new Uint32Array(...from);
    default:
      return signed ? new BigInt64Array(...from) : new BigUint64Array(...from);
  }
}

/** Narrow ones are widened by words: BigInt costs ten times as much. */
function integers(values: FixedValues, signed: boolean): Uint8Array {
  const { bytes, width, count, valid } = values;
  if (width === 8) {
    if (!signed) refuseLarge(bytes, count, valid);
    return bytes;
  }
  const numbers = numbersOf(bytes, width, signed);
  const words = new Int32Array(2 * count);
  for (let row = 0; row < count; row += 1) {
    const value = Number(numbers[row] ?? 0);
    words[2 * row] = value | 0;
    words[2 * row + 1] = value < 0 ? -1 : 0;
  }
  return bytesOf(words);
}

function refuseLarge(bytes: Uint8Array, count: number, valid: Values['valid']): void {
  for (let row = 0; row < count; row += 1)
    if ((bytes[8 * row + 7] ?? 0) >= 0x80 && isSet(valid, row))
      throw new ValueProblem(row, 'a value is larger than 2^63 - 1');
}

function floats({ bytes, width, count }: FixedValues): Uint8Array {
  if (width === 8) return bytes;
  return bytesOf(Float64Array.from(new Float32Array(bytes.buffer, bytes.byteOffset, count)));
}

function bits({ bytes, count }: FixedValues): Uint8Array {
  const packed = new Uint8Array((count + 7) >> 3);
  for (let row = 0; row < count; row += 1)
    if (bytes[row]) packed[row >> 3] = (packed[row >> 3] ?? 0) | (1 << (row & 7));
  return packed;
}

/** Seconds and milliseconds are rare, so BigInt may be slow. */
function micros({ bytes, count, valid }: FixedValues, storage: string | undefined): Uint8Array {
  const factor = storage === 'TIMESTAMP_S' ? 1_000_000n : storage === 'TIMESTAMP_MS' ? 1000n : 1n;
  if (factor === 1n) return bytes;
  const from = new BigInt64Array(bytes.buffer, bytes.byteOffset, count);
  const result = new BigInt64Array(count);
  for (let row = 0; row < count; row += 1) {
    if (!isSet(valid, row)) continue;
    const value = (from[row] ?? 0n) * factor;
    if (BigInt.asIntN(64, value) !== value)
      throw new ValueProblem(row, 'a timestamp has more microseconds than 64 bits hold');
    result[row] = value;
  }
  return bytesOf(result);
}

function encodeList(values: Values & { kind: 'list' }, scalar: (items: Values) => WireColumn): WireColumn {
  const { offsets, items, count, valid } = values;
  for (let row = 0; row < count; row += 1) {
    if (!items.valid || !isSet(valid, row)) continue;
    for (let item = offsets[row] ?? 0; item < (offsets[row + 1] ?? 0); item += 1)
      if (!isSet(items.valid, item))
        throw new ValueProblem(row, 'a list has a null in it, which Neo4j does not store');
  }
  return column(values, [bytesOf(Int32Array.from(offsets))], scalar(items));
}

function bytesOf(array: Int32Array | Float64Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
