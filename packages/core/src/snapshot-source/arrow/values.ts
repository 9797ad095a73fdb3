/** Values between Arrow and DuckDB: rows of one column as plain arrays. */

/** One bit a row, the first in the lowest; undefined where every row has a value. */
export type Validity = Uint8Array | undefined;

/** The values of some rows, fixed widths as DuckDB keeps them. */
export type Values = { readonly count: number; readonly valid: Validity } & (
  | { readonly kind: 'fixed'; readonly width: number; readonly bytes: Uint8Array }
  | {
      readonly kind: 'bytes';
      readonly data: Uint8Array;
      readonly starts: Float64Array;
      readonly ends: Float64Array;
    }
  | {
      readonly kind: 'list';
      /** The first element of each row, and one more. */
      readonly offsets: Float64Array;
      readonly items: Values;
    }
);

/** What is wrong with the bytes of a batch; the caller names the file. */
export class BrokenBatch extends Error {}

export function isSet(valid: Validity, index: number): boolean {
  return valid === undefined || ((valid[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}
