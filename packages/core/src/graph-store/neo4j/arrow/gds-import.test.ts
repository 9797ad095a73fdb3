/** Imports over Arrow Flight into the development Neo4j, and what must not become of them. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FlightClient } from '@graphshift/flight';
import { type IpcMessage, readStream } from '@graphshift/flight/ipc';
import { useNeo4j } from '@graphshift/testkit';
import { Int64, Table, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../platform/clock.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import { refuseMismatch } from '../../certify.ts';
import { GdsImport, type GdsImportOptions, type ImportedCount, NoAlias } from './gds-import.ts';
import { askArrowOffer, askImportActions, chooseLoader } from './loader-choice.ts';

const IDLE_SECONDS = 10;
const neo4j = useNeo4j({ own: true, flight: { idleSeconds: IDLE_SECONDS } });
const PATIENT = { timeout: 100_000, interval: 200 };
const clients: FlightClient[] = [];
let client: FlightClient;
let database: string;
let databases = 0;

beforeEach(() => {
  client = connect();
  databases += 1;
  database = neo4j.name(`db${databases}-1700000000`);
});
afterEach(() => {
  for (const each of clients.splice(0)) each.close();
});

function connect(password = neo4j.password): FlightClient {
  const made = new FlightClient({ ...neo4j.flight!, credentials: { username: neo4j.user, password } });
  clients.push(made);
  return made;
}

function begin(options: Partial<GdsImportOptions> = {}): Promise<GdsImport> {
  const mark = { customer: 'acme', timestamp: 1_700_000_000, run: 3, epoch: 7 };
  return GdsImport.begin(client, { database, mark, clock: systemClock, ...options });
}

async function messages(
  columns: Record<string, readonly string[] | readonly bigint[]>,
): Promise<IpcMessage[]> {
  const vector = (values: readonly string[] | readonly bigint[]) =>
    typeof values[0] === 'bigint'
      ? vectorFromArray(values, new Int64())
      : vectorFromArray(values, new Utf8());
  const table = new Table(
    Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, vector(values)])),
  );
  async function* bytes() {
    yield tableToIPC(table, 'stream');
  }
  const read: IpcMessage[] = [];
  for await (const message of readStream(bytes())) read.push(message);
  return read;
}

const people = (...ids: string[]) => messages({ nodeId: ids, labels: ids.map(() => 'Person'), name: ids });
const knows = (...pairs: [string, string][]) =>
  messages({
    sourceNodeId: pairs.map(([from]) => from),
    targetNodeId: pairs.map(([, to]) => to),
    relationshipType: pairs.map(() => 'KNOWS'),
  });
const query = (statement: string) => neo4j.run(database, statement);

/** As a loader would certify what it read. */
function certify(name: string, rows: number, { acknowledged, counted }: ImportedCount): void {
  refuseMismatch([{ name, footers: rows, read: rows, sent: rows, acknowledged, counted }]);
}

test('a database comes online with its rows, its mark, and counts of both sides', async () => {
  const load = await begin();
  expect(load.acknowledged).toEqual({ node: 0, relationship: 0 });
  const told: number[] = [];
  await Promise.all([
    load.put('node', await people('a', 'b'), (rows) => told.push(rows)),
    load.put('node', await people('c'), (rows) => told.push(rows)),
  ]);
  expect(told.sort()).toEqual([1, 2]);
  expect(await load.nodesDone()).toEqual({ acknowledged: 3, counted: 3 });
  await load.put('relationship', await knows(['a', 'b'], ['b', 'c']));
  const counts = await load.build();
  expect(counts).toEqual({
    nodes: { acknowledged: 3, counted: 3 },
    relationships: { acknowledged: 2, counted: 2 },
  });
  certify('Person', 3, counts.nodes);
  expect(await query('MATCH (a:Person {id: "a"})-[:KNOWS]->(b) RETURN a.name AS a, b.id AS b')).toEqual([
    { a: 'a', b: 'b' },
  ]);
  expect(await query('MATCH (m:_GraphshiftLoad) RETURN m{.*, id: null} AS m')).toEqual([
    {
      m: {
        id: null,
        key: 'load',
        customer: 'acme',
        timestamp: 1_700_000_000,
        run: 3,
        epoch: 7,
        sealed: false,
      },
    },
  ]);
  await load.abort();
  expect(await query('RETURN 1 AS one')).toEqual([{ one: 1 }]);
});

test('what a run before left there is aborted, and none of its rows are in the next import', async () => {
  const crashed = await begin();
  await crashed.put('node', await people('old'));
  const load = await begin();
  await load.put('node', await people('a'));
  expect(await load.nodesDone()).toEqual({ acknowledged: 1, counted: 1 });
  await load.abort();
  await expect(load.put('relationship', await knows(['a', 'a']))).rejects.toThrow('at ended');
});

describe('a putter that slept', () => {
  test('within a put does not go on into the next import of that name', async () => {
    const [schema, batch] = await people('late');
    const first = await begin();
    let wake = () => {};
    const asleep = new Promise<void>((resolve) => {
      wake = resolve;
    });
    async function* slow() {
      yield schema!;
      yield batch!;
      await asleep;
      yield batch!;
    }
    let late: Promise<unknown> = Promise.resolve();
    await new Promise<void>((began) => {
      late = first.put('node', slow(), () => began());
    });
    const load = await begin();
    wake();
    await expect(late).rejects.toThrow(/not found/);
    await load.put('node', await people('a'));
    expect(await load.nodesDone()).toEqual({ acknowledged: 1, counted: 1 });
    await load.abort();
  });

  test('and wakes into the next import is caught by the certificate, nodes and relationships', async () => {
    const zombie = await begin();
    const load = await begin();
    await load.put('node', await people('a', 'b'));
    await zombie.put('node', await people('late'));
    const nodes = await load.nodesDone();
    expect(nodes).toEqual({ acknowledged: 2, counted: 3 });
    expect(() => certify('Person', 2, nodes)).toThrow(
      'rows of Person do not match: 2 in the footers, 2 read, 2 sent, 2 acknowledged, 3 counted',
    );
    await expect(zombie.nodesDone()).rejects.toThrow('is in phase RELATIONSHIPS');
    await load.abort();
  });
});

