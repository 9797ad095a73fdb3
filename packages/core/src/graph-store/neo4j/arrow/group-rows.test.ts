/** The rows of a group as record batches: every value as DuckDB has it, however many batches they make. */

import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Decimal, Table, tableFromIPC, tableToIPC, Utf8, type Vector, vectorFromArray } from 'apache-arrow';
import { afterAll, expect, test } from 'vitest';
import { openDuck } from '../../../snapshot-source/duckdb.ts';
import { inspectSnapshot } from '../../../snapshot-source/inspect.ts';
import { writeSnapshot } from '../../../snapshot-source/simulate.ts';
import { type GroupPlan, planGroups } from '../bolt/plan.ts';
import { BOLT_DEFAULTS } from '../bolt/settings.ts';
import { type GroupFiles, openGroup } from './group-rows.ts';

const directory = mkdtempSync(join(tmpdir(), 'graphshift-rows-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let snapshots = 0;

async function planned<T>(nodes: string, use: Use<T>, relationships = ''): Promise<T> {
  snapshots += 1;
  const path = await writeSnapshot(directory, {
    customer: 'acme',
    timestamp: 1_700_000_000 + snapshots,
    nodes: { Thing: nodes },
    ...(relationships && { relationships: { LIKES: relationships } }),
  });
  return inspected(path, use);
}

type Use<T> = (files: GroupFiles, groups: readonly GroupPlan[]) => Promise<T>;

async function inspected<T>(path: string, use: Use<T>): Promise<T> {
  const duck = await openDuck({ spillDirectory: join(directory, 'spill') });
  try {
    const found = await inspectSnapshot(duck, path);
    return await use(
      { duck, path, found, scratch: directory },
      await planGroups(duck, found, { ...BOLT_DEFAULTS, scratchDirectory: directory, unsigned: 'text' }),
    );
  } finally {
    duck.close();
  }
}

/** What is sent of a group, put by put, and the rows of each batch. */
async function sent(files: GroupFiles, group: Parameters<typeof openGroup>[1]) {
  const { puts } = await openGroup(files, group);
  const all: { table: Table; batches: number[]; read: number }[] = [];
  for (const put of puts) {
    const parts: Uint8Array[] = [];
    const batches: number[] = [];
    let read = 0;
    const onRead = (more: number) => {
      read += more;
    };
    for await (const message of put(onRead)) {
      const prefix = Buffer.alloc(8, 0xff);
      prefix.writeInt32LE(message.metadata.length, 4);
      parts.push(prefix, Buffer.from(message.metadata), Buffer.from(message.body));
      if (message.kind === 'batch') batches.push(message.rows);
    }
    const end = Buffer.from([255, 255, 255, 255, 0, 0, 0, 0]);
    all.push({ table: tableFromIPC(Buffer.concat([...parts, end])), batches, read });
  }
  return all;
}

/** Of a group that is one put. */
async function sentAtOnce(files: GroupFiles, group: Parameters<typeof openGroup>[1]) {
  const [put, ...more] = await sent(files, group);
  expect(more).toEqual([]);
  return put!;
}

/** Values of a row, but for its id. */
function found(table: Table, row: number): unknown[] {
  return ['labels', 'text', 'wide', 'flag', 'ratio', 'small', 'texts', 'numbers', 'flags'].map((name) => {
    const value: unknown = table.getChild(name)?.get(row);
    return value !== null && typeof value === 'object' ? [...(value as Iterable<unknown>)] : value;
  });
}

/** What the SQL below says. */
function wanted(i: number): unknown[] {
  const unless = (divisor: number, value: unknown) => (i % divisor > 0 ? value : null);
  return [
    i % 3 === 0 ? ['Odd', 'Thing'] : ['Thing'],
    unless(7, 'ä'.repeat(i % 31)),
    unless(5, BigInt(i) * 1000000007n),
    i % 2 === 0 ? i % 4 === 0 : null,
    i / 3,
    BigInt(i % 128),
    unless(
      4,
      Array.from({ length: i % 4 }, (_, e) => `item number ${e}`),
    ),
    [BigInt(i), BigInt(-i)],
    unless(9, [i % 2 === 0]),
  ];
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? `${one}n` : one));
}

