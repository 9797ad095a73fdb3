import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duck, openDuck, quoteString } from '@graphshift/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoSnapshot, findDataset, monthEnd, stageSnapshots } from './flights.ts';

const source = findDataset();
let directory: string;
let duck: Duck;
let snapshots: DemoSnapshot[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "graphshift-demo's-"));
  duck = await openDuck({ spillDirectory: join(directory, 'spill') });
  const staged = await stageSnapshots(join(directory, 'staging'), { states: ['us-hi', 'us-wy'], months: 2 });
  snapshots = [...staged.values()].flat();
});
afterAll(async () => {
  duck.close();
  await rm(directory, { recursive: true, force: true });
});

test('customers come in the order named, and a snapshot is named by the end of its month', () => {
  expect(snapshots.map(({ customer, timestamp }) => `${customer}@${timestamp}`)).toEqual([
    'us-hi@980985600',
    'us-hi@983404800',
    'us-wy@980985600',
    'us-wy@983404800',
  ]);
  expect(new Date(monthEnd(1) * 1000).toISOString()).toBe('2001-02-01T00:00:00.000Z');
});

test('the files hold exactly the flights of the source, and what is expected is what they hold', async () => {
  const sums = `count(*)::INTEGER AS flights, sum(delay)::BIGINT AS delay, sum(distance)::BIGINT AS distance,
    min(date) AS first, max(date) AS last, sum(epoch_us(date))::VARCHAR AS instants`;
  for (const { customer, timestamp, staged, airports, flights } of snapshots) {
    const state = quoteString(customer.slice(3).toUpperCase());
    const [inSource] = await duck.rows(
      `SELECT ${sums} FROM ${quoteString(source.flights)} WHERE epoch(date) < ${timestamp}
        AND origin IN (SELECT iata FROM ${quoteString(source.airports)} WHERE state = ${state})`,
    );
    const [inFiles] = await duck.rows(
      `SELECT ${sums} FROM read_parquet(${quoteString(`${staged}/relationships/FLIGHT/*`)})`,
    );
    expect(inFiles).toEqual(inSource);
    expect(inFiles?.flights).toBe(flights);
    expect(
      await duck.rows(
        `SELECT count(*)::INTEGER AS rows, count(DISTINCT id)::INTEGER AS ids
          FROM read_parquet(${quoteString(`${staged}/nodes/Airport/*`)})`,
      ),
    ).toEqual([{ rows: airports, ids: airports }]);
  }
});

test('every end of a flight is an airport of the snapshot, and no airport is there without one', async () => {
  for (const { staged } of snapshots) {
    const flights = `read_parquet(${quoteString(`${staged}/relationships/FLIGHT/*`)})`;
    const airports = `read_parquet(${quoteString(`${staged}/nodes/Airport/*`)})`;
    const ends = `(SELECT source AS id FROM ${flights} UNION SELECT target FROM ${flights})`;
    expect(await duck.rows(`SELECT id FROM ${ends} EXCEPT SELECT id FROM ${airports}`)).toEqual([]);
    expect(await duck.rows(`SELECT id FROM ${airports} EXCEPT SELECT id FROM ${ends}`)).toEqual([]);
  }
});

test('columns come in the order of the snapshot layout, with types of their own', async () => {
  const columns = async (folder: string) => {
    const files = quoteString(`${snapshots[1]!.staged}/${folder}/*`);
    const rows = await duck.rows(`DESCRIBE SELECT * FROM read_parquet(${files})`);
    return rows.map((row) => `${row.column_name} ${row.column_type}`);
  };
  expect(await columns('relationships/FLIGHT')).toEqual([
    'source VARCHAR',
    'target VARCHAR',
    'type VARCHAR',
    'date TIMESTAMP',
    'delay INTEGER',
    'distance INTEGER',
    'serial BIGINT',
  ]);
  expect(await columns('nodes/Airport')).toEqual([
    'id VARCHAR',
    'labels VARCHAR',
    'iata VARCHAR',
    'name VARCHAR',
    'city VARCHAR',
    'state VARCHAR',
    'country VARCHAR',
    'latitude DOUBLE',
    'longitude DOUBLE',
  ]);
});

test('an earlier month is written once', async () => {
  const inode = async (index: number) =>
    (await stat(join(snapshots[index]!.staged, 'relationships/FLIGHT/2001-01.parquet'))).ino;
  expect(await inode(1)).toBe(await inode(0));
});

test('a state without flights so far has no snapshot, and one without any is refused', async () => {
  const stage = (name: string) =>
    stageSnapshots(join(directory, name), { states: [name], months: 3 }).then((staged) => staged.get(name));
  const found = await stage('us-na');
  expect(found?.map(({ timestamp, flights }) => [timestamp, flights])).toEqual([[monthEnd(3), 25]]);
  await expect(stage('us-xx')).rejects.toThrow(/us-xx, which no flight leaves; known are us-ak, us-al/);
});