test('without a command an import is over after a while; one that is kept alive is not', async () => {
  const silent = await begin({ keepAliveMs: 10_000_000 });
  const silentName = database;
  database = neo4j.name('kept-1700000000');
  const kept = await begin({ keepAliveMs: 1000 });
  await vi.waitFor(async () => {
    expect(await readFile(join(neo4j.data, 'logs', 'debug.log'), 'utf8')).toContain(
      `The import '${silentName}' had no command`,
    );
  }, PATIENT);
  await expect(silent.nodesDone()).rejects.toThrow(/not found/);
  await kept.put('node', await people('a'));
  expect(await kept.nodesDone()).toEqual({ acknowledged: 1, counted: 1 });
  await kept.abort();
});

test('a database that is there is replaced only with the proof that no alias leads to it', async () => {
  const once = await begin();
  await once.nodesDone();
  await once.build();
  await expect(begin()).rejects.toMatchObject({ code: 'CONFLICT' });
  const properties = { epoch: 1, snapshot: 1, contentHash: '', since: '' };
  const alias = (customer: string, target: string) => ({ customer, database: target, properties });
  expect(() => NoAlias.proven(database, [alias('acme', database.toUpperCase())])).toThrow(
    /is not replaced: the alias acme/,
  );
  expect(() => NoAlias.proven(database, [alias(database, 'elsewhere')])).toThrow(GraphshiftError);
  const replace = NoAlias.proven(database, [alias('acme', 'acme-1600000000')]);
  const again = await begin({ replace });
  await again.put('node', await people('new'));
  await again.nodesDone();
  await again.build();
  expect(await query('MATCH (n:Person) RETURN n.id AS id')).toEqual([{ id: 'new' }]);
  database = neo4j.name('another-1700000000');
  await expect(begin({ replace })).rejects.toThrow('the proof is for');
});

test('what the server refuses is told with its words, and nothing is left behind', async () => {
  const spoilt = await begin();
  const numbers = await messages({ nodeId: [1n, 2n], labels: ['Person', 'Person'] });
  await expect(spoilt.put('node', numbers)).rejects.toMatchObject({
    code: 'LOAD_FAILED',
    message: expect.stringMatching(
      /import of gs-.* over Arrow Flight at .*column `nodeId` is Int\(64, true\)/,
    ),
  });
  await expect(spoilt.nodesDone()).rejects.toMatchObject({ code: 'LOAD_FAILED' });
  const load = await begin();
  await load.nodesDone();
  await load.put('relationship', await knows(['nobody', 'no one']));
  await expect(load.build()).rejects.toMatchObject({ code: 'LOAD_FAILED' });
  expect(await neo4j.run('system', 'SHOW DATABASES YIELD name WHERE name = $database', { database })).toEqual(
    [],
  );
  client = connect('wrong-word');
  await expect(begin()).rejects.toMatchObject({ code: 'STORE_UNFIT' });
});

test('a holder that is no longer one does nothing, and a signal ends what is under way', async () => {
  const fenced = new GraphshiftError('FENCED', 'a newer holder goes on');
  await expect(begin({ mayGoOn: () => Promise.reject(fenced) })).rejects.toBe(fenced);
  let holds = true;
  const overtaken = await begin({ mayGoOn: async () => (holds ? undefined : Promise.reject(fenced)) });
  holds = false;
  await expect(overtaken.put('node', await people('a'))).rejects.toBe(fenced);
  await expect(overtaken.nodesDone()).rejects.toBe(fenced);
  const ends = new AbortController();
  const load = await begin({ signal: ends.signal });
  const [schema, batch] = await people('a');
  function* endless() {
    yield schema!;
    for (;;) yield batch!;
  }
  const putting = load.put('node', endless(), () => ends.abort(new Error('the worker stops')));
  await expect(putting).rejects.toThrow('the worker stops');
  await load.abort();
  await expect((await begin()).nodesDone()).resolves.toEqual({ acknowledged: 0, counted: 0 });
});

test('the server says over Bolt and over Arrow Flight what it offers', async () => {
  const ask = (statement: string) => neo4j.run('neo4j', statement);
  const offer = await askArrowOffer(ask, 'graphs.example');
  expect(offer).toEqual({ offered: true, address: { host: 'graphs.example', port: neo4j.flight!.port } });
  expect(chooseLoader('auto', offer)).toMatchObject({ loader: 'arrow', address: { host: 'graphs.example' } });
  expect(await askImportActions(client)).toEqual({ offered: true, address: neo4j.flight });
  const absent = await askArrowOffer(() => ask('CALL gds.debug.no_arrow()'), 'x');
  expect(absent).toEqual({
    offered: false,
    why: 'the server has no gds.debug.arrow(), so no GDS Enterprise',
  });
  expect(chooseLoader('auto', absent)).toEqual({
    loader: 'bolt',
    says: 'rows go over Bolt, not over Arrow Flight: the server has no gds.debug.arrow(), so no GDS Enterprise',
  });
});
