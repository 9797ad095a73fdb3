/**
 * Random histories of two customers whose names are each other's prefix: snapshots, failures, crashes, sleepers that wake
 * up late, rollbacks, pins, cancels, redrives, an emptied Redis. The pipeline, the cutover, retention and recovery are
 * the real ones, over a real Redis; the store is in memory, so that thousands of steps take seconds. What must never
 * happen is judged at the moment when the store changes, and after every step.
 */

import {
  type AliasChange,
  type AliasInfo,
  type Backend,
  Breaker,
  type Clock,
  Cutover,
  type DatabaseInfo,
  FencedChanges,
  Gate,
  GraphshiftError,
  isEndState,
  openBackend,
  Retention,
  readSettings,
  recoverRecords,
  silentLogger,
} from '@graphshift/core';
import { MemoryStore, startRedis, type TestRedis } from '@graphshift/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeployContext } from '../src/deploy/deployment.ts';
import { deploy } from '../src/deploy/pipeline.ts';
import { Upkeep } from '../src/upkeep/upkeep.ts';

const CUSTOMERS = ['acme', 'acme-west'] as const;
const POINTS = [
  'claimed',
  'gated',
  'loading',
  'load.checked',
  'load.sealed',
  'verifying',
  'verify.proven',
  'switching',
  'cutover.read',
  'cutover.prepared',
  'cutover.checked',
  'cutover.fired',
  'live',
  'drop.prepared',
  'dead',
] as const;
const KEEP = 2;

type Step =
  | { act: 'drop'; customer: number; time: number; content: number; broken: 'no' | 'once' | 'for good' }
  | { act: 'work'; pick: number }
  | { act: 'crash' | 'sleep'; pick: number; point: number }
  | { act: 'rollback' | 'pin' | 'unpin' | 'cancel' | 'retry'; customer: number; pick: number }
  | { act: 'wake' | 'upkeep' | 'flush' };

const whole = (max: number) => fc.integer({ min: 0, max });
/** Most happens to one customer at few times with few contents, so that things meet. */
const customer = fc.constantFrom(0, 0, 0, 1);
const time = whole(5);
const content = whole(2);
const drop = fc.record({
  act: fc.constant('drop' as const),
  customer,
  time,
  content,
  broken: fc.constantFrom('no' as const, 'no' as const, 'no' as const, 'once' as const, 'for good' as const),
});
const work = fc.record({ act: fc.constant('work' as const), pick: whole(1) });
const fault = fc.record({
  act: fc.constantFrom('crash' as const, 'sleep' as const),
  pick: whole(1),
  point: whole(POINTS.length - 1),
});
const person = fc.record({
  act: fc.constantFrom('rollback', 'rollback', 'pin', 'unpin', 'cancel', 'retry'),
  customer,
  pick: time,
});
const system = fc.record({ act: fc.constantFrom('wake', 'upkeep', 'flush') });
const one: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: drop },
  { weight: 6, arbitrary: work },
  { weight: 2, arbitrary: fault },
  { weight: 3, arbitrary: person },
  { weight: 2, arbitrary: system },
);

/** Small plots that chance alone would seldom write, with anything in between. */
const live = (time: number, content: number): Step[] => [
  { act: 'drop', customer: 0, time, content, broken: 'no' },
  { act: 'work', pick: 0 },
];
const overtaken = fc
  .record({ point: whole(POINTS.length - 1), between: fc.array(one, { maxLength: 2 }), after: time })
  .map(({ point, between, after }): Step[] => [
    { act: 'drop', customer: 0, time: 2, content: 0, broken: 'no' },
    { act: 'sleep', pick: 0, point },
    { act: 'work', pick: 0 },
    ...live(3 + (after % 3), 1),
    ...between,
    { act: 'wake' },
  ]);
const cameBack = fc
  .record({ between: fc.array(one, { maxLength: 2 }), again: content })
  .map(({ between, again }): Step[] => [
    ...live(1, 0),
    ...live(2, 1),
    { act: 'rollback', customer: 0, pick: 0 },
    ...between,
    ...live(4, again),
    { act: 'upkeep' },
  ]);
