/** Random histories that break nothing, driven through the scripts on a real Redis: the doctor must stay silent. */

import { startRedis, type TestRedis, uniquePrefix } from '@graphshift/testkit';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DeploymentRecord } from '../deployment/record.ts';
import { isEndState, type State } from '../deployment/states.ts';
import type { AliasProperties, DatabaseInfo } from '../graph-store/graph-store.ts';
import { systemClock } from '../platform/clock.ts';
import { jobId } from '../queue/catalogue.ts';
import { connectRedis } from '../queue/connection.ts';
import { DeploymentStore, type Policy } from '../queue/deployment-store.ts';
import { Evidence } from '../queue/evidence.ts';
import { makeKeys } from '../queue/keys.ts';
import { databaseName, deploymentId } from '../snapshot/names.ts';
import { judge } from './judge.ts';
import type { AliasSeen, Picture } from './picture.ts';

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = await connectRedis({ url: server.url });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const KEEP = 2;

/** A store that only remembers, and what a worker does with it, a command at a time. */
class World {
  readonly deployments: DeploymentStore;
  readonly evidence: Evidence;
  readonly databases = new Map<string, DatabaseInfo>();
  readonly aliases = new Map<string, AliasProperties>();

  constructor(order: Policy['order']) {
    const keys = makeKeys(uniquePrefix().replace(/[{}]/g, ''));
    this.deployments = new DeploymentStore(redis, keys, systemClock, { order });
    this.evidence = new Evidence(redis, keys);
  }

  async head(customer: string): Promise<DeploymentRecord | undefined> {
    const id = (await this.evidence.customers()).get(customer)?.head;
    return id === undefined ? undefined : this.deployments.get(id);
  }

  async move(record: DeploymentRecord, from: State, to: State, room = false): Promise<void> {
    const database = databaseName(record);
    const result = await this.deployments.transition({
      id: record.id,
      from: [from],
      to,
      fields: { database },
      ...(room && {
        room: { database, existing: [...this.databases.keys()], max: 99, listedAt: systemClock.now() + 1 },
      }),
    });
    expect(result.kind).toBe('ok');
  }

  async discover(customer: string, timestamp: number): Promise<void> {
    await this.deployments.discover({ customer, timestamp, path: '/data' });
  }

  async advance(customer: string, steps: number): Promise<void> {
    for (let taken = 0; taken < steps; taken++) {
      const record = await this.head(customer);
      if (record) await this.step(record);
    }
  }

  /** One step of the head on its way, as a worker takes it. */
  async step(record: DeploymentRecord): Promise<void> {
    const { customer } = record;
    const { timestamp, state } = record;
    const name = databaseName(record);
    const snapshot = { customer, timestamp };
    if (state === 'queued' || state === 'waiting' || state === 'retrying') {
      const floor = this.aliases.get(customer)?.epoch ?? 0;
      await this.deployments.claim(record.id, record.run, 'worker', floor);
      await this.move(record, state, 'gated', true);
    } else if (state === 'gated') {
      const mark = { ...snapshot, run: record.run, epoch: record.epoch };
      this.databases.set(name, { name: `${name}.r1.e1.building`, snapshot, state: 'building', mark });
      await this.move(record, 'gated', 'loading');
    } else if (state === 'loading') await this.move(record, 'loading', 'verifying');
    else if (state === 'verifying') {
      this.databases.set(name, { name, snapshot, state: 'complete' });
      await this.move(record, 'verifying', 'switching');
    } else await this.cutOver(record);
  }

  async cutOver(record: DeploymentRecord): Promise<void> {
    const { customer, timestamp, epoch } = record;
    const { holds = [] } = this.aliases.get(customer) ?? {};
    const since = new Date(systemClock.now()).toISOString();
    this.aliases.set(customer, { epoch, snapshot: timestamp, contentHash: 'abc', since, holds });
    await this.move(record, 'switching', 'live');
    await this.retire(customer);
  }

  async retire(customer: string): Promise<void> {
    const { snapshot = 0, holds = [] } = this.aliases.get(customer) ?? {};
    const held = new Set(holds.map(({ timestamp }) => timestamp));
    const records = (await this.deployments.list({ customer })).filter(
      ({ state, timestamp }) => (state === 'live' || state === 'replaced') && timestamp <= snapshot,
    );
    for (const record of records.slice(KEEP)) {
      this.databases.delete(databaseName(record));
      await this.move(record, 'replaced', 'retired');
    }
    for (const [name, database] of this.databases)
      if (database.snapshot?.customer === customer && held.has(database.snapshot.timestamp))
        this.databases.delete(name);
  }

  /** The head leaves its way: it waits, tries again, dies, or is cancelled. */
  async divert(customer: string, to: State): Promise<void> {
    const record = await this.head(customer);
    if (!record || record.state === 'switching') return;
    this.databases.delete(databaseName(record));
    await this.move(record, record.state, to);
  }

  async revive(customer: string): Promise<void> {
    const [dead] = await this.deployments.list({ customer, state: 'dead' });
    if (dead) await this.move(dead, 'dead', 'discovered');
  }

