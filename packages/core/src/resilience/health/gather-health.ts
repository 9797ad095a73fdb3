/** Takes the picture that the health of the system is judged by. Nothing that does not answer keeps it waiting for long. */

import type { Redis } from 'ioredis';
import type { Settings } from '../../config/settings.ts';
import type { DeploymentRecord } from '../../deployment/record.ts';
import { HEAD_STATES, IDLE_STATES } from '../../deployment/states.ts';
import type { StoreReadings } from '../../gate/readings.ts';
import type { GraphStore } from '../../graph-store/graph-store.ts';
import type { Clock } from '../../platform/clock.ts';
import { within } from '../../platform/deadline.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { DeploymentStore } from '../../queue/deployment-store.ts';
import type { Instance, Instances } from '../../queue/instances.ts';
import type { Keys } from '../../queue/keys.ts';
import { RecoveryLog, type RecoveryReport } from '../../queue/recovery-log.ts';
import { type HealthPicture, WELL } from './picture.ts';
import { type InstanceSigns, readSigns } from './pulse.ts';
import type { HealthTimes } from './rules.ts';
import { warnEarly } from './vitals.ts';

/** What a backend offers. */
export interface HealthSources {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly deployments: DeploymentStore;
  readonly store: GraphStore;
  readonly readings: StoreReadings;
  readonly instances: Instances;
}

/** An instance with what it told of itself. */
export interface InstanceWithSigns extends Instance, InstanceSigns {}

export interface Gathered {
  readonly picture: HealthPicture;
  readonly instances: readonly InstanceWithSigns[];
}

/** A balancer waits no longer than this for an answer. */
const ANSWER_MS = 2000;
const LATE = `does not answer within ${ANSWER_MS / 1000} s`;
const LONG_WAIT_MS = 15 * 60_000;
const HOUR_MS = 3_600_000;
/** Deployments of each state whose waiting is looked at; the longest wait is among the first that came. */
const WAITS_READ = 500;

export function healthTimes({ resilience }: Settings): HealthTimes {
  return { longWaitMs: LONG_WAIT_MS, emergencyMs: resilience.emergency_threshold * 1000 };
}

export async function gatherHealth(sources: HealthSources): Promise<Gathered> {
  const redisProblem = await problemOf(sources, 'Redis', () => sources.deployments.serverTime());
  if (redisProblem !== undefined) {
    const storeProblem = await problemOf(sources, 'the store', () => askStore(sources.store));
    return { picture: { ...WELL, redisProblem, storeProblem }, instances: [] };
  }
  const [store, work, recovery, instances] = await Promise.all([
    storePart(sources),
    workPart(sources),
    recoveryPart(sources),
    readInstances(sources),
  ]);
  const living = instances.filter(({ condition }) => condition === 'alive' || condition === 'warning');
  const breakers = living.flatMap(({ id, breakers: own }) => own.map((view) => ({ ...view, instance: id })));
  const picture = { ...store, ...work, ...recovery, instances: instances.map(seen), breakers };
  return { picture, instances };
}

function seen(instance: InstanceWithSigns): HealthPicture['instances'][number] {
  const { id, kind, condition, silentMs, deployments, capacity, state, paused, samples } = instance;
  const holds = deployments.length;
  const warnings = warnEarly(samples);
  return { id, kind, condition, silentMs, holds, capacity, stopping: state === 'stopping', paused, warnings };
}

async function readInstances({ instances, redis, keys }: HealthSources): Promise<InstanceWithSigns[]> {
  const all = await instances.list();
  const signs = await readSigns(
    redis,
    keys,
    all.map(({ id }) => id),
  );
  return all.map((instance, index) => ({ ...instance, ...(signs[index] ?? { breakers: [], samples: [] }) }));
}

/** By the readings that all processes share, so that asking often asks the store seldom. */
async function storePart(
  sources: HealthSources,
): Promise<Pick<HealthPicture, 'storeProblem' | 'gateClosed'>> {
  const storeProblem = await problemOf(sources, 'the store', async () => {
    const { health } = await sources.readings.read();
    if (!health.reachable) throw new Error(health.problem ?? 'it gives no reason');
    if (!health.writable) throw new Error(`it cannot be written: ${health.problem ?? 'it is read-only'}`);
  });
  if (storeProblem !== undefined) return { storeProblem };
  const view = await sources.readings.view();
  return view && !view.open && view.reason !== null ? { gateClosed: view.reason } : {};
}

async function askStore(store: GraphStore): Promise<void> {
  const { reachable, problem } = await store.health();
  if (!reachable) throw new Error(problem ?? 'it gives no reason');
}

async function workPart({
  deployments,
  clock,
}: HealthSources): Promise<Pick<HealthPicture, 'pending' | 'deadLetters' | 'oldestWaitMs'>> {
  const counts = await deployments.counts();
  const now = clock.now();
  const waiting = await Promise.all(
    IDLE_STATES.map((state) => deployments.arrivedBefore(state, now, 0, WAITS_READ)),
  );
  const since = (await deployments.getMany(waiting.flat())).map(waitsSince);
  return {
    pending: counts.discovered + HEAD_STATES.reduce((sum, state) => sum + counts[state], 0),
    deadLetters: counts.dead,
    oldestWaitMs: since.length === 0 ? 0 : Math.max(0, now - Math.min(...since)),
  };
}

/** One that waits comes to `waiting` again and again; its first claim, or its discovery, is when it began. */
function waitsSince({ startedAt, run, discoveredAt, changedAt }: DeploymentRecord): number {
  return startedAt ?? (run === 1 ? discoveredAt : changedAt);
}

async function recoveryPart({
  redis,
  keys,
  clock,
}: HealthSources): Promise<Pick<HealthPicture, 'recoveriesFailed' | 'emergencies'>> {
  const recoveries = new RecoveryLog(redis, keys);
  const after = clock.now() - HOUR_MS;
  // The newest first: one that succeeded since makes good.
  const newest = new Map<string, RecoveryReport>();
  for (const report of await recoveries.reports())
    if (!newest.has(report.instance)) newest.set(report.instance, report);
  const failed = [...newest.values()].filter(
    ({ outcome, startedAt }) => outcome === 'failed' && startedAt > after,
  );
  return { recoveriesFailed: failed.length, emergencies: await recoveries.emergencies() };
}

/** What a person reads after the name of the service; undefined when it answers. Details are in the log. */
async function problemOf(
  { clock, log }: HealthSources,
  name: string,
  ask: () => Promise<unknown>,
): Promise<string | undefined> {
  try {
    return (await within(clock, ANSWER_MS, ask())) === 'late' ? LATE : undefined;
  } catch (error) {
    log.debug({ err: error }, `health: ${name}: ${messageOf(error)}`);
    return `does not answer: ${messageOf(error)}`;
  }
}
