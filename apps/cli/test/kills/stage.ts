/** An installation whose processes are killed: its snapshots, its processes, and what is expected of it afterwards. */

import { cp, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Backend,
  DeploymentStore,
  deploymentId,
  examine,
  findSnapshots,
  GraphshiftError,
  isEndState,
  messageOf,
  type State,
} from '@graphshift/core';
import {
  descendantsOf,
  type Installation,
  isRunning,
  makeInstallation,
  type Point,
  type Program,
  simulateSnapshot,
  startProgram,
} from '@graphshift/testkit';
import { expect, vi } from 'vitest';
import type { DeploymentPlan, Plan } from './plan.ts';
import { type Reader, startReader } from './reader.ts';
import { type Arrangement, DEFAULT_BEFORE, plansOf, type Scenario } from './scenarios.ts';

const VICTIM = new URL('./victim-program.ts', import.meta.url);
const MAIN = new URL('../../src/main.ts', import.meta.url);
/** Everything comes to rest within this time, also where the machine has other things to do. */
export const PATIENCE: Patience = { timeout: 120_000, interval: 300 };

export interface Patience {
  readonly timeout: number;
  readonly interval: number;
}

/**
 * Of processes that stand still with sixty jobs each while seventy loads run: a renewal that comes late on a busy machine
 * would give a job to a second slot, and leave none for those that have not come to their point.
 */
export const HELD_LOCK_MS = 60_000;

/** Of processes that are started for the same points. */
const MOST_ROUNDS = 3;

/** The doctor counts what every alias leads to, which is not cheap. */
const JUDGED = { timeout: 240_000, interval: 1500 } as const;

const FLAGS = { 'orchestrator.max_databases': 500, 'orchestrator.max_crashes': 20 };

export interface KillCase {
  readonly customer: string;
  readonly scenario: Scenario;
  /** Where the first process is killed, and the one that goes on after it. */
  readonly points: readonly [Point, Point | undefined];
}

export class Stage {
  readonly installation: Installation;
  readonly backend: Backend;
  readonly #programs: Program[] = [];
  /** People in a snapshot's content, by its timestamp, and whose content another has instead. */
  readonly #people = new Map<number, number>();
  readonly #contents = new Map<string, number>();

  private constructor(installation: Installation, backend: Backend) {
    this.installation = installation;
    this.backend = backend;
  }