  /** To the newest kept one before the live one, holding what it leaves. */
  async rollBack(customer: string): Promise<void> {
    const alias = this.aliases.get(customer);
    const [live] = await this.deployments.list({ customer, state: 'live' });
    const [target] = (await this.deployments.list({ customer, state: 'replaced' })).filter(
      ({ timestamp }) => timestamp < (alias?.snapshot ?? 0),
    );
    if (!alias || !live || !target) return;
    const epoch = await this.deployments.raiseEpoch(customer, alias.epoch);
    const since = new Date(systemClock.now()).toISOString();
    const hold = { timestamp: live.timestamp, contentHash: 'abc', since, reason: 'bad' };
    const holds = [...(alias.holds ?? []), hold];
    this.aliases.set(customer, { ...alias, epoch, snapshot: target.timestamp, since, holds });
    await this.move(live, 'live', 'rolled-back');
    await this.move(target, 'replaced', 'live');
    await this.retire(customer);
  }

  /** A load that was stopped drops what it built. */
  async sweep(): Promise<void> {
    for (const [name, { state, snapshot }] of this.databases) {
      if (state === 'complete' || !snapshot) continue;
      const record = await this.deployments.get(deploymentId(snapshot));
      if (!record || isEndState(record.state)) this.databases.delete(name);
    }
  }

  async picture(): Promise<Picture> {
    const { records, unreadable } = await this.evidence.records();
    const heads = await this.deployments.getMany(await this.deployments.heads());
    const dead = [...records.values()].filter(({ state }) => state === 'dead');
    const ids = (some: readonly DeploymentRecord[]) => new Set(some.map(({ id, run }) => jobId(id, run)));
    return {
      takenAt: systemClock.now(),
      limits: { keep: KEEP, drainMs: 0, graceMs: 0, recordMs: 0, lingerMs: 0 },
      unrecorded: [],
      unreadRoots: [],
      databases: [...this.databases.values()],
      aliases: new Map(
        [...this.aliases].map(([customer, properties]) => [customer, seen(customer, properties)]),
      ),
      unreadAliases: [],
      records,
      unreadRecords: unreadable,
      index: await this.evidence.index(),
      customers: await this.evidence.customers(),
      jobs: { unfinished: ids(heads), active: new Set(), failed: new Set() },
      letters: { unfinished: new Set(), active: new Set(), failed: ids(dead) },
      reservations: await this.evidence.reservations(),
      audit: await this.evidence.audit(),
    };
  }
}

function seen(customer: string, properties: AliasProperties): AliasSeen {
  const { snapshot: timestamp, epoch } = properties;
  const database = databaseName({ customer, timestamp });
  const rows = { footers: 1, read: 1, sent: 1, acknowledged: 1, counted: 1 };
  const proof = {
    bytes: 1,
    peakMemory: 1,
    contentHash: 'abc',
    nodes: [{ name: 'A', ...rows }],
    relationships: [],
  };
  return {
    customer,
    database,
    properties,
    certificate: { customer, timestamp, run: 1, epoch, database, ...proof },
    counts: { labels: { A: 1 }, types: {} },
  };
}

/** What may happen to a customer, with a number that some of it needs. */
const COMMANDS = {
  discover: (world: World, customer: string, size: number) => world.discover(customer, size),
  // Five steps lead a deployment to live, a sixth takes the next one up.
  advance: (world: World, customer: string, size: number) => world.advance(customer, size % 12),
  deploy: async (world: World, customer: string) => {
    await world.discover(customer, (world.aliases.get(customer)?.snapshot ?? 0) + 7);
    await world.advance(customer, 8);
  },
  wait: (world: World, customer: string) => world.divert(customer, 'waiting'),
  fail: (world: World, customer: string) => world.divert(customer, 'retrying'),
  die: (world: World, customer: string) => world.divert(customer, 'dead'),
  cancel: (world: World, customer: string) => world.divert(customer, 'cancelled'),
  revive: (world: World, customer: string) => world.revive(customer),
  rollBack: (world: World, customer: string) => world.rollBack(customer),
};

const command = fc.record({
  name: fc.constantFrom(...(Object.keys(COMMANDS) as (keyof typeof COMMANDS)[])),
  customer: fc.constantFrom('acme', 'beta'),
  size: fc.integer({ min: 1, max: 200 }),
});

it('finds nothing in any history of legal steps', async () => {
  let moves = 0;
  let rollbacks = 0;
  const orders = fc.constantFrom<Policy['order'][]>('newest-first', 'in-order', 'latest-only');
  await fc.assert(
    fc.asyncProperty(
      orders,
      fc.array(command, { minLength: 10, maxLength: 25, size: 'max' }),
      fc.boolean(),
      async (order, history, back) => {
        const world = new World(order);
        // Something to roll back to, from the start.
        for (let deployed = 0; deployed < KEEP; deployed++) await COMMANDS.deploy(world, 'acme');
        if (back) await world.rollBack('acme');
        for (const { name, customer, size } of history) {
          await COMMANDS[name](world, customer, size);
          await world.sweep();
          expect(judge(await world.picture())).toEqual([]);
        }
        const { audit } = await world.picture();
        moves += audit.filter(({ to }) => to === 'live').length;
        rollbacks += audit.filter(({ to }) => to === 'rolled-back').length;
      },
    ),
    { numRuns: 15 },
  );
  // A property over histories in which nothing happens would prove nothing.
  expect(moves).toBeGreaterThan(2 * 15);
  expect(rollbacks).toBeGreaterThan(0);
}, 300_000);
