/** A system for random histories: one store in memory, one real Redis, and everything that can befall them as a step. */

import {
  type AliasChange,
  type AliasInfo,
  type Backend,
  Capacity,
  ChunkLedger,
  type Clock,
  Cutover,
  type DatabaseInfo,
  FencedChanges,
  Gate,
  GraphshiftError,
  gateThresholds,
  openBackend,
  Retention,
  readSettings,
  recoverRecords,
  silentLogger,
} from '@graphshift/core';
import { MemoryStore, type TestRedis } from '@graphshift/testkit';
import type { DeployContext } from '../src/deploy/deployment.ts';
import { deploy } from '../src/deploy/pipeline.ts';
import { Upkeep } from '../src/upkeep/upkeep.ts';

/** Two customers whose names are easily taken for each other's, or for a database's. */
export type Customers = readonly [string, string];
export const POINTS = [
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
/** Retention. */
export const KEEP = 2;

export type Step =
  | { act: 'drop'; customer: number; time: number; content: number; broken: 'no' | 'once' | 'for good' }
  | { act: 'work'; pick: number }
  | { act: 'crash' | 'sleep'; pick: number; point: number }
  | { act: 'rollback' | 'pin' | 'unpin' | 'cancel' | 'retry'; customer: number; pick: number }
  | { act: 'wake' | 'upkeep' | 'flush' };

/** Time moves by a second a look; no delay ever ends. */
function makeClock(): Clock {
  let now = 1_700_000_000_000;
  return {
    now: () => {
      now += 1000;
      return now;
    },
    sleep: (_ms, signal) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    every: () => () => {},
  };
}

/** What is taken out to show that the histories would tell. */
export type Sabotage = 'no epochs';

export class World {
  readonly backend: Backend;
  readonly store: MemoryStore;
  readonly #context: DeployContext;
  readonly #upkeep: Upkeep;
  readonly contents: Map<string, { content: string; broken: string }>;
  readonly #sleepers: (() => void)[] = [];
  readonly #running: Promise<unknown>[] = [];
  readonly #guard: Guard;
  readonly #redis: TestRedis;
  readonly #customers: Customers;
  #fault: { point: string; kind: 'crash' | 'sleep'; met: () => void } | undefined;

  constructor(
    backend: Backend,
    store: MemoryStore,
    contents: World['contents'],
    guard: Guard,
    redis: TestRedis,
    customers: Customers,
  ) {
    this.backend = backend;
    this.store = store;
    this.contents = contents;
    this.#guard = guard;
    this.#redis = redis;
    this.#customers = customers;
    const { deployments, clock, log } = backend;
    const checkpoint = (point: string) => this.#reach(point);
    const changes = new FencedChanges({ store, deployments, log, checkpoint });
    const cutover = new Cutover({ store, deployments, changes, clock, log });
    const retention = new Retention({ store, deployments, changes, clock, log, keep: KEEP, drainMs: 0 });
    const gate = new Gate({ readings: backend.readings, thresholds: gateThresholds(backend.settings), log });
    const capacity = new Capacity({ ...backend, kind: store.kind, host: 'here' });
    const ledger = new ChunkLedger(backend.redis, backend.keys);
    this.#context = { backend, cutover, retention, gate, capacity, ledger, holder: 'worker', checkpoint };
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
        return this.person(one.act, this.#customers[one.customer] ?? '', one.pick);
    }
  }

  async drop({ customer: index, time, content, broken }: Extract<Step, { act: 'drop' }>): Promise<void> {
    const customer = this.#customers[index] ?? '';
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
    await this.#redis.flush();
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
    if (act === 'retry') this.#guard.asked.add(id);
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
    for (const customer of this.#customers) await this.person('unpin', customer, 0);
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
export class Guard {
  rollback: string | undefined;
  readonly broken: string[] = [];
  /** Deployments that a person started over. */
  readonly asked = new Set<string>();
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
    const passed = before.properties.holds?.some(({ timestamp }) => timestamp > properties.snapshot);
    if (passed && this.rollback !== customer && !this.asked.has(`${customer}@${properties.snapshot}`))
      this.#object(`${database} went live though a rollback went past it`);
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

export async function makeWorld(
  redis: TestRedis,
  customers: Customers,
  policy: string,
  sabotage?: Sabotage,
): Promise<[World, Guard]> {
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
  return [new World(backend, store, contents, guard, redis, customers), guard];
}
