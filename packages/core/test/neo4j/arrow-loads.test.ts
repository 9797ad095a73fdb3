/** Loads over Arrow Flight that go wrong, and what they leave; and that both ways leave the same graph. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FlightClient } from '@graphshift/flight';
import { type IpcMessage, readStream } from '@graphshift/flight/ipc';
import { rejects, useNeo4j } from '@graphshift/testkit';
import {
  Bool,
  DateMillisecond,
  Dictionary,
  Field,
  Float32,
  Int32,
  Int64,
  LargeUtf8,
  List,
  Null,
  Table,
  TimestampMillisecond,
  TimestampSecond,
  tableToIPC,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { GraphStore, LoadProgress } from '../../src/graph-store/graph-store.ts';
import { putCommand } from '../../src/graph-store/neo4j/arrow/gds-protocol.ts';
import type { Neo4jStoreOptions } from '../../src/graph-store/neo4j/options.ts';
import { createNeo4jStore } from '../../src/graph-store/neo4j/store.ts';
import { simulateSnapshot, writeSnapshot } from '../../src/snapshot-source/simulate.ts';
import { expectWhole, killLoaders, loadWhole } from '../bolt/bench.ts';

const T = 1_700_000_000;
const DATABASE = `acme-${T}`;
const neo4j = useNeo4j({ own: true, flight: {} });
let directory = '';
let store: GraphStore;

beforeAll(async () => {
  if (neo4j.problem) return;
  directory = await mkdtemp(join(tmpdir(), 'graphshift-arrow-'));
  store = open({ loader: 'arrow' });
  await store.start();
});
afterEach(async () => {
  if (neo4j.problem) return;
  for (const { name } of (await store.list()).databases)
    await (await store.prepareDrop('acme', name, 100)).fire();
  await neo4j.run('graphshift', 'MATCH (c:Customer) DELETE c');
});
afterAll(async () => {
  await store?.stop();
  if (directory) await rm(directory, { recursive: true, force: true });
});

function open(options: Partial<Neo4jStoreOptions>): GraphStore {
  const { url, user: username, password } = neo4j;
  return createNeo4jStore({ url, username, password, scratchDirectory: directory, ...options });
}

const people = (nodes = 3000) =>
  simulateSnapshot(directory, { customer: 'acme', timestamp: T, nodes, relationships: 2 * nodes });
const request = (path: string, epoch = 1) => ({ customer: 'acme', timestamp: T, run: epoch, epoch, path });

it('leaves the same graph as a load over Bolt, values, types and indexes', async () => {
  const columns = `(i - 64)::TINYINT AS small, i * 9007199254740993 AS wide, 4294967295::UINTEGER AS unsigned,
    0.1::FLOAT AS single, CASE i WHEN 1 THEN 'nan'::DOUBLE WHEN 2 THEN '-inf'::DOUBLE ELSE -0.0::DOUBLE END AS ratio,
    i = 1 AS flag, CASE WHEN i > 0 THEN 'a text of more than twelve bytes, Grüße 🎉' || i END AS text, '' AS empty,
    DATE '0001-01-01' AS day, TIMESTAMP '1969-12-31 23:59:59.999999' AS micros,
    TIMESTAMP_NS '2001-02-03 04:05:06.123456789' AS nanos, TIMESTAMPTZ '2001-02-03 04:05:06.123456+02' AS zoned,
    uuid() AS unique_id, 12345.67::DECIMAL(12, 2) AS cents, 12345678901234567890.123456789::DECIMAL(38, 9) AS digits,
    [1, -3]::BIGINT[] AS integers, ['a', '', 'more than twelve bytes'] AS texts, [true, false] AS flags,
    [0.5, -1]::DOUBLE[] AS ratios, [DATE '2001-02-03'] AS days, [TIMESTAMP '2001-02-03 04:05:06.000001'] AS times,
    []::VARCHAR[] AS nothing, NULL AS missing`;
  const path = await writeSnapshot(directory, {
    customer: 'acme',
    timestamp: T,
    nodes: {
      Value: `SELECT i AS id, CASE i WHEN 1 THEN 'Value, Odd one' ELSE 'Value' END AS labels, ${columns} FROM range(3) t(i)`,
    },
    relationships: { LINK: `SELECT i AS s, 2 - i AS t, 'LINK' AS type, ${columns} FROM range(3) t(i)` },
  });
  const [bolt, arrow] = await bothGraphs(path);
  expect(arrow).toEqual(bolt);
  expect(String(arrow)).toContain('Grüße');
});

it('leaves the same graph of Arrow files, which it sends as they are or casts on their buffers', async () => {
  const path = join(directory, 'acme', `${T + 1}`);
  const text = (values: (string | null)[]) => vectorFromArray(values, new Utf8());
  const odd = {
    id: vectorFromArray([1n, 2n], new Int64()),
    labels: vectorFromArray([' Odd', 'Odd'], new Dictionary(new Utf8(), new Int32())),
    text: vectorFromArray(['é', null], new LargeUtf8()),
    small: vectorFromArray([-7, null], new Int32()),
    single: vectorFromArray([0.5, null], new Float32()),
    flag: vectorFromArray([true, null], new Bool()),
    day: vectorFromArray([new Date(86_400_000), null], new DateMillisecond()),
    local: vectorFromArray([1_700_000_000_000, null], new TimestampSecond()),
    zoned: vectorFromArray([1_700_000_000_123, null], new TimestampMillisecond('Europe/Oslo')),
    numbers: vectorFromArray([[1, 2], null], new List(new Field('item', new Int32(), true))),
    empty: vectorFromArray([null, null], new Null()),
  };
  const plain = { id: text(['a', 'b']), labels: text(['Plain', 'Plain']), name: text(['Ä', null]) };
  const several = { id: text(['x', 'y']), labels: text(['Several,More', 'Several']) };
  const link = { from: text(['1', 'a']), to: text(['x', '2']), type: text(['LINK', 'LINK']) };
  const files: Record<string, Record<string, Vector>> = {
    'nodes/Odd/part.arrow': odd,
    'nodes/Plain/part.arrow': plain,
    'nodes/Several/part.arrow': several,
    'relationships/LINK/1.arrow': { ...link, since: vectorFromArray([1n, null], new Int64()) },
    'relationships/LINK/2.feather': { ...link, since: vectorFromArray([-1n, 0n], new Int64()) },
  };
  for (const [name, columns] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), tableToIPC(new Table(columns), 'file'));
  }
  const [bolt, arrow] = await bothGraphs(path);
  expect(arrow).toEqual(bolt);
  expect(String(arrow)).toContain('2023-11-14T22:13:20.123');
});

it('takes the id away, and makes no index, where the settings say so', async () => {
  const plain = open({ loader: 'arrow', keepId: false });
  await plain.start();
  expectWhole(await loadWhole(await plain.openLoad(request(await people(100)))));
  await plain.unmark(DATABASE, 1);
  expect(await neo4j.run(DATABASE, 'MATCH (n) WHERE n.id IS NOT NULL RETURN count(n) AS rows')).toEqual([
    { rows: 0 },
  ]);
  expect(await neo4j.run(DATABASE, 'SHOW CONSTRAINTS YIELD name RETURN name')).toEqual([]);
  await plain.stop();
});

const PHASES = ['checking', 'nodes', 'relationships', 'sealing'] as const;

it.each(PHASES)(
  'leaves nothing when its process is killed while %s, and the next run loads all',
  async (phase) => {
    const path = await people();
    const onProgress = (progress: LoadProgress) => progress.phase === phase && killLoaders();
    const load = await store.openLoad(request(path), { onProgress });
    const end = await loadWhole(load).then(
      () => 'loaded',
      (error: { code: string }) => error.code,
    );
    await load.abort({ resumable: true });
    // A load that was too fast for the kill stands.
    if (end !== 'loaded') expect((await store.list()).databases).toEqual([]);
    expect(['LOADER_DIED', 'loaded']).toContain(end);
    expectWhole(await loadWhole(await store.openLoad(request(path, 2))));
    expect(await store.counts(DATABASE)).toMatchObject({ labels: { Person: 3000 } });
  },
);

it('that ended before its verification is dropped by the next run, and loaded again', async () => {
  const path = await people(200);
  const first = await store.openLoad(request(path));
  await first.check();
  await first.nodes();
  await first.relationships();
  // The worker dies here: nobody aborts.
  killLoaders();
  const [left] = (await store.list()).databases;
  expect(left).toMatchObject({ name: DATABASE, state: 'building', mark: { run: 1, epoch: 1 } });
  const change = { customer: 'acme', database: DATABASE, properties: aliasProperties() };
  await rejects(store.prepareAlias(change), 'CONFLICT');
  expectWhole(await loadWhole(await store.openLoad(request(path, 2))));
  // So is one that was sealed and not verified.
  expectWhole(await loadWhole(await store.openLoad(request(path, 3))));
  expect((await store.list()).databases).toMatchObject([{ state: 'marked', mark: { run: 3, epoch: 3 } }]);
  await rejects(first.seal(), 'LOADER_DIED');
});

it('of a holder that was taken over puts nothing more, and takes nothing away', async () => {
  const path = await people(200);
  const older = await store.openLoad(request(path));
  await older.check();
  await older.nodes();
  const newer = await store.openLoad(request(path, 2));
  await rejects(older.relationships(), 'FENCED');
  await older.abort();
  expectWhole(await loadWhole(newer));
  expect((await store.list()).databases).toMatchObject([{ state: 'marked', mark: { epoch: 2 } }]);
  await rejects(store.openLoad(request(path)), 'FENCED');
});

it('into which another process has put rows never gets a certificate', async () => {
  const path = await people(200);
  const load = await store.openLoad(request(path));
  await load.check();
  await load.nodes();
  await putStray();
  await rejects(load.relationships(), 'CERTIFICATE');
  await load.abort();
  expect((await store.list()).databases).toEqual([]);
});

it('goes over Bolt where Arrow Flight does not answer, unless it must not', async () => {
  const path = await people(200);
  const elsewhere = { arrowUrl: 'grpc://127.0.0.1:1' };
  const must = open({ loader: 'arrow', ...elsewhere });
  await must.start();
  const refused = await must.openLoad(request(path));
  await refused.check();
  await rejects(refused.nodes(), 'STORE_UNREACHABLE');
  // Nobody knows what the server still has of the import: the record stays until it says.
  await rejects(refused.abort(), 'STORE_UNREACHABLE');
  expect((await must.list()).databases).toMatchObject([{ name: DATABASE, state: 'building' }]);
  await must.stop();
  const either = open({ loader: 'auto', ...elsewhere });
  await either.start();
  expectWhole(await loadWhole(await either.openLoad(request(path))));
  await either.stop();
});

/** What the server has of a snapshot after a load over Bolt, and after one over Arrow Flight. */
async function bothGraphs(path: string): Promise<unknown[]> {
  const bolt = open({ loader: 'bolt' });
  await bolt.start();
  const seen: unknown[] = [];
  for (const each of [bolt, store]) {
    expectWhole(await loadWhole(await each.openLoad(request(path))));
    await each.unmark(DATABASE, 1);
    seen.push(await graphOf(each));
    await (await each.prepareDrop('acme', DATABASE, 1)).fire();
  }
  await bolt.stop();
  return seen;
}

