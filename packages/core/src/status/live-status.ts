/** The same as the status file says, read from Redis now, with what a person asks next. */

import type { Instance, Instances } from '../queue/instances.ts';
import type { RecoveryLog } from '../queue/recovery-log.ts';
import type { Statistics } from '../queue/statistics.ts';
import { makeStatus, type Speaker, type Status } from './status.ts';

export interface LiveStatus extends Status {
  /** Jobs of each queue by BullMQ's states. */
  readonly queues: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly instances: readonly Instance[];
  readonly recoveries: {
    /** Since the installation began. */
    readonly attempts: number;
    readonly successes: number;
    /** Percent; null before the first. */
    readonly success_rate: number | null;
    /** Over the newest 500. */
    readonly by_instance: readonly {
      readonly instance: string;
      readonly attempts: number;
      readonly successes: number;
      readonly success_rate: number | null;
      readonly mean_seconds: number | null;
      readonly max_seconds: number | null;
      readonly last_seconds: number | null;
      /** ISO 8601. */
      readonly last_at: string | null;
    }[];
  };
  /** Why the system is in EMERGENCY; empty when it is not. */
  readonly emergencies: readonly {
    readonly instance: string;
    readonly since: string;
    readonly reason: string;
  }[];
  /** One line each; empty when all is well. */
  readonly problems: readonly string[];
}

export interface LiveStatusOptions {
  readonly statistics: Statistics;
  readonly instances: Instances;
  readonly recoveries: RecoveryLog;
  readonly maxLoads?: number | undefined;
  /** What is said of scans while no producer runs: the settings of the one who asks. */
  readonly interval: number;
  readonly roots: readonly string[];
  readonly now: number;
}

export async function readLiveStatus(options: LiveStatusOptions): Promise<LiveStatus> {
  const { statistics, maxLoads, now } = options;
  const [reading, instances, queues, writer, recoveries, raised, gate] = await Promise.all([
    statistics.read(),
    options.instances.list(),
    statistics.jobs(),
    statistics.statusWriter(),
    readRecoveries(options.recoveries),
    options.recoveries.emergencies(),
    statistics.gateClosed(),
  ]);
  const speaker = findSpeaker(instances, writer, options);
  const status = makeStatus({ statistics: reading, instances, maxLoads, speaker, now });
  const emergencies = raised.map(({ instance, since, reason }) => ({
    instance,
    since: new Date(since).toISOString(),
    reason,
  }));
  const problems = [
    ...findProblems(status, instances),
    ...instanceProblems(instances),
    ...(gate === undefined ? [] : [`the gate is closed: ${gate}`]),
    ...emergencies.map(({ reason }) => `EMERGENCY: ${reason}`),
  ];
  return { ...status, queues, instances, recoveries, emergencies, problems };
}

async function readRecoveries(log: RecoveryLog): Promise<LiveStatus['recoveries']> {
  const [{ recovered, failed }, byInstance] = await Promise.all([log.counts(), log.statistics()]);
  const attempts = recovered + failed;
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1000);
  return {
    attempts,
    successes: recovered,
    success_rate: attempts === 0 ? null : (100 * recovered) / attempts,
    by_instance: Object.entries(byInstance).map(([instance, one]) => ({
      instance,
      attempts: one.attempts,
      successes: one.successes,
      success_rate: one.successRate,
      mean_seconds: seconds(one.meanMs),
      max_seconds: seconds(one.maxMs),
      last_seconds: seconds(one.lastMs),
      last_at: one.lastAt === null ? null : new Date(one.lastAt).toISOString(),
    })),
  };
}

/** Instances that went without a goodbye and have not been recovered yet, and workers that take nothing. */
function instanceProblems(instances: readonly Instance[]): string[] {
  return instances.flatMap(({ id, kind, condition, silentMs, living, paused }) => {
    if (living && paused !== '') return `${kind} ${id} takes no work: ${paused}`;
    if (condition === 'alive' || condition === 'recovered') return [];
    return `${kind} ${id} is ${condition === 'warning' ? 'late' : condition}: no beat for ${Math.round(silentMs / 1000)} s`;
  });
}

/** The producer that writes the status file, else the one that has run longest, else nobody. */
function findSpeaker(
  instances: readonly Instance[],
  writer: string | undefined,
  asked: Pick<LiveStatusOptions, 'interval' | 'roots'>,
): Speaker {
  const producers = instances
    .filter(({ living, scan }) => living && scan)
    .sort((a, b) => Number(b.id === writer) - Number(a.id === writer) || a.startedAt - b.startedAt);
  const running = producers.find(({ state }) => state === 'running');
  const spoken = running ?? producers[0];
  if (!spoken) return { uptimeMs: 0, interval: asked.interval, roots: asked.roots, status: 'stopped' };
  const uptimeMs = spoken.uptimeMs + spoken.silentMs;
  const { interval, roots } = spoken.scan ?? asked;
  return { uptimeMs, interval, roots, status: running ? 'running' : 'stopping' };
}

function findProblems(status: Status, instances: readonly Instance[]): string[] {
  const problems: string[] = [];
  if (status.status === 'stopped')
    problems.push(`no producer runs${lost(instances, ({ scan }) => scan !== undefined)}`);
  if (status.status === 'stopping') problems.push('the producer is stopping');
  if (status.workers === 0) problems.push(`no worker runs${lost(instances, ({ capacity }) => capacity > 0)}`);
  const { dead = 0, quarantined = 0 } = status.deployments;
  if (dead > 0) problems.push(`${dead} dead ${dead === 1 ? 'letter' : 'letters'}: graphshift dead ls`);
  if (quarantined > 0)
    problems.push(`${quarantined} quarantined: graphshift deployments ls --state quarantined`);
  return problems;
}

/** Who went without a goodbye, where nobody of the kind is left. */
function lost(instances: readonly Instance[], kind: (instance: Instance) => boolean): string {
  const silent = instances.filter((instance) => kind(instance) && !instance.living);
  const last = silent.sort((a, b) => a.silentMs - b.silentMs)[0];
  if (!last) return '';
  return `; ${last.id} has been silent for ${Math.round(last.silentMs / 1000)} s`;
}
