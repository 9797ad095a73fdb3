/** Exact values out of what the usual writers write by default, and out of every codec and page kind they know. */

import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Duck, openDuck, quoteIdentifier } from './duckdb.ts';
import { inspectSnapshot } from './inspect.ts';
import { viewOf } from './views.ts';

const FIXTURES = fileURLToPath(new URL('fixtures', import.meta.url));
const PYTHON = process.env.PYTHON ?? 'python3';

/** Type, then the three rows as DuckDB's text in UTC; bytes as hexadecimal. */
const EXPECTED: Record<string, readonly [string, string | null, string | null, string | null]> = {
  id: ['BIGINT', '1', '2', '3'],
  labels: ['VARCHAR', 'Fixture', 'Fixture', 'Fixture'],
  flag: ['BOOLEAN', 'true', 'false', null],
  big: ['BIGINT', '9223372036854775807', '-9223372036854775808', null],
  unsigned: ['UBIGINT', '18446744073709551615', '0', null],
  tiny: ['TINYINT', '-128', '127', null],
  double: ['DOUBLE', '0.1', 'inf', null],
  single: ['FLOAT', '1.5', '-2.25', null],
  text: ['VARCHAR', 'Grüße \'to\' "you"', '', null],
  word: ['VARCHAR', 'a', 'b', null],
  bytes: ['BLOB', '00FF', '', null],
  day: ['DATE', '1815-12-10', '2100-02-28', null],
  millis: ['TIMESTAMP', '2001-01-01 00:00:00.123', '1899-12-31 23:59:59.999', null],
  micros: ['TIMESTAMP', '2001-01-01 00:00:00.123456', '1899-12-31 23:59:59.999999', null],
  nanos: ['TIMESTAMP_NS', '2001-01-01 00:00:00.123456789', '1899-12-31 23:59:59.999999999', null],
  zoned: ['TIMESTAMP WITH TIME ZONE', '2001-01-01 00:00:00.123456+00', '1899-12-31 23:59:59.999999+00', null],
  money: ['DECIMAL(20,4)', '1234567890123456.7891', '-0.0001', null],
  numbers: ['BIGINT[]', '[1, NULL, 9007199254740993]', '[]', null],
  words: ['VARCHAR[]', "[x, '']", '[]', null],
  nothing: ['NULL', null, null, null],
};

let base: string;
let duck: Duck;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'graphshift-fixtures-'));
  duck = await openDuck({ spillDirectory: join(base, 'spill') });
});

afterEach(async () => {
  duck.close();
  await rm(base, { recursive: true, force: true });
});

async function snapshotOf(label: string, ...files: string[]): Promise<string> {
  const path = join(base, 'snapshot');
  await rm(path, { recursive: true, force: true });
  await mkdir(join(path, 'nodes', label), { recursive: true });
  for (const [index, file] of files.entries())
    await copyFile(file, join(path, 'nodes', label, `${index}${extname(file)}`));
  return path;
}

/** Columns by name, each as in EXPECTED, read through the whole inspection. */
async function valuesOf(path: string): Promise<Record<string, unknown[]>> {
  const manifest = await inspectSnapshot(duck, path);
  const columns = manifest.nodes[0]?.columns ?? [];
  const texts = columns.map(({ name, type }) => {
    const quoted = quoteIdentifier(name);
    const text = type === 'BLOB' ? `hex(${quoted})` : `CAST(${quoted} AS VARCHAR)`;
    return `${text} AS ${quoted}`;
  });
  const rows = await duck.rows(`SELECT ${texts.join(', ')} FROM ${viewOf('nodes', 0)} ORDER BY id`);
  return Object.fromEntries(columns.map(({ name, type }) => [name, [type, ...rows.map((row) => row[name])]]));
}

/** What a writer cannot say: DuckDB has no type for nothing but INTEGER. */
function expectedOf(file: string): typeof EXPECTED {
  return file.startsWith('duckdb') ? { ...EXPECTED, nothing: ['INTEGER', null, null, null] } : EXPECTED;
}

describe('every value keeps every digit', () => {
  it.each(['pyarrow', 'pyarrow-v2', 'polars', 'duckdb', 'duckdb-v2'])('from %s', async (name) => {
    const path = await snapshotOf('Fixture', join(FIXTURES, `${name}.parquet`));
    expect(await valuesOf(path)).toEqual(expectedOf(name));
  });
});

describe('columns of nulls', () => {
  it.each([[['nulls-1', 'nulls-2']], [['nulls-2', 'nulls-1']]])(
    'agree with every type, in the order %j',
    async (names) => {
      const path = await snapshotOf('Nulls', ...names.map((name) => join(FIXTURES, `${name}.parquet`)));
      expect(await valuesOf(path)).toEqual({
        id: ['BIGINT', '1', '2'],
        labels: ['VARCHAR', 'Nulls', 'Nulls'],
        a: ['TIMESTAMP', null, '2001-01-01 00:00:00.123456'],
        b: ['DATE[]', '[]', '[1815-12-10]'],
        c: ['DECIMAL(2,1)', '1.5', null],
      });
    },
  );

  it('stay without a type where no file has one', async () => {
    const path = await snapshotOf('Nulls', join(FIXTURES, 'nulls-1.parquet'));
    expect(await valuesOf(path)).toMatchObject({ a: ['NULL', null], b: ['NULL[]', '[]'] });
    const described = await duck.rows(`DESCRIBE SELECT a, b FROM ${viewOf('nodes', 0)}`);
    expect(described.map((row) => row.column_type)).toEqual(['VARCHAR', 'VARCHAR[]']);
  });
});

describe('what would be read wrong', () => {
  it('is refused: a decimal of more than 38 digits', async () => {
    const path = await snapshotOf('Nulls', join(FIXTURES, 'decimal256.parquet'));
    await expect(inspectSnapshot(duck, path)).rejects.toMatchObject({
      code: 'COLUMN_TYPE',
      message: expect.stringContaining('nodes/Nulls/0.parquet: the property "wide" is DECIMAL(50,2)'),
    });
  });

  it('is refused: names that are equal but for case', async () => {
    const path = await snapshotOf('Twice', join(FIXTURES, 'twice.parquet'));
    await expect(inspectSnapshot(duck, path)).rejects.toMatchObject({
      code: 'COLUMN_NAME',
      message: expect.stringContaining('column 4 "P": the name is equal to that of column "p"'),
    });
  });
});

describe.skipIf(!hasPython())('written anew by the installed pyarrow and polars', () => {
  it('has the same values in every codec and page kind', { timeout: 120_000 }, async () => {
    const out = join(base, 'generated');
    await mkdir(out);
    execFileSync(PYTHON, [join(FIXTURES, 'generate.py'), out, 'all']);
    const files = (await readdir(out)).filter((name) => /^(pyarrow|polars)/.test(name));
    expect(files.length).toBeGreaterThanOrEqual(30);
    for (const file of files) {
      const values = await valuesOf(await snapshotOf('Fixture', join(out, file)));
      expect(values, file).toEqual(EXPECTED);
    }
  });
});

function hasPython(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import pyarrow, polars'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
