/** Alias changes and drops whose holder sleeps between any two of its steps, on a real server. */

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { rejects, useNeo4j } from '@graphshift/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../platform/clock.ts';
import type { AliasProperties, GraphStore, PreparedChange } from '../graph-store.ts';
import { Bookkeeping } from './bookkeeping.ts';
import { Certificates } from './certificates.ts';
import { Changes, type Checkpoint } from './changes.ts';
import { Neo4jConnection } from './connection.ts';
import { Databases } from './databases.ts';
import { Fence } from './fence.ts';
import { createNeo4jStore } from './store.ts';

const neo4j = useNeo4j();
const BOOKKEEPING = 'graphshift-changes';
const CUSTOMER = 'sleepy.inc';
const [ONE, TWO, THREE] = [
  'sleepy.inc-1700000000',
  'sleepy.inc-1700086400',
  'sleepy.inc-1700086401',
] as const;
let store: GraphStore;

const properties = (epoch: number, more: Partial<AliasProperties> = {}): AliasProperties => ({
  ...{ epoch, snapshot: 1_700_000_000, contentHash: 'c0ffee', since: '2024-01-01T00:00:00.000Z' },
  ...more,
});
const point = async (database: string, epoch: number) =>
  (await store.prepareAlias({ customer: CUSTOMER, database, properties: properties(epoch) })).fire();
const target = async () => (await store.alias(CUSTOMER))?.database;

/** Changes of another process, with a place to sleep at each of its steps. */
function sleeper(checkpoint: Checkpoint, changeTimeoutMs = 60_000, url = neo4j.url) {
  const { user: username, password } = neo4j;
  const connection = new Neo4jConnection({ url, username, password });
  const bookkeeping = new Bookkeeping(connection, BOOKKEEPING);
  const databases = new Databases(connection, bookkeeping, systemClock);
  const fence = new Fence(connection, bookkeeping, systemClock);
  const certificates = new Certificates(connection.driver, BOOKKEEPING);
  const options = { connection, fence, databases, certificates, changeTimeoutMs, checkpoint };
  return { changes: new Changes({ ...options, installation: BOOKKEEPING }), close: () => connection.close() };
}

beforeAll(async () => {
  if (neo4j.problem) return;
  const { url, user: username, password } = neo4j;
  store = createNeo4jStore({ url, username, password, bookkeepingDatabase: BOOKKEEPING });
  await store.start();
  await clear();
});
afterAll(async () => {
  if (neo4j.problem) return;
  await clear();
  await store.stop();
});

async function clear() {
  await neo4j.run('system', `DROP ALIAS \`${CUSTOMER}\` IF EXISTS FOR DATABASE`);
  for (const name of [ONE, TWO, THREE])
    await neo4j.run('system', `DROP DATABASE \`${name}\` IF EXISTS DESTROY DATA WAIT`);
}

beforeEach(async () => {
  await neo4j.run('system', `DROP ALIAS \`${CUSTOMER}\` IF EXISTS FOR DATABASE`);
  await neo4j.run(BOOKKEEPING, 'MATCH (c:Customer) DELETE c');
  for (const name of [ONE, TWO]) {
    await neo4j.run('system', `CREATE DATABASE \`${name}\` IF NOT EXISTS WAIT`);
    await neo4j.run(name, 'MERGE (:Person {name: "Ada"})');
  }
});

const STEPS = ['raised', 'begun', 'prepared', 'read', 'changed'] as const;

