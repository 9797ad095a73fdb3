/**
 * Puts the kill points of a plan into a process: a deployment that comes to its point says so and goes no further, so
 * that the process can be killed with many deployments each at its own. Nothing of production code is replaced, only
 * wrapped.
 */

import { type Backend, GraphshiftError, type Load, parseDatabaseName, type State } from '@graphshift/core';
import type { DeploymentPlan, Plan, Point } from './plan.ts';

/** Loads at once; those that stand still do not count. */
const LOADS = 3;

/** What makes a worker leave a state for another than the next; for what has no such cause the edge is taken for it. */
const CAUSES: { readonly [To in State]?: () => GraphshiftError } = {
  waiting: () => new GraphshiftError('DISK_FULL', 'no room, says the test'),
  retrying: () => new GraphshiftError('LOAD_FAILED', 'failed, says the test'),
  dead: () => new GraphshiftError('FILE_TRUNCATED', 'broken, says the test'),
  skipped: () => new GraphshiftError('SNAPSHOT_GONE', 'gone, says the test'),
  queued: () => new GraphshiftError('ABORTED', 'the worker is stopping, says the test'),
};

/** Where a worker goes by itself; errors and people lead elsewhere. */
const ONWARD: ReadonlySet<State> = new Set(['gated', 'loading', 'verifying', 'switching', 'live']);

export function instrument(backend: Backend, plan: Plan, say: (line: string) => void): void {
  const stops = new Stops(backend, plan, say);
  wrapRecords(backend, stops);
  wrapLoads(backend, stops);
  wrapAliases(backend, stops);
  wrapQueues(backend, stops);
}

/** The same for records alone: those of a second policy in the same process. */
export function instrumentRecords(backend: Backend, plan: Plan, say: (line: string) => void): void {
  wrapRecords(backend, new Stops(backend, plan, say));
}

class Stops {
  readonly #backend: Backend;
  readonly #plan: Plan;
  readonly #say: (line: string) => void;
  readonly #paused = new Set<string>();
  readonly #release: Promise<void>;
  #released = false;
  readonly transition: Backend['deployments']['transition'];

