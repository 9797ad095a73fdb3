/** Columns of few values, as stores like to compress them: what goes in comes out, whatever stands beside it. */

import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDuck, quoteString } from '../../src/snapshot-source/duckdb.ts';
import { type Bench, LABEL, openBench } from './load.ts';

/** A value as DuckDB text, and as a query gives it. */
type Pair = readonly [sql: string, expected: unknown];

const texts = [
  '',
  'a',
  'null',
  'NULL',
  '[1, 2]',
  'a,b',
  'it\'s "so"',
  'line\nbreak',
  'a\0b',
  '\\',
  'Grüße 🎉',
  'x'.repeat(300),
];
const quoted = (text: string) => (text.includes('\0') ? `'a' || chr(0) || 'b'` : quoteString(text));
const hex = (bytes: string) => [`unhex('${bytes}')`, Buffer.from(bytes, 'hex').toString('base64')] as const;
const integer = (value: bigint): Pair => [String(value), value];
const decimal = (text: string): Pair => [text, Number(text)];
const day = (text: string): Pair => [`'${text}'`, text];
const zoned = (text: string): Pair => [`'${text}+00'`, `${text.replace(' ', 'T')}Z`];
const stamp = (text: string): Pair => [`'${text}'`, text.replace(' ', 'T')];

const POOLS: Readonly<Record<string, readonly Pair[]>> = {
  BOOLEAN: [
    ['true', true],
    ['false', false],
  ],
  TINYINT: [
    ['-128', -128],
    ['127', 127],
    ['0', 0],
  ],
  UINTEGER: [
    ['4294967295', 4294967295],
    ['0', 0],
  ],
  BIGINT: [
    0n,
    1n,
    -1n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 53n + 1n,
    -(2n ** 53n) - 1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ].map(integer),
  UBIGINT: [0n, 1n, 2n ** 53n + 1n, 2n ** 64n - 1n].map(integer),
  FLOAT: [0, 1.5, -2.25, 16777216, -16777215].map((value) => [`${value}`, value]),
  DOUBLE: [0, 0.1, -0.1, 1 / 3, 1.5, 2.5, 1e308, -1e308, 5e-324, 123456.789, 1e15 + 0.3, 2 ** 53 + 2]
    .map((value): Pair => [`'${value}'`, value])
    .concat([
      ["'inf'", Number.POSITIVE_INFINITY],
      ["'-inf'", Number.NEGATIVE_INFINITY],
    ]),
  'DECIMAL(9,2)': ['0.00', '0.01', '-0.01', '-0.10', '9999999.99', '-9999999.99', '0.30'].map(decimal),
  'DECIMAL(15,15)': ['0.000000000000001', '-0.000000000000001', '0.999999999999999', '0.1'].map(decimal),
  'DECIMAL(15,0)': ['0', '-1', '999999999999999', '-999999999999999'].map(decimal),
  'DECIMAL(38,10)': ['0.0000000001', '-0.0000000001', '-1234567890123456789012345678.0123456789'].map(
    (text) => [`'${text}'`, text],
  ),
  VARCHAR: texts.map((text) => [quoted(text), text]),
  BLOB: ['', '00', 'ff00ff', '5c7800', 'ab'.repeat(200)].map(hex),
  UUID: [["'00000000-0000-0000-0000-000000000001'", '00000000-0000-0000-0000-000000000001']],
  DATE: ['0001-01-01', '1582-10-10', '1969-12-31', '1970-01-01', '9999-12-31'].map(day),
  TIME: ['00:00:00', '23:59:59.999999', '12:00:00.5'].map(day),
  TIMESTAMP: [
    '0001-01-01 00:00:00',
    '1969-12-31 23:59:59.999999',
    '1970-01-01 00:00:00',
    '9999-12-31 23:59:59.999999',
    '2001-01-01 00:00:00.000001',
  ].map((text) => [`'${text}'`, isoOf(text)]),
  TIMESTAMPTZ: ['1969-12-31 23:59:59.999999', '2001-01-01 00:00:00.123'].map(zoned),
  TIMESTAMP_NS: ['1677-09-22 00:00:00', '1970-01-01 00:00:00.000001'].map(stamp),
};

function isoOf(text: string): string {
  return text.replace(' ', 'T');
}

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

interface Column {
  readonly sql: readonly string[];
  readonly expected: readonly unknown[];
}

const NULL: Pair = ['NULL', null];

function listOf(pairs: readonly Pair[], type: string): Pair {
  const items = pairs.map(([sql]) => sql).join(', ');
  return [`[${items}]::${type}[]`, pairs.map(([, expected]) => expected)];
}

/** Five values of a pool with nulls among them, alone or in lists. */
function column(type: string): fc.Arbitrary<Column> {
  const cast = ([sql, expected]: Pair): Pair => [`(${sql})::${type}`, expected];
  const one = fc.constantFrom(...(POOLS[type] ?? []).map(cast), NULL);
  const list = fc.array(one, { maxLength: 3 }).map((pairs) => listOf(pairs, type));
  const nested = fc
    .array(fc.oneof(list, fc.constant(NULL)), { maxLength: 2 })
    .map((pairs) => listOf(pairs, `${type}[]`));
  const values = [one, fc.oneof(list, fc.constant(NULL)), fc.oneof(nested, fc.constant(NULL))];
  return fc
    .constantFrom(...values)
    .chain((value) => fc.array(value as fc.Arbitrary<Pair>, { minLength: 5, maxLength: 5 }))
    .map((pairs) => ({ sql: pairs.map(([sql]) => sql), expected: pairs.map(([, expected]) => expected) }));
}

it('in some hundred columns of every type, with nulls, repetitions and lists', async () => {
  const arbitrary = fc.tuple(
    ...Object.keys(POOLS).map((type) => fc.array(column(type), { minLength: 5, maxLength: 5 })),
  );
  const [columns = []] = fc
    .sample(arbitrary, { numRuns: 1, seed: 4 })
    .map((groups) =>
      groups.flatMap((group, index) =>
        group.map((found) => ({ ...found, type: Object.keys(POOLS)[index] ?? '' })),
      ),
    );
  const selects = [0, 1, 2, 3, 4].map((row) => {
    const list = columns.map(({ sql }, index) => `${sql[row]} AS c${index}`);
    return `SELECT ${row} AS id, '${LABEL}' AS labels, ${list.join(', ')}`;
  });
  const file = join(bench.directory, 'values.parquet');
  const duck = await openDuck({ spillDirectory: join(bench.directory, 'spill') });
  // Every column has its type even where all its values are null.
  await duck.run(`COPY (${selects.join(' UNION ALL ')}) TO ${quoteString(file)} (FORMAT parquet)`);
  duck.close();
  const database = await bench.load(1, [file]);
  const names = columns.map((_, index) => `c${index}`);
  const rows = await bench.rows(database, names);
  for (const [index, { expected, type, sql }] of columns.entries()) {
    const found = rows.map((row) => row[`c${index}`]);
    expect(found.map(comparable), `${type}: ${sql.join(' | ')}`).toEqual(expected.map(comparable));
  }
});

/** Integers come as numbers or BigInt, by the widest of their column. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  return typeof value === 'bigint' && BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))
    ? Number(value)
    : value;
}