const histories = fc
  .array(
    fc.oneof(
      { weight: 12, arbitrary: one.map((step) => [step]) },
      { weight: 1, arbitrary: overtaken },
      { weight: 1, arbitrary: cameBack },
    ),
    { minLength: 4, maxLength: 24 },
  )
  .map((parts) => parts.flat());
const policies = fc.constantFrom('newest-first', 'in-order', 'latest-only');

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** Time moves by a second a look, and nothing waits. */
function makeClock(): Clock {
  let now = 1_700_000_000_000;
  return {
    now: () => {
      now += 1000;
      return now;
    },
    sleep: async () => {},
    every: () => () => {},
  };
}

/** What is taken out to show that the histories would tell. */
type Sabotage = 'no epochs';

class World {
  readonly backend: Backend;
  readonly store: MemoryStore;
  readonly #context: DeployContext;
  readonly #upkeep: Upkeep;
  readonly contents: Map<string, { content: string; broken: string }>;
  readonly #sleepers: (() => void)[] = [];
  readonly #running: Promise<unknown>[] = [];
  readonly #guard: Guard;
  #fault: { point: string; kind: 'crash' | 'sleep'; met: () => void } | undefined;

  constructor(backend: Backend, store: MemoryStore, contents: World['contents'], guard: Guard) {
    this.backend = backend;
    this.store = store;
    this.contents = contents;
    this.#guard = guard;
    const { deployments, clock, log } = backend;
    const checkpoint = (point: string) => this.#reach(point);
    const changes = new FencedChanges({ store, deployments, log, checkpoint });
    const cutover = new Cutover({ store, deployments, changes, clock, log });
    const retention = new Retention({ store, deployments, changes, clock, log, keep: KEEP, drainMs: 0 });
    const thresholds = { maxDatabases: 50, heapPercent: 85, pagecachePercent: 90, diskPercent: 95 };
    const gate = new Gate({ store, deployments, breaker: new Breaker('store'), thresholds });
    this.#context = { backend, cutover, retention, gate, holder: 'worker', checkpoint };
    this.#upkeep = new Upkeep({ backend, retention, roots: ['/data'] });
  }

  async run(one: Step): Promise<void> {
    switch (one.act) {
      case 'drop':
        return this.drop(one);
      case 'work':
        return this.work(one.pick);
      case 'crash':
      case 'sleep':
        return this.work(one.pick, { point: POINTS[one.point] ?? '', kind: one.act });
      case 'wake':
        return this.wake();
      case 'upkeep':
        return this.#upkeep.pass();
      case 'flush':
        return this.flush();
      default:
        return this.person(one.act, CUSTOMERS[one.customer] ?? 'acme', one.pick);
    }
  }

  async drop({ customer: index, time, content, broken }: Extract<Step, { act: 'drop' }>): Promise<void> {
    const customer = CUSTOMERS[index] ?? 'acme';
    const timestamp = 1_700_000_000 + time;
    const path = `/data/${customer}/${timestamp}`;
    // A snapshot does not change: the first drop of a time decides.
    if (!this.contents.has(path)) this.contents.set(path, { content: `content-${content}`, broken });
    const { deployments, wakeUps } = this.backend;
    const { head } = await deployments.discover({ customer, timestamp, path });
    await wakeUps.ensureHead(deployments, head);
  }

