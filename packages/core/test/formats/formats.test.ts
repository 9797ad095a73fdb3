/** Every type of every format, read back out of a store: exact, or refused by its column. */

import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planColumn, probes, rangeOf } from '../../src/graph-store/embedded/types.ts';
import { type Duck, openDuck, quoteIdentifier } from '../../src/snapshot-source/duckdb.ts';
import { inspectSnapshot } from '../../src/snapshot-source/inspect.ts';
import { viewOf } from '../../src/snapshot-source/views.ts';
import { type Bench, FIXTURES, LABEL, layOut, openBench } from './load.ts';
import { formatTables, KEPT, REFUSED } from './matrix.ts';

const PYTHON = process.env.PYTHON ?? 'python3';
const PAGE = fileURLToPath(new URL('../../../../docs/formats.md', import.meta.url));
const MARKERS = ['<!-- made from packages/core/test/formats/matrix.ts -->\n', '\n<!-- end -->'] as const;

const COLUMNS = Object.assign({}, ...KEPT.map(({ columns }) => columns)) as Record<
  string,
  readonly [string, ...unknown[]]
>;

let bench: Bench;
let timestamp = 0;

beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

const fixture = (name: string) => join(FIXTURES, name);

describe('a value arrives exact', () => {
  it.each(['types.parquet', 'types.arrow', 'types.feather'])('from %s', async (name) => {
    timestamp += 1;
    const database = await bench.load(timestamp, [fixture(name)]);
    const names = Object.keys(COLUMNS);
    const stored = await bench.storedTypes(database);
    expect(Object.keys(stored).sort()).toEqual([...names].sort());
    const rows = await bench.rows(database, names);
    for (const [column, expected] of Object.entries(COLUMNS))
      expect([stored[column], ...rows.map((row) => row[column])], column).toEqual(expected);
    const { rows: nodes } = await bench.store.query(
      { database },
      `MATCH (n:${LABEL}) RETURN n ORDER BY n.id`,
    );
    expect(nodes.map(({ n }) => n)).toEqual(
      rows.map((row, index) => ({ _label: LABEL, id: String(index + 1), labels: [LABEL], ...row })),
    );
  });

  it('from Parquet and Arrow files in one folder', async () => {
    timestamp += 1;
    const database = await bench.load(timestamp, ['mixed-1.parquet', 'mixed-2.arrow'].map(fixture));
    expect(await bench.rows(database, ['when', 'later', 'list', 'second'])).toEqual([
      { when: '2001-01-01T00:00:00.123456789Z', later: null, list: [null], second: '1970-01-01T00:00:01' },
      {
        when: '1899-12-31T23:59:59.999999999Z',
        later: '2001-01-01T00:00:00.123456789Z',
        list: [[1], null],
        second: '1970-01-01T00:00:02',
      },
    ]);
    timestamp += 1;
    const files = ['mixed-1.parquet', 'mixed-2.arrow', 'mixed-other.arrow'].map(fixture);
    await expect(bench.load(timestamp, files)).rejects.toMatchObject({
      code: 'SCHEMA_MIXED',
      message: expect.stringMatching(/mixed-2\.arrow and .*mixed-other\.arrow differ in column "later"/),
    });
  });

  it('from dictionaries that grow, and in a stream from one that is replaced', async () => {
    for (const name of ['delta.arrow', 'delta-stream.arrow'])
      expect((await textsOf(fixture(name))).word, name).toEqual(['VARCHAR', 'a', 'b', 'a', 'b', 'c']);
    expect((await textsOf(fixture('replaced-stream.arrow'))).word).toEqual(['VARCHAR', 'a', 'b', 'c']);
  });

  it("from Spark's timestamps of 96 bits", async () => {
    const { old } = await textsOf(fixture('spark-int96.parquet'));
    expect(old).toEqual(['TIMESTAMP', '2001-01-01 00:00:00.123456']);
  });
});

describe('a column is refused by its name', () => {
  const cases = REFUSED.flatMap((row) =>
    Object.entries(row.columns).flatMap(([column, words]) => [
      ...(row.notInArrow ? [] : [[`refused-${column}.arrow`, column, words] as const]),
      ...(row.inParquet.includes(column) ? [[`refused-${column}.parquet`, column, words] as const] : []),
    ]),
  );

  it('where a fixture has a type that no store keeps', async () => {
    const fixtures = (await readdir(FIXTURES)).filter((name) => name.startsWith('refused-'));
    expect(cases.map(([file]) => file).sort()).toEqual(fixtures.sort());
  });

  it.each(cases)('%s', async (file, column, words) => {
    timestamp += 1;
    const path = await layOut(bench.directory, timestamp, [fixture(file)]);
    await withDuck(async (duck) => {
      await expect(inspectSnapshot(duck, path)).rejects.toMatchObject({
        code: 'COLUMN_TYPE',
        message: expect.stringContaining(`nodes/${LABEL}/${file}`),
        details: expect.objectContaining({ column: column === 'int96' ? 'old' : column }),
      });
      await expect(inspectSnapshot(duck, path)).rejects.toThrow(words);
    });
  });
});