  /** @param environment of the installation and its processes, such as another store's address */
  static async open(
    flags: Readonly<Record<string, unknown>> = {},
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Stage> {
    const installation = await makeInstallation(environment);
    return new Stage(installation, await installation.open({ ...FLAGS, ...flags }));
  }

  async close(): Promise<void> {
    for (const program of this.#programs) {
      program.process.kill('SIGCONT');
      await program.end('SIGKILL');
    }
    await this.installation.remove();
  }

  /** Writes a snapshot; all with one timestamp have the same rows, another number than those of other timestamps. */
  async write(customer: string, timestamp: number, contentOf = timestamp): Promise<void> {
    const templates = join(this.installation.directory, 'templates');
    let people = this.#people.get(contentOf);
    if (people === undefined) {
      people = 20 + this.#people.size;
      this.#people.set(contentOf, people);
      await simulateSnapshot(templates, { customer: 'template', timestamp: contentOf, nodes: people });
    }
    this.#contents.set(`${customer}-${timestamp}`, contentOf);
    // In one step: where the machine is busy, a copy pauses for longer than it takes to pass for settled.
    const copy = join(this.installation.directory, 'copies', `${customer}-${timestamp}`);
    await cp(join(templates, 'template', `${contentOf}`), copy, { recursive: true });
    await mkdir(join(this.installation.data, customer), { recursive: true });
    await rename(copy, join(this.installation.data, customer, `${timestamp}`));
  }

  people(database: string): number {
    return this.#people.get(this.#contents.get(database) ?? 0) ?? -1;
  }

  /** A process of the kill tests. */
  async victim(
    plan: Plan,
    workers = 64,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Program> {
    const own = { ...this.#environment(workers), ...environment };
    const program = startProgram(VICTIM, [JSON.stringify(plan)], own);
    this.#programs.push(program);
    await program.line(/^ready$/);
    return program;
  }

  /** A worker of the same times that nothing happens to. */
  async healthy(): Promise<Program> {
    return this.victim({ deployments: {} }, 3);
  }

  /** The command itself. */
  command(values: readonly string[], environment: Readonly<Record<string, string>> = {}): Program {
    const program = startProgram(MAIN, values, { ...this.#environment(3), ...environment });
    this.#programs.push(program);
    return program;
  }

  #environment(workers: number): Record<string, string> {
    return {
      ...this.installation.environment,
      GRAPHSHIFT_ORCHESTRATOR_NUM_WORKERS: String(workers),
      GRAPHSHIFT_ORCHESTRATOR_MAX_DATABASES: '500',
      GRAPHSHIFT_ORCHESTRATOR_MAX_CRASHES: '20',
      // What a Redis that was thrown back forgot to be waiting is found by a full scan, ten minutes later unless told so.
      GRAPHSHIFT_ORCHESTRATOR_FULL_SCAN_INTERVAL: '2',
      GRAPHSHIFT_LOG_FILES: 'false',
    };
  }

  /**
   * Runs processes until every deployment with a point stands at it in one of them, then kills them all with -9. Where they
   * get nowhere any more they are killed as they are, and others go on; that is said, since it should not be.
   */
  async killAtPoints(plans: Readonly<Record<string, DeploymentPlan>>, processes: number): Promise<void> {
    const all: Program[] = [];
    for (let round = 1; ; round++) {
      const victims = await Promise.all(
        Array.from({ length: processes }, () => this.victim({ deployments: plans, lockMs: HELD_LOCK_MS })),
      );
      all.push(...victims);
      try {
        return await this.arrived(plans, all);
      } catch (error) {
        process.stdout.write(`round ${round} of kills: ${messageOf(error)}\n`);
        if (round === MOST_ROUNDS) throw error;
      } finally {
        for (const victim of victims) await this.kill(victim);
        await this.expireLocks();
      }
    }
  }

  /** Arranges the cases, then kills processes at their first points, and those that go on at their second. */
  async killTwice(cases: readonly KillCase[], processes: number): Promise<void> {
    for (const { customer, scenario } of cases)
      for (const step of scenario.before ?? DEFAULT_BEFORE) await this.arrange(customer, step);
    for (const turn of [0, 1] as const) {
      if (cases.every(({ points }) => points[turn] === undefined)) continue;
      const plans: Record<string, DeploymentPlan> = {};
      for (const { customer, scenario, points } of cases)
        Object.assign(plans, plansOf(customer, scenario, points[turn]));
      await this.killAtPoints(plans, processes);
    }
  }

  /** Waits until every deployment with a point stands at it in one of the processes. */
  async arrived(plans: Readonly<Record<string, DeploymentPlan>>, victims: readonly Program[]): Promise<void> {
    const expected = Object.entries(plans).flatMap(([id, { point }]) => (point ? [`${id} ${point}`] : []));
    const missing = () => {
      const reached = new Set(
        victims.flatMap(({ lines }) => lines).filter((line) => line.startsWith('reached ')),
      );
      return expected.filter((what) => !reached.has(`reached ${what}`));
    };
    // Seventy loads at a time take long on a busy machine; what gets nowhere any more is what fails.
    for (let left = missing(); left.length > 0; left = missing()) {
      const before = left.length;
      await vi
        .waitFor(() => expect(missing().length).toBeLessThan(before), PATIENCE)
        .catch(async (thrown: unknown) => {
          const stands = [...(await this.#whereabouts(missing())), ...victims.map(lastWords)];
          throw new Error(stands.join('\n'), { cause: thrown });
        });
    }
  }

  /** Where deployments stand that have not come to their points, as their records say it. */
  async #whereabouts(missing: readonly string[]): Promise<string[]> {
    const ids = missing.map((what) => what.slice(0, what.indexOf(' ')));
    const records = await this.backend.deployments.getMany(ids);
    return missing.map((what, index) => {
      const record = records.find(({ id }) => id === ids[index]);
      if (!record) return `${what}: no record`;
      const { state, reason, holder, run, epoch, attempts, crashes, rows, rowsTotal } = record;
      const stands = JSON.stringify({ reason, holder, run, epoch, attempts, crashes, rows, rowsTotal });
      return `${what}: ${state} ${stands}`;
    });
  }

  /** The locks of killed processes run out at once. @param ids which deployments they held. @default all */
  async expireLocks(ids?: ReadonlySet<string>): Promise<void> {
    const { redis, keys, wakeUps } = this.backend;
    const active = (await wakeUps.queue.getActive()).filter(({ data }) => ids?.has(data.deployment) ?? true);
    const held = active.map(({ id }) => `${keys.prefix}:deploy:${id}:lock`);
    if (held.length > 0) await redis.del(...held);
  }

  /** Kills a process and sees that the processes it had started go with it. */
  async kill(program: Program): Promise<void> {
    const children = descendantsOf(program.process.pid ?? 0);
    await program.end('SIGKILL');
    await vi.waitFor(() => expect(children.filter(isRunning)).toEqual([]), 60_000);
  }

  /** What is done by this process itself. */
  async arrange(customer: string, what: Arrangement): Promise<void> {
    const { backend } = this;
    const { redis, keys, clock, operations } = backend;
    if ('rollback' in what) await operations.rollback({ customer, by: 'test' });
    else if ('cancel' in what) await operations.cancel(`${customer}@${what.cancel}`, 'test');
    else if ('lose' in what) {
      const id = `${customer}@${what.lose}`;
      await redis
        .multi()
        .del(keys.deployment(id))
        .zrem(keys.state('live'), id)
        .zrem(keys.history(customer), id)
        .exec();
      await backend.wakeUps.queue.remove(`${id}~1`);
    } else {
      const timestamp = what.discover;
      const deployments = what.order
        ? new DeploymentStore(redis, keys, clock, { order: what.order })
        : backend.deployments;
      const error = new GraphshiftError('FILE_TRUNCATED', 'broken, says the test').toRecord();
      const path = join(this.installation.data, customer, String(timestamp));
      const { head } = await deployments.discover({
        customer,
        timestamp,
        path,
        ...(what.broken && { error }),
      });
      await backend.wakeUps.ensureHead(deployments, head);
    }
  }

  /** Waits for these states as long as ever more of them are reached. @param patience for each */
  async reach(states: ReadonlyMap<string, State>, patience: Patience = PATIENCE): Promise<void> {
    const missing = async () => {
      const records = await this.backend.deployments.getMany([...states.keys()]);
      const found = new Map(records.map((record) => [record.id, record]));
      const wrong = [...states].filter(([id, state]) => found.get(id)?.state !== state);
      return wrong.map(([id, state]) => {
        const { state: is, error } = found.get(id) ?? {};
        return `${id} is ${is}, not ${state}${error ? ` (${error.code}: ${error.message})` : ''}`;
      });
    };
    for (let left = await missing(); left.length > 0; ) {
      const before = left.length;
      await vi.waitFor(async () => {
        left = await missing();
        expect(left.length, left.join(', ')).toBeLessThan(before);
      }, patience);
    }
  }

  /** Snapshots on the disk that have come to no end state, also where Redis knows nothing of them. */
  async unfinished(): Promise<string[]> {
    const { roots, clock, deployments } = this.backend;
    const { snapshots } = await findSnapshots(roots[0] ?? '', { now: clock.now() });
    const records = await deployments.getMany(snapshots.map(deploymentId));
    const ended = new Set<string>(records.filter(({ state }) => isEndState(state)).map(({ id }) => id));
    return snapshots.map(deploymentId).filter((id) => !ended.has(id));
  }

  /** The doctor, with no time granted for what the system mends by itself, once it has had time. */
  async heals(told = ''): Promise<void> {
    await vi.waitFor(async () => {
      const findings = await examine(this.backend, { settleMs: 500, graceMs: 0 });
      expect(
        findings.map(({ rule, what }) => `${rule}: ${what}`),
        told,
      ).toEqual([]);
    }, JUDGED);
  }

  /** Edges that the audit stream has, as `<deployment> <from>><to>`. */
  async walked(): Promise<Set<string>> {
    const audit = await this.backend.deployments.audit({ limit: 100_000 });
    return new Set(audit.map(({ deployment, from, to }) => `${deployment} ${from}>${to}`));
  }

  async read(customers: readonly string[], mayGoBack?: (customer: string) => boolean): Promise<Reader> {
    return startReader({
      store: this.installation.store,
      customers,
      people: (database) => this.people(database),
      ...(mayGoBack && { mayGoBack }),
    });
  }
}

/** Whether a process lives, and what it said last beside the points. */
function lastWords({ process: { pid, exitCode, signalCode }, lines }: Program): string {
  const said = lines.filter((line) => !line.startsWith('reached ')).slice(-5);
  return `process ${pid}: exit ${exitCode ?? signalCode}; ${said.join(' | ')}`;
}