  /** One pickup of one head, to its end, its crash or its sleep. */
  async work(pick: number, fault?: { point: string; kind: 'crash' | 'sleep' }): Promise<void> {
    const { deployments } = this.backend;
    const heads = (await deployments.heads()).sort();
    const id = heads[pick % Math.max(1, heads.length)];
    const record = id === undefined ? undefined : await deployments.get(id);
    if (!record) return;
    const met = new Promise<void>((resolve) => {
      this.#fault = fault && { ...fault, met: resolve };
    });
    const payload = { v: 1 as const, deployment: record.id, run: record.run };
    const signal = new AbortController().signal;
    const pickup = { payload, signal, progress: async () => {}, note: async () => {} };
    const outcome = deploy(this.#context, pickup);
    this.#running.push(outcome.catch(() => {}));
    await Promise.race([outcome, met]);
    this.#fault = undefined;
  }

  async wake(): Promise<void> {
    for (const wake of this.#sleepers.splice(0)) wake();
    await this.#settle();
  }

  /** Redis emptied; the producer sees it, makes records again from the store and finds everything on the disk. */
  async flush(): Promise<void> {
    await redis.flush();
    await recoverRecords({ ...this.backend, roots: ['/data'] });
    const { deployments, wakeUps } = this.backend;
    for (const path of this.contents.keys()) {
      const [, , customer = '', timestamp = ''] = path.split('/');
      const found = { customer, timestamp: Number(timestamp), path };
      await wakeUps.ensureHead(deployments, (await deployments.discover(found)).head);
    }
  }

  async person(act: 'rollback' | 'pin' | 'unpin' | 'cancel' | 'retry', customer: string, pick: number) {
    const { operations } = this.backend;
    const id = `${customer}@${1_700_000_000 + pick}`;
    const mayMoveBack = act === 'rollback';
    this.#guard.rollback = mayMoveBack ? customer : undefined;
    try {
      if (act === 'rollback') await operations.rollback({ customer, by: 'test' });
      else if (act === 'pin' || act === 'unpin') await operations[act](customer, 'test');
      else await operations[act](id, 'test');
    } catch (error) {
      if (!(error instanceof GraphshiftError) || error.code === 'INTERNAL') throw error;
    } finally {
      this.#guard.rollback = undefined;
    }
  }

  /** Everybody awake, everything unpinned and worked off: then every deployment must have ended. */
  async finish(): Promise<void> {
    await this.wake();
    for (const customer of CUSTOMERS) await this.person('unpin', customer, 0);
    for (let round = 0; round < 60; round++) {
      await this.#upkeep.pass();
      const heads = await this.backend.deployments.heads();
      if (heads.length === 0) break;
      for (let index = 0; index < heads.length; index++) await this.work(index);
    }
    await this.#upkeep.pass();
  }

  async #settle(): Promise<void> {
    await Promise.race([
      Promise.all(this.#running.splice(0)),
      // Those that crashed never end: a turn of the event loop per command is enough for the others.
      this.backend.redis.ping().then(() => drainLoop(this.backend)),
    ]);
  }

  async #reach(point: string): Promise<void> {
    const fault = this.#fault;
    if (!fault || fault.point !== point) return;
    this.#fault = undefined;
    fault.met();
    await new Promise<void>((resolve) => {
      if (fault.kind === 'sleep') this.#sleepers.push(resolve);
    });
  }
}

/** Long enough for a woken pickup to make its last commands. */
async function drainLoop({ redis: connection }: Backend): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await connection.ping();
}

/** Watches the store's changes: throws in the one who makes a forbidden one, and remembers for the test. */
class Guard {
  rollback: string | undefined;
  readonly broken: string[] = [];
  store: MemoryStore | undefined;

  readonly onMove = ({ customer, database, properties }: AliasChange, before: AliasInfo | undefined) => {
    const back = before && properties.snapshot < before.properties.snapshot;
    if (back && this.rollback !== customer)
      this.#object(`the alias of ${customer} moved back to ${database}`);
    if (!before || before.database === database) return;
    if (before.properties.pin && this.rollback !== customer)
      this.#object(`the alias of ${customer} moved to ${database} though it is pinned`);
    const hold = before.properties.holds?.find(
      ({ timestamp, contentHash }) =>
        timestamp === properties.snapshot || contentHash === properties.contentHash,
    );
    if (hold && this.rollback !== customer) this.#object(`${database} went live though it is held`);
    if (properties.epoch <= before.properties.epoch)
      this.#object(`epoch ${properties.epoch} of ${customer} came after ${before.properties.epoch}`);
  };

  readonly onDrop = (database: DatabaseInfo) => {
    if (database.state === 'unknown') this.#object(`${database.name} was dropped though it cannot be judged`);
  };

  #object(what: string): void {
    this.broken.push(what);
  }
}