test('of every type, with nulls, over many batches and chunks', async () => {
  const rows = 70_000;
  const nodes = `SELECT 'id ' || i AS id, CASE WHEN i % 3 = 0 THEN ' Thing , Odd' ELSE 'Thing' END AS labels,
    CASE WHEN i % 7 > 0 THEN repeat('ä', (i % 31)::INT) END AS text, CASE WHEN i % 5 > 0 THEN i * 1000000007 END AS wide,
    CASE WHEN i % 2 = 0 THEN i % 4 = 0 END AS flag, i / 3.0::DOUBLE AS ratio, (i % 128)::TINYINT AS small,
    DATE '1960-01-01' + (i % 20000)::INT AS day, TIMESTAMP '1969-12-31 23:59:59.999999' + to_seconds(i) AS at,
    CASE WHEN i % 4 > 0 THEN list_transform(range(i % 4), lambda e: 'item number ' || e) END AS texts,
    [i, -i] AS numbers, CASE WHEN i % 9 > 0 THEN [i % 2 = 0] END AS flags FROM range(${rows}) t(i)`;
  await planned(nodes, async (files, groups) => {
    const { table, batches, read } = await sentAtOnce(files, groups[0]!);
    expect(read).toBe(rows);
    expect(batches.length).toBeGreaterThan(1);
    expect(Math.max(...batches)).toBeLessThanOrEqual(10_240);
    expect(batches.reduce((sum, more) => sum + more)).toBe(rows);
    const seen = new Set<string>();
    const get = (name: string) => table.getChild(name)!;
    const wrong = Array.from({ length: rows }, (_, row) => row).filter((row) => {
      const id = String(get('nodeId').get(row));
      seen.add(id);
      return textOf(found(table, row)) !== textOf(wanted(Number(id.slice(3))));
    });
    expect(wrong).toEqual([]);
    expect(seen.size).toBe(rows);
    expect(String(get('day').type)).toBe('Date32<DAY>');
    expect(String(get('at').type)).toBe('Timestamp<MICROSECOND>');
  });
});

test('of relationships, and of a group without rows', async () => {
  const nodes = "SELECT i AS id, 'Thing' AS labels FROM range(3) t(i)";
  const likes = "SELECT 0 AS s, i AS t, 'LIKES' AS type FROM range(3) t(i)";
  await planned(
    nodes,
    async (files, groups) => {
      const { table } = await sentAtOnce(files, groups[1]!);
      const pairs = table.toArray().map((row) => Object.values(row.toJSON()));
      expect(pairs.sort()).toEqual(['0', '1', '2'].map((target) => ['0', target, 'LIKES']));
      const things = (await sentAtOnce(files, groups[0]!)).table.toArray();
      expect(things.map((row) => [row.nodeId, row.labels])).toEqual(
        ['0', '1', '2'].map((id) => [id, 'Thing']),
      );
    },
    likes,
  );
  await planned(
    nodes,
    async (files, groups) => expect((await sentAtOnce(files, groups[1]!)).batches).toEqual([]),
    `${likes} WHERE false`,
  );
});

test('of Arrow files a put each, unless a column is what DuckDB alone makes of it', async () => {
  const path = join(directory, 'acme', '1');
  const text = (value: string) => vectorFromArray([value], new Utf8());
  const person = (id: string) => ({ id: text(id), labels: text('Person'), name: text(`name of ${id}`) });
  const cent = { cents: vectorFromArray([new Uint32Array([250, 0, 0, 0])], new Decimal(2, 10, 128)) };
  const files: Record<string, Record<string, Vector>> = {
    'nodes/Person/1.arrow': person('a'),
    'nodes/Person/2.arrow': person('b'),
    'nodes/Coin/1.arrow': { id: text('c'), labels: text('Coin'), ...cent },
  };
  for (const [name, columns] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), tableToIPC(new Table(columns), 'file'));
  }
  await inspected(path, async (files, groups) => {
    const [coins, people] = groups;
    expect(
      (await sent(files, coins!)).map(({ table }) => table.toArray().map((row) => row.toJSON())),
    ).toEqual([[{ nodeId: 'c', labels: 'Coin', cents: 2.5 }]]);
    const both = await sent(files, people!);
    expect(both.map(({ read }) => read)).toEqual([1, 1]);
    expect(both.map(({ table }) => table.get(0)?.toJSON())).toEqual([
      { nodeId: 'a', labels: 'Person', name: 'name of a' },
      { nodeId: 'b', labels: 'Person', name: 'name of b' },
    ]);
  });
});

test.each([
  ['bytes', "'a'::BLOB AS odd", 'column "odd": it is bytes, which Arrow Flight imports do not take'],
  ['a time of day', "TIME '12:00:00' AS odd", 'column "odd": it is a time of day'],
  ['a name of the protocol', '1 AS "nodeId"', 'column "nodeId": a property of that name'],
])('a column with %s is refused, and Bolt takes it', async (_, column, words) => {
  await planned(`SELECT 'a' AS id, 'Thing' AS label, ${column}`, async (files, groups) => {
    await expect(openGroup(files, groups[0]!)).rejects.toMatchObject({
      message: expect.stringContaining(words),
      details: { boltTakesIt: true },
    });
  });
});
