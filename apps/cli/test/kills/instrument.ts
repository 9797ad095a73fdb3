/**
 * Puts the kill points of a plan into a process: a deployment that comes to its point says so and goes no further, so
 * that the process can be killed with many deployments each at its own. Nothing of production code is replaced, only
 * wrapped.
 */

import { type Backend, GraphshiftError, type State } from '@graphshift/core';
import { deploymentOf, hookRecords, hookSteps, type Point } from '@graphshift/testkit/processes';
import type { DeploymentPlan, Plan } from './plan.ts';

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
  const permits = new Permits(LOADS);
  const giveBack = new Map<string, () => void>();
  const arrive = async (id: string | undefined, point: Point) => {
    if (id !== undefined && stops.of(id).point === point) giveBack.get(id)?.();
    await stops.arrive(id, point);
  };
  const enter = async (id: string) => {
    await stops.leave(id, 'loading');
    await permits.take();
    const give = permits.once();
    giveBack.set(id, give);
    return give;
  };
  hookSteps(backend, arrive, { enter });
  detourRecords(backend, stops);
  detourStore(backend, stops);
}

/** The same for records alone: those of a second policy in the same process. */
export function instrumentRecords(backend: Backend, plan: Plan, say: (line: string) => void): void {
  const stops = new Stops(backend, plan, say);
  hookRecords(backend, (id, point) => stops.arrive(id, point));
  detourRecords(backend, stops);
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

function detourRecords({ deployments }: Backend, stops: Stops): void {
  const transition = deployments.transition.bind(deployments);
  deployments.transition = async (change) => {
    const from = (await deployments.get(change.id))?.state;
    const next = from && stops.of(change.id).detours?.[from];
    if (from !== undefined && ONWARD.has(change.to) && next !== change.to && from !== 'switching')
      await stops.leave(change.id, from);
    return transition(change);
  };
}

function detourStore({ store, deployments }: Backend, stops: Stops): void {
  const counts = store.counts.bind(store);
  store.counts = async (database) => {
    const id = deploymentOf(database);
    if (stops.forces(id, 'verifying')) await stops.leave(id, 'verifying');
    return counts(database);
  };
  const takeOver = store.takeOver.bind(store);
  store.takeOver = async (customer, epoch, options) => {
    const held = await deployments.list({ customer, state: 'switching' });
    const own = held.find((record) => record.epoch === epoch);
    await stops.leave(own?.id, 'switching');
    return takeOver(customer, epoch, options);
  };
}

function forever(): Promise<never> {
  return new Promise(() => {});
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