describe('what the embedded store would change', () => {
  const nan = "'nan'::DOUBLE";
  it.each([
    ['DOUBLE', [nan, '1.5', nan]],
    ['DOUBLE', ['1.5', 'NULL', nan]],
    ['FLOAT', ['1.5::FLOAT', `${nan}::FLOAT`]],
    ['DOUBLE[]', [`[${nan}, 1.5, NULL]`, '[2.5]']],
    ['DOUBLE[][]', [`[[${nan}], [NULL]]`, 'NULL']],
  ])('is refused: NaN in a %s of %j', async (type, values) => {
    const rows = values.map((value) => `SELECT ${value} AS x`).join(' UNION ALL ');
    await withDuck(async (duck) => {
      const plan = async (where: string) => {
        const [found] = await duck.rows(
          `SELECT ${probes(type, 'x', 'p').join(', ')} FROM (${rows}) ${where}`,
        );
        return planColumn({ name: 'x', type }, 'x', rangeOf(found ?? {}, 'p'), 'nodes/N');
      };
      await expect(plan('')).rejects.toThrow('nodes/N: column "x": it has NaN');
      expect(await plan('WHERE false')).toMatchObject({ stored: type.replace('FLOAT', 'DOUBLE') });
    });
  });

  it('ends the load', async () => {
    timestamp += 1;
    const file = join(bench.directory, 'nan.parquet');
    const select = `SELECT 1 AS id, '${LABEL}' AS labels, ${nan} AS x`;
    await withDuck((duck) => duck.run(`COPY (${select}) TO '${file}' (FORMAT parquet)`));
    await expect(bench.load(timestamp, [file])).rejects.toMatchObject({
      code: 'COLUMN_TYPE',
      details: { column: 'x' },
    });
  });
});

describe('the table in docs/formats.md', () => {
  it('is made from the same rows', async () => {
    const page = await readFile(PAGE, 'utf8');
    const start = page.indexOf(MARKERS[0]) + MARKERS[0].length;
    const end = page.indexOf(MARKERS[1]);
    const made = page.slice(0, start) + formatTables() + page.slice(end);
    if (process.env.UPDATE_DOCS === '1') await writeFile(PAGE, made);
    expect(await readFile(PAGE, 'utf8')).toBe(made);
  });
});

describe.skipIf(!hasPython())('written anew by the installed pyarrow', () => {
  it('has the same types and values in every codec, page kind, encoding, stream and batch size', async () => {
    const out = join(bench.directory, 'generated');
    await mkdir(out);
    execFileSync(PYTHON, [fileURLToPath(new URL('matrix.py', import.meta.url)), out, 'all']);
    const files = (await readdir(out)).filter((name) => name.startsWith('all-'));
    expect(files.length).toBeGreaterThanOrEqual(39);
    const expected = await textsOf(fixture('types.parquet'));
    expect(Object.keys(expected)).toEqual(expect.arrayContaining(Object.keys(COLUMNS)));
    for (const file of files) expect(await textsOf(join(out, file)), file).toEqual(expected);
    timestamp += 1;
    const unread = bench.load(timestamp, [join(out, 'split-integers.parquet')]);
    await expect(unread).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringMatching(
        /split-integers\.parquet: column "wide" cannot be read: .*BYTE_STREAM_SPLIT/,
      ),
    });
  });
});

/** Columns by name: the type, then the values as DuckDB's text, read through the whole inspection. */
async function textsOf(file: string): Promise<Record<string, unknown[]>> {
  timestamp += 1;
  const path = await layOut(bench.directory, timestamp, [file]);
  return withDuck(async (duck) => {
    const manifest = await inspectSnapshot(duck, path);
    const columns = manifest.nodes[0]?.columns ?? [];
    const texts = columns.map(
      ({ name }) => `CAST(${quoteIdentifier(name)} AS VARCHAR) AS ${quoteIdentifier(name)}`,
    );
    const rows = await duck.rows(`SELECT ${texts.join(', ')} FROM ${viewOf('nodes', 0)} ORDER BY id`);
    return Object.fromEntries(
      columns.map(({ name, type }) => [name, [type, ...rows.map((row) => row[name])]]),
    );
  });
}

async function withDuck<T>(use: (duck: Duck) => Promise<T>): Promise<T> {
  const spillDirectory = join(bench.directory, 'spill');
  const duck = await openDuck({ spillDirectory });
  try {
    return await use(duck);
  } finally {
    duck.close();
    await rm(spillDirectory, { recursive: true, force: true });
  }
}

function hasPython(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import pyarrow'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