/** Everything that tells two graphs apart, but for the order. */
async function graphOf(loaded: GraphStore): Promise<unknown> {
  const shown = (key: string) => `[k IN keys(${key}) | [k, toString(valueType(${key}[k])),
    CASE WHEN valueType(${key}[k]) STARTS WITH 'LIST' THEN [e IN ${key}[k] | toString(e)] ELSE replace(toString(${key}[k]), '[UTC]', '') END]]`;
  const sorted = (rows: Awaited<ReturnType<typeof neo4j.run>>) =>
    rows.map((row) => [row.labels, (row.values as unknown[][]).map(String).sort()]);
  const nodes = `MATCH (n) RETURN COLLECT { UNWIND labels(n) AS l RETURN l ORDER BY l } AS labels, ${shown('n')} AS values ORDER BY n.id`;
  const relationships = `MATCH (a)-[r]->(b) RETURN [a.id, type(r), b.id] AS labels, ${shown('r')} AS values ORDER BY a.id, r.since`;
  const constraints =
    'SHOW CONSTRAINTS YIELD labelsOrTypes, properties, type RETURN labelsOrTypes, properties, type ORDER BY labelsOrTypes';
  return [
    sorted(await neo4j.run(DATABASE, nodes)),
    sorted(await neo4j.run(DATABASE, relationships)),
    await neo4j.run(DATABASE, constraints),
    await loaded.counts(DATABASE),
    (await loaded.query({ database: DATABASE }, 'MATCH (n) RETURN properties(n) AS n ORDER BY n.id')).rows,
  ];
}

function aliasProperties() {
  return { epoch: 1, snapshot: T, contentHash: '', since: '2024-01-01T00:00:00.000Z' };
}

/** What a putter that slept through an abort does when it wakes into the next import of that name. */
async function putStray(): Promise<void> {
  const client = new FlightClient({
    ...(neo4j.flight as { host: string; port: number }),
    credentials: { username: neo4j.user, password: neo4j.password },
  });
  const text = (value: string) => vectorFromArray([value], new Utf8());
  const table = new Table({
    sourceNodeId: text('0'),
    targetNodeId: text('0'),
    relationshipType: text('KNOWS'),
  });
  const messages: IpcMessage[] = [];
  async function* whole() {
    yield tableToIPC(table, 'stream');
  }
  for await (const message of readStream(whole())) messages.push(message);
  await client.put(putCommand(DATABASE, 'relationship'), messages);
  client.close();
}