describe('a holder that sleeps while another takes over', () => {
  it.each(STEPS.flatMap((step) => [[step, 'alias'] as const, [step, 'drop'] as const]))(
    'changes nothing, whether it slept at "%s" of an %s',
    async (step, kind) => {
      if (kind === 'alias') await point(ONE, 1);
      const sleeping = withResolvers();
      const waking = withResolvers();
      const late = sleeper(async (at) => {
        if (at !== step) return;
        sleeping.resolve(undefined);
        await waking.promise;
      });
      const work = async (change: PreparedChange) => change.fire().finally(() => change.cancel());
      const change = { customer: CUSTOMER, database: TWO, properties: properties(2) };
      const made =
        kind === 'alias'
          ? late.changes.prepareAlias(change).then(work)
          : late.changes.prepareDrop(CUSTOMER, TWO, 2).then(work);
      const refused = rejects(made, 'FENCED');
      await sleeping.promise;
      const before = await store.takeOver(CUSTOMER, 3);
      expect(before?.database).toBe(kind === 'alias' ? ONE : undefined);
      waking.resolve(undefined);
      await refused;
      expect(await target()).toBe(kind === 'alias' ? ONE : undefined);
      expect((await store.list({ customer: CUSTOMER })).databases.map(({ name }) => name)).toEqual([
        ONE,
        TWO,
      ]);
      // Nothing that it left keeps the new holder waiting.
      await point(TWO, 3);
      expect(await target()).toBe(TWO);
      await late.close();
    },
  );

  it('changes nothing when its time is over before it fires', async () => {
    await point(ONE, 1);
    const late = sleeper(async () => {}, 1000);
    const change = { customer: CUSTOMER, database: TWO, properties: properties(1) };
    const prepared = await late.changes.prepareAlias(change);
    const left = () =>
      neo4j.run(
        'system',
        "SHOW TRANSACTIONS YIELD metaData, status WHERE metaData.customer = 'sleepy.inc' AND status = 'Running' RETURN status",
      );
    await expect.poll(left, { timeout: 60_000 }).toEqual([]);
    // Nobody took over: it is tried again, under the same epoch.
    const error = await rejects(prepared.fire(), 'STORE_BUSY');
    expect(error.message).toContain('the server ended it');
    expect(await target()).toBe(ONE);
    await late.close();
  });

  it('has no prepared change of a lower epoch beside one of a higher, with many at once', async () => {
    await point(ONE, 1);
    const moves = Array.from({ length: 12 }, async (_, index) => {
      const epoch = 2 + index;
      const database = index % 2 ? ONE : TWO;
      const change = await store.prepareAlias({
        customer: CUSTOMER,
        database,
        properties: properties(epoch),
      });
      await change.fire().finally(() => change.cancel());
      return epoch;
    });
    const done = (await Promise.allSettled(moves)).flatMap((one) =>
      one.status === 'fulfilled' ? [one.value] : [],
    );
    // The highest is never fenced out, and nothing of a lower one came after it.
    expect(done).toContain(13);
    expect(await store.alias(CUSTOMER)).toMatchObject({ database: ONE, properties: { epoch: 13 } });
  });
});

describe('a holder that loses the server at its commit', () => {
  it('says that the server is away, and leaves the alias where it was', async () => {
    await point(ONE, 1);
    const proxy = await tcpProxy(neo4j.url);
    const cut = async (step: string) => void (step === 'changed' && proxy.sever());
    const late = sleeper(cut, 60_000, proxy.url);
    const change = { customer: CUSTOMER, database: TWO, properties: properties(2) };
    const prepared = await late.changes.prepareAlias(change);
    const error = await rejects(prepared.fire(), 'STORE_UNREACHABLE');
    expect(error.message).toContain(`move alias to ${TWO}`);
    expect((await store.takeOver(CUSTOMER, 3))?.database).toBe(ONE);
    await late.close();
    await proxy.close();
  });

  it('reads back that it was made where only the answer was lost', async () => {
    await point(ONE, 1);
    const proxy = await tcpProxy(neo4j.url);
    const mute = async (step: string) => void (step === 'changed' && proxy.mute());
    const late = sleeper(mute, 60_000, proxy.url);
    const change = { customer: CUSTOMER, database: TWO, properties: properties(2) };
    const fired = (await late.changes.prepareAlias(change)).fire();
    await expect.poll(target, { timeout: 60_000 }).toBe(TWO);
    proxy.sever();
    proxy.mend();
    await fired;
    await late.close();
    await proxy.close();
  });
});

