/**
 * The points at which a process can be stopped or killed: right before and right after every transition, and between
 * two steps of a deployment. Nothing of production code is replaced, only wrapped.
 */

import {
  type Backend,
  type Load,
  parseDatabaseName,
  STATES,
  type State,
  TRANSITIONS,
} from '@graphshift/core';

export type Edge = `${State}>${State}`;

/** Every way from a state to another, from the table that the code goes by. */
export const EDGES: readonly Edge[] = STATES.flatMap((from) =>
  TRANSITIONS[from].map((to): Edge => `${from}>${to}`),
);

/**
 * Places between two steps of a deployment that are no transition: `in` is while the loading process works, the others
 * come right after what they name.
 */
export const LOAD_POINTS = [
  'opened',
  'checked',
  'in nodes',
  'nodes',
  'in relationships',
  'relationships',
  'in seal',
  'sealed',
  'proven',
  'unmarked',
  'prepared',
] as const;
/** Those that a deployment passes once, whoever goes on with it. */
export const ONCE_POINTS = [
  'fired',
  'drop prepared',
  'dropped',
  'before enqueue',
  'enqueued',
  'before letter',
  'letter',
] as const;

export type Point =
  | (typeof LOAD_POINTS)[number]
  | (typeof ONCE_POINTS)[number]
  | `${'before' | 'after'} ${Edge | 'discover'}`;

/** Called at each point, with the deployment's id where it is known; what it waits for, the step waits for. */
export type Arrive = (id: string | undefined, point: Point) => Promise<void>;

export interface LoadHooks {
  /** Before a load is opened, and where it has ended, however it did. */
  readonly enter?: (id: string) => Promise<() => void>;
}

/** Puts the points into a process's backend; for workers, producers and dashboards alike. */
export function hookSteps(backend: Backend, arrive: Arrive, hooks: LoadHooks = {}): void {
  hookRecords(backend, arrive);
  hookLoads(backend, arrive, hooks);
  hookChanges(backend, arrive);
  hookQueues(backend, arrive);
}

/** The same for records alone. */
export function hookRecords({ deployments }: Pick<Backend, 'deployments'>, arrive: Arrive): void {
  const transition = deployments.transition.bind(deployments);
  deployments.transition = async (change) => {
    const from = (await deployments.get(change.id))?.state;
    if (from === undefined) return transition(change);
    await arrive(change.id, `before ${from}>${change.to}`);
    const result = await transition(change);
    if (result.kind === 'ok') await arrive(change.id, `after ${from}>${change.to}`);
    return result;
  };
  const discover = deployments.discover.bind(deployments);
  deployments.discover = async (snapshot) => {
    const id = `${snapshot.customer}@${snapshot.timestamp}`;
    await arrive(id, 'before discover');
    const result = await discover(snapshot);
    await arrive(id, 'after discover');
    return result;
  };
}

function hookLoads({ store }: Backend, arrive: Arrive, { enter = async () => () => {} }: LoadHooks): void {
  const openLoad = store.openLoad.bind(store);
  store.openLoad = async (request, options) => {
    const id = `${request.customer}@${request.timestamp}`;
    const leave = await enter(id);
    const load = await openLoad(request, options).catch((error: unknown) => {
      leave();
      throw error;
    });
    await arrive(id, 'opened');
    return hookLoad(load, (point) => arrive(id, point), leave);
  };
  const counts = store.counts.bind(store);
  store.counts = async (database) => {
    const found = await counts(database);
    await arrive(deploymentOf(database), 'proven');
    return found;
  };
  const unmark = store.unmark.bind(store);
  store.unmark = async (database, epoch) => {
    await unmark(database, epoch);
    await arrive(deploymentOf(database), 'unmarked');
  };
}

function hookLoad(load: Load, arrive: (point: Point) => Promise<void>, leave: () => void): Load {
  const phase = async <Result>(run: () => Promise<Result>, during: Point | undefined, after: Point) => {
    const running = run();
    running.catch(leave);
    if (during !== undefined) await arrive(during);
    const result = await running;
    await arrive(after);
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
      leave();
      return certificate;
    },
    abort: async (options) => {
      leave();
      await load.abort(options);
    },
  };
}

function hookChanges({ store }: Backend, arrive: Arrive): void {
  const prepareAlias = store.prepareAlias.bind(store);
  store.prepareAlias = async (change) => {
    const id = deploymentOf(change.database);
    const prepared = await prepareAlias(change);
    await arrive(id, 'prepared');
    const fire = async () => {
      await prepared.fire();
      await arrive(id, 'fired');
    };
    return { fire, cancel: () => prepared.cancel() };
  };
  const prepareDrop = store.prepareDrop.bind(store);
  store.prepareDrop = async (customer, name, epoch) => {
    const id = deploymentOf(name);
    const prepared = await prepareDrop(customer, name, epoch);
    await arrive(id, 'drop prepared');
    const fire = async () => {
      await prepared.fire();
      await arrive(id, 'dropped');
    };
    return { fire, cancel: () => prepared.cancel() };
  };
}

function hookQueues({ wakeUps, letters }: Backend, arrive: Arrive): void {
  const enqueue = wakeUps.ensure.bind(wakeUps);
  wakeUps.ensure = async (record) => {
    await arrive(record.id, 'before enqueue');
    const added = await enqueue(record);
    await arrive(record.id, 'enqueued');
    return added;
  };
  const write = letters.ensure.bind(letters);
  letters.ensure = async (record) => {
    await arrive(record.id, 'before letter');
    const written = await write(record);
    await arrive(record.id, 'letter');
    return written;
  };
}

/** The deployment of a database or a build. */
export function deploymentOf(name: string): string | undefined {
  const snapshot = parseDatabaseName(name.replace(/\.r\d+\.e\d+\.building$/, ''));
  return snapshot && `${snapshot.customer}@${snapshot.timestamp}`;
}