  constructor(backend: Backend, plan: Plan, say: (line: string) => void) {
    this.#backend = backend;
    this.#plan = plan;
    this.#say = say;
    this.transition = backend.deployments.transition.bind(backend.deployments);
    this.#release = new Promise<void>((resolve) => {
      process.once('SIGUSR2', () => {
        this.#released = true;
        resolve();
      });
    });
  }

  of(id: string | undefined): DeploymentPlan {
    return (id !== undefined && this.#plan.deployments[id]) || {};
  }

  /** Never comes back from the deployment's point, unless it is one that goes on. */
  async arrive(id: string | undefined, point: Point): Promise<void> {
    if (this.of(id).pause === point && !this.#paused.has(`${id}`)) {
      this.#paused.add(`${id}`);
      this.#say(`paused ${id} ${point}`);
      process.kill(process.pid, 'SIGSTOP');
    }
    if (this.of(id).point !== point) return;
    if (!this.of(id).goesOn) {
      this.#say(`reached ${id} ${point}`);
      return forever();
    }
    if (this.#released) return;
    this.#say(`reached ${id} ${point}`);
    await this.#release;
  }

  /** Whether a detour leads from this state by taking the edge itself. */
  forces(id: string | undefined, from: State): boolean {
    const next = this.of(id).detours?.[from];
    return next !== undefined && next !== 'stay' && CAUSES[next] === undefined;
  }

  /** Called where the next step out of `from` would be taken. @throws what leads along the detour */
  async leave(id: string | undefined, from: State): Promise<void> {
    const next = this.of(id).detours?.[from];
    if (id === undefined || next === undefined) return;
    if (next === 'stay') return forever();
    const cause = CAUSES[next];
    if (cause) throw cause();
    await this.arrive(id, `before ${from}>${next}`);
    const record = await this.#backend.deployments.get(id);
    await this.transition({ id, from: [from], to: next, ...(record && { run: record.run }) });
    await this.arrive(id, `after ${from}>${next}`);
    await forever();
  }
}

function forever(): Promise<never> {
  return new Promise(() => {});
}

function wrapRecords({ deployments }: Backend, stops: Stops): void {
  deployments.transition = async (change) => {
    const from = (await deployments.get(change.id))?.state;
    if (from === undefined) return stops.transition(change);
    const next = stops.of(change.id).detours?.[from];
    if (ONWARD.has(change.to) && next !== change.to && from !== 'switching')
      await stops.leave(change.id, from);
    await stops.arrive(change.id, `before ${from}>${change.to}`);
    const result = await stops.transition(change);
    if (result.kind === 'ok') await stops.arrive(change.id, `after ${from}>${change.to}`);
    return result;
  };
  const discover = deployments.discover.bind(deployments);
  deployments.discover = async (snapshot) => {
    const id = `${snapshot.customer}@${snapshot.timestamp}`;
    await stops.arrive(id, 'before discover');
    const result = await discover(snapshot);
    await stops.arrive(id, 'after discover');
    return result;
  };
}

function wrapLoads({ store }: Backend, stops: Stops): void {
  const permits = new Permits(LOADS);
  const openLoad = store.openLoad.bind(store);
  store.openLoad = async (request, options) => {
    const id = `${request.customer}@${request.timestamp}`;
    await stops.leave(id, 'loading');
    await permits.take();
    const give = permits.once();
    const point = stops.of(id).point;
    const stop = async (here: Point) => {
      if (point === here) give();
      await stops.arrive(id, here);
    };
    const load = await openLoad(request, options).catch((error: unknown) => {
      give();
      throw error;
    });
    await stop('opened');
    return wrapLoad(load, stop, give);
  };
  const counts = store.counts.bind(store);
  store.counts = async (database) => {
    const id = ofDatabase(database);
    if (stops.forces(id, 'verifying')) await stops.leave(id, 'verifying');
    const found = await counts(database);
    await stops.arrive(id, 'proven');
    return found;
  };
  const unmark = store.unmark.bind(store);
  store.unmark = async (database, epoch) => {
    await unmark(database, epoch);
    await stops.arrive(ofDatabase(database), 'unmarked');
  };
}

function wrapLoad(load: Load, stop: (here: Point) => Promise<void>, give: () => void): Load {
  const phase = async <Result>(run: () => Promise<Result>, during: Point | undefined, after: Point) => {
    const running = run();
    running.catch(give);
    if (during !== undefined) await stop(during);
    const result = await running;
    await stop(after);
    return result;
  };
  return {
    get kept() {
      return load.kept;
    },
    check: () => phase(() => load.check(), undefined, 'checked'),
    nodes: () => phase(() => load.nodes(), 'in nodes', 'nodes'),
    relationships: () => phase(() => load.relationships(), 'in relationships', 'relationships'),
    seal: async () => {
      const certificate = await phase(() => load.seal(), 'in seal', 'sealed');
      give();
      return certificate;
    },
    abort: async (options) => {
      give();
      await load.abort(options);
    },
  };
}

function wrapAliases({ store, deployments }: Backend, stops: Stops): void {
  const takeOver = store.takeOver.bind(store);
  store.takeOver = async (customer, epoch) => {
    const held = await deployments.list({ customer, state: 'switching' });
    const own = held.find((record) => record.epoch === epoch);
    await stops.leave(own?.id, 'switching');
    return takeOver(customer, epoch);
  };
  const prepareAlias = store.prepareAlias.bind(store);
  store.prepareAlias = async (change) => {
    const id = ofDatabase(change.database);
    const prepared = await prepareAlias(change);
    await stops.arrive(id, 'prepared');
    const fire = async () => {
      await prepared.fire();
      await stops.arrive(id, 'fired');
    };
    return { fire, cancel: () => prepared.cancel() };
  };
  const prepareDrop = store.prepareDrop.bind(store);
  store.prepareDrop = async (customer, name, epoch) => {
    const id = ofDatabase(name);
    const prepared = await prepareDrop(customer, name, epoch);
    await stops.arrive(id, 'drop prepared');
    const fire = async () => {
      await prepared.fire();
      await stops.arrive(id, 'dropped');
    };
    return { fire, cancel: () => prepared.cancel() };
  };
}

function wrapQueues({ wakeUps, letters }: Backend, stops: Stops): void {
  const enqueue = wakeUps.ensure.bind(wakeUps);
  wakeUps.ensure = async (record) => {
    await stops.arrive(record.id, 'before enqueue');
    const added = await enqueue(record);
    await stops.arrive(record.id, 'enqueued');
    return added;
  };
  const write = letters.ensure.bind(letters);
  letters.ensure = async (record) => {
    await stops.arrive(record.id, 'before letter');
    const written = await write(record);
    await stops.arrive(record.id, 'letter');
    return written;
  };
}

/** The deployment of a database or a build. */
function ofDatabase(name: string): string | undefined {
  const snapshot = parseDatabaseName(name.replace(/\.r\d+\.e\d+\.building$/, ''));
  return snapshot && `${snapshot.customer}@${snapshot.timestamp}`;
}

class Permits {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(free: number) {
    this.#free = free;
  }

  async take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Gives one permit back, however often it is called. */
  once(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    };
  }
}