it('is not ended for good by a bookkeeping database that somebody dropped or restores', async () => {
  const database = 'graphshift-changes-lost';
  const { url, user: username, password } = neo4j;
  const lost = createNeo4jStore({ url, username, password, bookkeepingDatabase: database });
  await lost.start();
  await neo4j.run('system', `DROP DATABASE \`${database}\` DESTROY DATA WAIT`);
  const error = await rejects(lost.takeOver(CUSTOMER, 5), 'STORE_UNREACHABLE');
  expect(error.message).toContain(`bookkeeping database ${database} is not there`);
  expect(await lost.health()).toMatchObject({
    writable: false,
    problem: expect.stringContaining(`bookkeeping database ${database} is not there`),
  });
  await lost.start();
  expect(await lost.takeOver(CUSTOMER, 5)).toBeUndefined();
  await lost.stop();
  await neo4j.run('system', `DROP DATABASE \`${database}\` DESTROY DATA WAIT`);
});

describe('an alias', () => {
  it('keeps pins and holds with whatever they say', async () => {
    const pin = { since: '2024-01-01T00:00:00Z', reason: 'it\'s "pinned" `$x` é😀\n' };
    const holds = [
      { timestamp: 1_700_000_000, contentHash: 'ab', since: '2024-01-01T00:00:00Z', reason: pin.reason },
    ];
    const wanted = properties(4, { pin, holds });
    await (await store.prepareAlias({ customer: CUSTOMER, database: ONE, properties: wanted })).fire();
    expect(await store.alias('Sleepy.Inc')).toEqual({
      customer: CUSTOMER,
      database: ONE,
      properties: wanted,
    });
    await point(ONE, 4);
    expect((await store.alias(CUSTOMER))?.properties).toEqual(properties(4));
  });

  it('that somebody else made is read with epoch 0, and taken over by moving it', async () => {
    await neo4j.run(
      'system',
      `CREATE ALIAS \`${CUSTOMER}\` FOR DATABASE \`${ONE}\` PROPERTIES {owner: 'team'}`,
    );
    expect(await store.alias(CUSTOMER)).toMatchObject({
      database: ONE,
      properties: { epoch: 0, snapshot: 1_700_000_000, contentHash: '' },
    });
    await point(TWO, 1);
    expect(await target()).toBe(TWO);
  });
});

