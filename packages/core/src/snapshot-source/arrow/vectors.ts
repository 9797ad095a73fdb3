/**
 * Values into the vectors of a DuckDB data chunk, as bytes: no number, text or time is made in between. The layout of
 * a text (length, then either twelve bytes or a pointer) is that of DuckDB's C interface.
 */

import duckdb, { type Vector } from '@duckdb/node-bindings';
import { isSet, type Validity, type Values } from './values.ts';

const TEXT_BYTES = 16;
/** Texts up to this length stand in the vector itself, which saves a call each. */
const INLINE_BYTES = 12;

export function writeVector(vector: Vector, values: Values): void {
  writeValidity(vector, values.valid, values.count);
  if (values.count === 0) return;
  switch (values.kind) {
    case 'fixed':
      copy(vector, values.bytes);
      return;
    case 'bytes':
      writeBytes(vector, values);
      return;
    case 'list':
      writeList(vector, values);
  }
}

function copy(vector: Vector, bytes: Uint8Array): void {
  duckdb.copy_data_to_vector(vector, 0, bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}

/** DuckDB takes whole words of 64 rows. */
function writeValidity(vector: Vector, valid: Validity, count: number): void {
  if (valid === undefined || count === 0) return;
  const words = new Uint8Array(Math.ceil(count / 64) * 8);
  words.set(valid.subarray(0, (count + 7) >> 3));
  duckdb.vector_ensure_validity_writable(vector);
  duckdb.copy_data_to_vector_validity(vector, 0, words.buffer, 0, words.byteLength);
}

function writeBytes(vector: Vector, values: Values & { kind: 'bytes' }): void {
  const { data, starts, ends, count, valid } = values;
  const slots = new Uint8Array(count * TEXT_BYTES);
  const lengths = new Int32Array(slots.buffer);
  const long: number[] = [];
  for (let row = 0; row < count; row += 1) {
    if (!isSet(valid, row)) continue;
    const start = starts[row] ?? 0;
    const length = (ends[row] ?? 0) - start;
    if (length > INLINE_BYTES) {
      long.push(row);
      continue;
    }
    lengths[row * 4] = length;
    for (let byte = 0; byte < length; byte += 1) slots[row * TEXT_BYTES + 4 + byte] = data[start + byte] ?? 0;
  }
  copy(vector, slots);
  for (const row of long)
    duckdb.vector_assign_string_element_len(vector, row, data.subarray(starts[row], ends[row]));
}

function writeList(vector: Vector, values: Values & { kind: 'list' }): void {
  const { offsets, items, count } = values;
  const entries = new Int32Array(4 * count);
  for (let row = 0; row < count; row += 1) {
    const start = offsets[row] ?? 0;
    entries[4 * row] = start;
    entries[4 * row + 2] = (offsets[row + 1] ?? 0) - start;
  }
  copy(vector, new Uint8Array(entries.buffer));
  duckdb.list_vector_reserve(vector, items.count);
  duckdb.list_vector_set_size(vector, items.count);
  writeVector(duckdb.list_vector_get_child(vector), items);
}