async function makeWorld(policy: string, sabotage?: Sabotage): Promise<[World, Guard]> {
  await redis.flush();
  const contents = new Map<string, { content: string; broken: string }>();
  const guard = new Guard();
  const store = new MemoryStore({
    contentOf: (path) => {
      const found = contents.get(path);
      if (!found) throw new GraphshiftError('SNAPSHOT_GONE', `${path} is gone`);
      if (found.broken === 'for good') throw new GraphshiftError('FILE_FORMAT', `${path} is broken`);
      if (found.broken === 'once') {
        contents.set(path, { ...found, broken: 'no' });
        throw new GraphshiftError('LOAD_FAILED', `${path} failed once`);
      }
      return found.content;
    },
    onMove: guard.onMove,
    onDrop: guard.onDrop,
    fenced: sabotage !== 'no epochs',
  });
  guard.store = store;
  const flags = { 'orchestrator.policy': policy, 'orchestrator.retention': KEEP, 'redis.url': redis.url };
  const { settings } = readSettings({ environment: {}, directory: '/', flags });
  const backend = await openBackend({
    settings,
    log: silentLogger,
    directory: '/',
    store,
    clock: makeClock(),
  });
  if (sabotage === 'no epochs') {
    // Redis says what every holder wants to hear.
    const prepareAlias = store.prepareAlias.bind(store);
    let latest = 0;
    store.prepareAlias = (change) => {
      latest = change.properties.epoch;
      return prepareAlias(change);
    };
    backend.deployments.currentEpoch = async () => latest;
  }
  return [new World(backend, store, contents, guard), guard];
}

/** What must hold after every step. */
async function expectInvariants(world: World, aliases: Set<string>, guard: Guard): Promise<void> {
  expect(guard.broken).toEqual([]);
  const listing = await world.store.list();
  const now = new Set(listing.aliases.map(({ customer }) => customer));
  for (const customer of aliases) expect(now, 'an alias that was there').toContain(customer);
  for (const { customer, database } of listing.aliases) {
    aliases.add(customer);
    const target = listing.databases.find(({ name }) => name === database);
    expect(target, `${customer} targets ${database}`).toMatchObject({
      state: 'complete',
      snapshot: { customer },
    });
  }
}

/** What must hold when everything has come to rest. */
async function expectRest(world: World): Promise<void> {
  const { deployments } = world.backend;
  const records = await deployments.list({ limit: 10_000 });
  expect(records.filter(({ state }) => !isEndState(state)).map(({ id, state }) => `${id} ${state}`)).toEqual(
    [],
  );
  expect(records.map(({ path }) => path).sort()).toEqual([...world.contents.keys()].sort());
  const { databases, aliases } = await world.store.list();
  expect(databases.filter(({ state }) => state !== 'complete')).toEqual([]);
  for (const { customer, properties } of aliases) {
    const live = records.filter((record) => record.customer === customer && record.state === 'live');
    expect(live.map(({ timestamp }) => timestamp)).toEqual([properties.snapshot]);
    const kept = databases.filter(({ snapshot }) => snapshot?.customer === customer);
    expect(
      kept.filter(({ snapshot }) => (snapshot?.timestamp ?? 0) <= properties.snapshot).length,
    ).toBeLessThanOrEqual(KEEP);
    for (const { snapshot } of kept)
      expect(properties.holds?.map(({ timestamp }) => timestamp) ?? []).not.toContain(
        snapshot?.timestamp === properties.snapshot ? undefined : snapshot?.timestamp,
      );
  }
}

async function breakNothing(policy: string, steps: readonly Step[], sabotage?: Sabotage): Promise<void> {
  const [world, guard] = await makeWorld(policy, sabotage);
  try {
    const aliases = new Set<string>();
    for (const step of steps) {
      await world.run(step);
      await expectInvariants(world, aliases, guard);
    }
    await world.finish();
    await expectInvariants(world, aliases, guard);
    await expectRest(world);
  } finally {
    await world.backend.stop();
  }
}

describe('random histories', () => {
  it('break no invariant, lose no snapshot and come to rest', { timeout: 300_000 }, async () => {
    const property = fc.asyncProperty(policies, histories, (policy, steps) => breakNothing(policy, steps));
    await fc.assert(property, { numRuns: 120 });
  });

  it('would see it if nobody checked the epoch', { timeout: 300_000 }, async () => {
    const property = fc.asyncProperty(policies, histories, (policy, steps) =>
      breakNothing(policy, steps, 'no epochs'),
    );
    const { failed } = await fc.check(property, { numRuns: 300, endOnFailure: true });
    expect(failed).toBe(true);
  });
});