describe('the listing', () => {
  it('is one statement for databases and one for aliases, whatever the customers, on few connections', async () => {
    const customers = Array.from({ length: 20 }, (_, index) => `${CUSTOMER}.c${index}`);
    const make = (name: string, written: string) =>
      neo4j.run(
        'system',
        `CREATE ALIAS \`${name}\` IF NOT EXISTS FOR DATABASE \`${ONE}\` PROPERTIES ${written}`,
      );
    for (const name of customers) await make(name, '{epoch: 1}');
    // Somebody's own, and one that a person has spoilt.
    const others = [`${CUSTOMER}.own`, `${CUSTOMER}.torn`] as const;
    await make(others[0], "{pin: 'x'}");
    await make(others[1], "{epoch: 1, holds: 'x'}");
    const { user: username, password } = neo4j;
    const proxy = await tcpProxy(neo4j.url);
    const url = proxy.url;
    const counted = createNeo4jStore({ url, username, password, bookkeepingDatabase: BOOKKEEPING });
    try {
      await counted.list();
      proxy.forget();
      const { databases, aliases } = await counted.list();
      const mine = aliases.map(({ customer }) => customer).filter((name) => name.startsWith(CUSTOMER));
      expect(mine.sort()).toEqual([...customers].sort());
      // The server of NEO4J_TEST_URI may hold others' too.
      const own = databases.filter(({ snapshot }) => snapshot?.customer === CUSTOMER);
      expect(own.map(({ name, state }) => [name, state])).toEqual([
        [ONE, 'complete'],
        [TWO, 'complete'],
      ]);
      expect(proxy.count('SHOW DATABASES')).toBe(1);
      expect(proxy.count('SHOW ALIASES')).toBe(1);
      // Complete databases are not looked into again.
      expect(proxy.count('MATCH (n)')).toBe(0);
      expect(proxy.count('WHERE d.importing')).toBe(1);
      // One for each that was looked into at a time, by the first listing.
      expect(proxy.connections()).toBeLessThanOrEqual(4);
    } finally {
      await counted.stop();
      await proxy.close();
      for (const name of [...customers, ...others])
        await neo4j.run('system', `DROP ALIAS \`${name}\` IF EXISTS FOR DATABASE`);
    }
  });

  it('leaves out what others have on the server, and says of what is empty or offline that it cannot tell', async () => {
    await neo4j.run('system', `CREATE DATABASE \`${THREE}\` IF NOT EXISTS WAIT`);
    const state = async (name: string) =>
      (await store.list()).databases.find((one) => one.name === name)?.state;
    expect(await state(THREE)).toBe('unknown');
    await neo4j.run(BOOKKEEPING, 'MERGE (:Database {name: $THREE})', { THREE });
    expect(await state(THREE)).toBe('building');
    await neo4j.run('system', `STOP DATABASE \`${TWO}\` WAIT`);
    expect(await state(TWO)).toBe('unknown');
    await neo4j.run('system', `START DATABASE \`${TWO}\` WAIT`);
    expect(await state(TWO)).toBe('complete');
    const names = (await store.list()).databases.map(({ name }) => name);
    for (const other of ['system', 'neo4j', BOOKKEEPING]) expect(names).not.toContain(other);
    await neo4j.run(BOOKKEEPING, 'MATCH (d:Database) DELETE d');
    await neo4j.run('system', `DROP DATABASE \`${THREE}\` DESTROY DATA WAIT`);
  });
});

it('counts the transactions that run on a database', async () => {
  expect(await store.readers?.(ONE)).toBe(0);
  const session = neo4j.driver().session({ database: ONE });
  const tx = session.beginTransaction();
  await (await tx).run('MATCH (p:Person) RETURN p');
  expect(await store.readers?.(ONE)).toBe(1);
  await (await tx).rollback();
  await session.close();
  expect(await store.readers?.(ONE)).toBe(0);
  expect(await store.readers?.('sleepy.inc-1')).toBeUndefined();
});

function withResolvers() {
  let resolve: (value: unknown) => void = () => {};
  const promise = new Promise<unknown>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Between a driver and the server; statements are read from what the driver sends. */
async function tcpProxy(target: string) {
  const { hostname, port } = new URL(target.replace(/^\w+/, 'http'));
  const sent: Buffer[][] = [];
  const sockets: Socket[] = [];
  const state = { severed: false, muted: false };
  const server = createServer((client) => {
    if (state.severed) return void client.destroy();
    const chunks: Buffer[] = [];
    sent.push(chunks);
    const upstream = connect(Number(port), hostname);
    sockets.push(client, upstream);
    client.on('data', (chunk) => chunks.push(chunk));
    upstream.on('data', (chunk) => state.muted || client.write(chunk));
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.pipe(upstream).on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  const text = () => sent.map((chunks) => Buffer.concat(chunks).toString('latin1')).join('|');
  const sever = () => {
    state.severed = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `bolt://127.0.0.1:${own}`,
    connections: () => sent.length,
    count: (statement: string) => text().split(statement).length - 1,
    forget: () => {
      for (const chunks of sent) chunks.length = 0;
    },
    /** Answers are lost from now on. */
    mute: () => void Object.assign(state, { muted: true }),
    /** Ends all connections, and takes none until `mend`. */
    sever,
    mend: () => void Object.assign(state, { severed: false, muted: false }),
    close: async () => {
      sever();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
