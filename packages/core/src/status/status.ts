/** What the installation says about itself: the content of the status file, made from one reading of Redis. */

import type { State } from '../deployment/states.ts';
import { busyShare, type Instance } from '../queue/instances.ts';
import type { StatisticsReading } from '../queue/statistics.ts';

/** `running` takes work up, `stopping` lets running loads end, `stopped` has ended in order. */
export type StatusWord = 'running' | 'stopping' | 'stopped';

/** The first twelve names are a contract; what stands beside them may grow. */
export interface Status {
  /** Whole seconds since the producer that speaks began. */
  readonly uptime_seconds: number;
  /** Counts since the installation began, of all processes, over restarts. */
  readonly tasks_discovered: number;
  readonly tasks_completed: number;
  /** Dead letters: one that is retried and dies again counts again. */
  readonly tasks_failed: number;
  /** Attempts that failed and were tried again. */
  readonly tasks_retried: number;
  /** 100 × completed ÷ (completed + failed); 100 before the first. */
  readonly success_rate: number;
  /** All deployments that wait, every customer's backlog included. */
  readonly queue_size: number;
  /** Loads that living workers can run at once. */
  readonly workers: number;
  /** Seconds. */
  readonly scan_interval: number;
  /** As configured: one root, or a list. */
  readonly data_path: string | readonly string[];
  /** ISO 8601, of the newest entry in the audit stream; null before the first. */
  readonly last_activity: string | null;
  readonly status: StatusWord;

  /** Seconds from first claim to live, over the newest thousand; null before the first. */
  readonly processing_seconds: {
    readonly p50: number;
    readonly p95: number;
    readonly max: number;
    readonly count: number;
  } | null;
  readonly workers_busy: readonly {
    readonly instance: string;
    readonly capacity: number;
    readonly active: number;
    /** 0 to 1: the share of its slots' time since it started that they were busy. */
    readonly busy_share: number;
  }[];
  /** Every process that is known, the silent ones too; `condition` is what its silence makes of it. */
  readonly instances: readonly Pick<Instance, 'id' | 'kind' | 'state' | 'condition'>[];
  /** Deployments that are dead now. */
  readonly dead_letters: number;
  /** Deployments in each state that has any. */
  readonly deployments: Partial<Record<State, number>>;
  /** ISO 8601. */
  readonly updated_at: string;
}

/** Who speaks. */
export interface Speaker {
  readonly uptimeMs: number;
  /** Seconds between two scans. */
  readonly interval: number;
  readonly roots: readonly string[];
  readonly status: StatusWord;
}

export interface StatusInput {
  readonly statistics: StatisticsReading;
  readonly instances: readonly Instance[];
  /** Loads at once that all processes together may run. */
  readonly maxLoads?: number | undefined;
  readonly speaker: Speaker;
  readonly now: number;
}

/** States in which a deployment waits: in the backlog, for a worker, for the gate, for its next attempt. */
const WAITING: readonly State[] = ['discovered', 'queued', 'waiting', 'retrying'];

export function makeStatus({ statistics, instances, maxLoads, speaker, now }: StatusInput): Status {
  const { discovered, completed, failed, retried, durationsMs, states, lastActivityAt } = statistics;
  const working = instances.filter(({ living, capacity }) => living && capacity > 0);
  const capacity = working
    .filter(({ state }) => state === 'running')
    .reduce((sum, instance) => sum + instance.capacity, 0);
  const { roots } = speaker;
  return {
    uptime_seconds: Math.floor(speaker.uptimeMs / 1000),
    tasks_discovered: discovered,
    tasks_completed: completed,
    tasks_failed: failed,
    tasks_retried: retried,
    success_rate: completed + failed === 0 ? 100 : (100 * completed) / (completed + failed),
    queue_size: WAITING.reduce((sum, state) => sum + states[state], 0),
    workers: Math.min(capacity, maxLoads ?? Number.POSITIVE_INFINITY),
    scan_interval: speaker.interval,
    data_path: roots.length === 1 ? (roots[0] ?? '') : roots,
    last_activity: lastActivityAt === undefined ? null : new Date(lastActivityAt).toISOString(),
    status: speaker.status,
    processing_seconds: processingSeconds(durationsMs),
    workers_busy: working.map((instance) => ({
      instance: instance.id,
      capacity: instance.capacity,
      active: instance.active,
      busy_share: Math.round((busyShare(instance) ?? 0) * 10_000) / 10_000,
    })),
    instances: instances.map(({ id, kind, state, condition }) => ({ id, kind, state, condition })),
    dead_letters: states.dead,
    deployments: Object.fromEntries(Object.entries(states).filter(([, count]) => count > 0)),
    updated_at: new Date(now).toISOString(),
  };
}

function processingSeconds(durationsMs: readonly number[]): Status['processing_seconds'] {
  if (durationsMs.length === 0) return null;
  const sorted = [...durationsMs].sort((a, b) => a - b);
  // The nearest rank: a time that was really taken.
  const rank = (share: number) => (sorted[Math.ceil(share * sorted.length) - 1] ?? 0) / 1000;
  return { p50: rank(0.5), p95: rank(0.95), max: rank(1), count: sorted.length };
}
