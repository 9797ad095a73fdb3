/**
 * What Redis keeps of recoveries: the newest reports, counts since the installation began, and the emergencies that
 * failed ones raised. Bounded: reports and emergencies by number.
 */

import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Keys } from './keys.ts';
import { Lease } from './lease.ts';
import { defineScripts, type RunScript } from './scripts.ts';

/** `recovery` takes what an instance holds from it; `emergency` is the whole procedure. */
export const RECOVERY_KINDS = ['recovery', 'emergency'] as const;
export type RecoveryKind = (typeof RECOVERY_KINDS)[number];

export const RECOVERY_STEPS = ['release', 'redistribute', 'verify', 'reset'] as const;
export type RecoveryStep = (typeof RECOVERY_STEPS)[number];

const count = z.number().nonnegative();

const stepReport = z.object({
  step: z.enum(RECOVERY_STEPS),
  /** What it found and did, each one line. */
  found: z.string(),
  did: z.string(),
  attempts: count,
  durationMs: count,
  /** `skipped`: a step before it failed for good. */
  outcome: z.enum(['done', 'failed', 'skipped']),
  /** Of the last attempt that failed. */
  error: z.string().optional(),
});
export type StepReport = z.infer<typeof stepReport>;

const recoveryReport = z.object({
  instance: z.string(),
  kind: z.enum(RECOVERY_KINDS),
  /** Who asked for it: a person, or the instance whose monitor began it. */
  by: z.string(),
  reason: z.string(),
  /** Milliseconds since 1970. */
  startedAt: count,
  durationMs: count,
  outcome: z.enum(['recovered', 'failed']),
  /** Deployments that were taken from it. */
  deployments: z.array(z.string()),
  steps: z.array(stepReport),
});
export type RecoveryReport = z.infer<typeof recoveryReport>;

const emergency = z.object({
  instance: z.string(),
  /** Milliseconds since 1970. */
  since: count,
  step: z.enum(RECOVERY_STEPS),
  reason: z.string(),
});
/** Why the system is in EMERGENCY: a recovery that did not succeed, until one does or a person dismisses it. */
export type Emergency = z.infer<typeof emergency>;

export interface RecoveryStatistics {
  readonly attempts: number;
  readonly successes: number;
  /** Percent; null before the first. */
  readonly successRate: number | null;
  /** Milliseconds; null before the first. */
  readonly meanMs: number | null;
  readonly maxMs: number | null;
  readonly lastMs: number | null;
  /** Milliseconds since 1970, when the last one began. */
  readonly lastAt: number | null;
}

/** Reports and emergencies kept. */
const REPORTS = 500;
const EMERGENCIES = 100;
/** How long a recovery may go on without a sign of life before another process may begin it anew. */
const LEASE_MS = 30_000;

export class RecoveryLog {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #script: RunScript;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#script = defineScripts(redis);
  }

  /** Of one instance's recovery, so that two monitors do not do the same work. */
  lease(instance: string, holder: string): Lease & { readonly ttlMs: number } {
    const options = { redis: this.#redis, key: this.#keys.recoveryLease(instance), holder, ttlMs: LEASE_MS };
    return Object.assign(new Lease(options), { ttlMs: LEASE_MS });
  }

  /**
   * Keeps a report. One that failed raises an emergency, one that succeeded ends that of its instance.
   * @returns whether an emergency ended
   */
  async keep(report: RecoveryReport, raised?: Emergency): Promise<boolean> {
    const change = raised ? JSON.stringify(raised) : report.outcome === 'recovered' ? 'end' : '';
    const ended = await this.#script(
      'keep-recovery-3',
      [this.#keys.recoveries, this.#keys.emergencies, this.#keys.recoveryCounts],
      [report.instance, JSON.stringify(report), REPORTS, report.outcome, change, EMERGENCIES],
    );
    return ended === 1;
  }

  /** The newest first. @param filter `instance`: only this one's. `limit` @default all that are kept */
  async reports(filter: { instance?: string; limit?: number } = {}): Promise<RecoveryReport[]> {
    const last = filter.instance === undefined ? (filter.limit ?? REPORTS) - 1 : -1;
    const texts = await this.#redis.lrange(this.#keys.recoveries, 0, last);
    const reports = texts.flatMap((text) => parsed(recoveryReport, text));
    if (filter.instance === undefined) return reports;
    return reports.filter(({ instance }) => instance === filter.instance).slice(0, filter.limit);
  }

  /** Since the installation began. */
  async counts(): Promise<{ recovered: number; failed: number }> {
    const [recovered, failed] = await this.#redis.hmget(this.#keys.recoveryCounts, 'recovered', 'failed');
    return { recovered: Number(recovered ?? 0), failed: Number(failed ?? 0) };
  }

  /** By instance, over the reports that are kept. */
  async statistics(): Promise<Record<string, RecoveryStatistics>> {
    const byInstance = new Map<string, RecoveryReport[]>();
    for (const report of await this.reports())
      byInstance.set(report.instance, [...(byInstance.get(report.instance) ?? []), report]);
    return Object.fromEntries([...byInstance].map(([id, reports]) => [id, recoveryStatistics(reports)]));
  }

  /** All there are, the oldest first; the system is in EMERGENCY while there is one. */
  async emergencies(): Promise<Emergency[]> {
    const fields = await this.#redis.hgetall(this.#keys.emergencies);
    return Object.values(fields)
      .flatMap((text) => parsed(emergency, text))
      .sort((a, b) => a.since - b.since);
  }

  /** Ends an emergency without a recovery. @returns false when there is none */
  async dismiss(instance: string): Promise<boolean> {
    return (await this.#redis.hdel(this.#keys.emergencies, instance)) === 1;
  }
}

/** @param reports the newest first */
export function recoveryStatistics(reports: readonly RecoveryReport[]): RecoveryStatistics {
  const successes = reports.filter(({ outcome }) => outcome === 'recovered').length;
  const [last] = reports;
  if (!last)
    return {
      attempts: 0,
      successes,
      successRate: null,
      meanMs: null,
      maxMs: null,
      lastMs: null,
      lastAt: null,
    };
  const durations = reports.map(({ durationMs }) => durationMs);
  return {
    attempts: reports.length,
    successes,
    successRate: (100 * successes) / reports.length,
    meanMs: Math.round(durations.reduce((sum, one) => sum + one, 0) / reports.length),
    maxMs: Math.max(...durations),
    lastMs: last.durationMs,
    lastAt: last.startedAt,
  };
}

/** What another version wrote, or damaged, must not hide the rest. */
function parsed<Schema extends z.ZodType>(schema: Schema, text: string): z.infer<Schema>[] {
  try {
    const result = schema.safeParse(JSON.parse(text));
    return result.success ? [result.data] : [];
  } catch {
    return [];
  }
}
