/** Every type that files may have arrives exactly, or its column is refused by name. */

import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { rejects } from '@graphshift/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { planGroups } from '../../src/graph-store/neo4j/bolt/plan.ts';
import { BOLT_DEFAULTS, type BoltSettings } from '../../src/graph-store/neo4j/bolt/settings.ts';
import { removeMark } from '../../src/graph-store/neo4j/load-mark.ts';
import { databaseName } from '../../src/snapshot/names.ts';
import { inspectSnapshot } from '../../src/snapshot-source/inspect.ts';
import { withDuck, writeSnapshot } from '../../src/snapshot-source/simulate.ts';
import { FIXTURES, LABEL } from '../formats/load.ts';
import { KEPT } from '../formats/matrix.ts';
import { expectWhole, loadWhole, useBolt } from './bench.ts';

const T = 1_700_000_000;
const bench = useBolt();
const database = () => databaseName({ customer: bench.customer, timestamp: T });

afterEach(async () => {
  if (!bench.neo4j.problem) await bench.drop(T);
});

/** As the port gives values: dates and times as ISO 8601 text, digits in threes, bytes as base64. */
function portable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(portable);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Int8Array) return Buffer.from(value).toString('base64');
  if (value === null || typeof value !== 'object') return value;
  const [, rest, fraction = '', zone] = /^([^.Z]*)(?:\.(\d+))?(Z?)$/.exec(String(value)) ?? [];
  const digits = fraction.replace(/(000)+$/, '');
  return `${rest}${digits && `.${digits}`}${zone}`;
}

/** What Neo4j keeps of a column: undefined where it is refused. */
function expected(name: string, stored: string, values: readonly unknown[]): unknown[] | undefined {
  if (stored.includes('[][]') || stored === 'BLOB[]') return undefined;
  if (name === 'uint64') return [9223372036854775807n, 0, null];
  const [first] = values;
  const small = (item: unknown) =>
    typeof item === 'bigint' && Number.isSafeInteger(Number(item)) ? Number(item) : item;
  if (Array.isArray(first)) return [first.filter((item) => item !== null).map(small), [], null];
  return values.map(small);
}

async function load(files: readonly string[], settings: Partial<BoltSettings> = {}) {
  const path = join(bench.directory, bench.customer, String(T));
  const folder = join(path, 'nodes', LABEL);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const file of files) await copyFile(join(FIXTURES, file), join(folder, basename(file)));
  return bench.open({ path, timestamp: T, epoch: 1 }, settings);
}

describe('a value arrives exact', () => {
  it.each(['neo4j.parquet', 'neo4j.arrow'])('from %s', async (file) => {
    await load([file]).then(loadWhole).then(expectWhole);
    const driver = bench.neo4j.driver({ useBigInt: true });
    const { records } = await driver.executeQuery(
      `MATCH (n:${LABEL}) RETURN properties(n) AS n, [key IN keys(n) | [key, valueType(n[key])]] AS types ORDER BY n.id`,
      {},
      { database: database() },
    );
    const rows = records.map((record) => record.get('n') as Record<string, unknown>);
    const types = new Map<string, string>(records[0]?.get('types'));
    for (const row of KEPT)
      for (const [name, [stored, ...values]] of Object.entries(row.columns)) {
        const want = expected(name, stored, values);
        if (!want) continue;
        expect(
          rows.map((properties) => portable(properties[name] ?? null)),
          name,
        ).toEqual(want);
        const type = types.get(name)?.replaceAll(' NOT NULL', '');
        if (type && !type.startsWith('LIST')) expect(row.neo4j, name).toContain(type);
      }
  });
});

/** One node file with one column, and what the check of it is refused with; no server is asked. */
async function refusal(odd: string, decimals: BoltSettings['decimals'] = 'float') {
  const directory = await mkdtemp(join(tmpdir(), 'graphshift-values-'));
  try {
    const path = await writeSnapshot(directory, {
      customer: 'acme',
      timestamp: T,
      nodes: { Thing: `SELECT 'a' AS id, 'Thing' AS labels, ${odd} AS odd` },
    });
    return await withDuck(async (duck) => {
      const manifest = await inspectSnapshot(duck, path);
      const settings = { ...BOLT_DEFAULTS, decimals, scratchDirectory: directory };
      return (await rejects(planGroups(duck, manifest, settings), 'COLUMN_TYPE')).message;
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

describe('a column that Neo4j cannot keep is refused by name before a row is stored', () => {
  it.each([
    ['a list in a list', '[[1]]', 'Neo4j stores no list in a list'],
    ['a list of bytes', "['a'::BLOB]", 'a list of bytes'],
    ['a null in a list', '[1, NULL]', 'a list of it has a null'],
    ['an integer beyond 63 bits', '18446744073709551615::UBIGINT', '18446744073709551615 is beyond 2^63 - 1'],
    ['an infinite date', "'infinity'::DATE", 'outside the years 1 to 9999'],
  ])('%s', async (_, select, words) => {
    const message = await refusal(select);
    expect(message).toContain('nodes/Thing: column "odd": ');
    expect(message).toContain(words);
  });

  it('a decimal, where the setting says so', async () => {
    expect(await refusal('1.5::DECIMAL(4, 1)', 'refuse')).toContain('it is a decimal');
  });
});

describe('as configured', () => {
  it('decimals and large integers become text, and the id goes', async () => {
    const path = await bench.write({
      timestamp: T,
      nodes: {
        Thing: `SELECT i AS id, CASE WHEN i = 1 THEN 'Thing, Odd one' ELSE 'Thing' END AS labels,
          1.50::DECIMAL(4, 2) AS price, 18446744073709551615::UBIGINT AS wide, 'nan'::DOUBLE AS ratio FROM range(3) t(i)`,
      },
      relationships: {
        'IS LIKE':
          "SELECT 0 AS s, 1 AS t, 'IS LIKE' AS type, '2001-01-01 00:00:00.5+00'::TIMESTAMPTZ AS \"it's\"",
      },
    });
    const settings = { decimals: 'text', unsigned: 'text', keepId: false } as const;
    const certificate = await loadWhole(await bench.open({ path, timestamp: T, epoch: 1 }, settings));
    expectWhole(certificate);
    await removeMark(bench.driver, database(), 1);
    const rows = await bench.neo4j.run(
      database(),
      "MATCH (a)-[r:`IS LIKE`]->(b:`Odd one`) RETURN properties(a) AS a, labels(b) AS labels, toString(r.`it's`) AS time",
    );
    expect(rows).toEqual([
      {
        a: { price: '1.50', wide: '18446744073709551615', ratio: Number.NaN },
        labels: ['Odd one', 'Thing'],
        time: '2001-01-01T00:00:00.5Z',
      },
    ]);
    expect(
      await bench.neo4j.run(database(), 'SHOW INDEXES YIELD type WHERE type <> "LOOKUP" RETURN type'),
    ).toEqual([]);
  });

  it('labels of the loader are refused', async () => {
    const path = await bench.write({
      timestamp: T,
      nodes: { Thing: "SELECT 'a' AS id, ['Thing', '_GraphshiftLoad'] AS labels" },
    });
    const load = await bench.open({ path, timestamp: T, epoch: 1 });
    await rejects(load.check(), 'NAME_INVALID');
    await load.abort();
  });
});
