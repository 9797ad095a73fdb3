/** What `GET /resilience/status` and `GET /resilience/health` say. */

import type { BreakerView } from '../../platform/breaker.ts';
import { readFailureCounts } from '../../queue/failure-counts.ts';
import {
  RecoveryLog,
  type RecoveryReport,
  type RecoveryStatistics,
  recoveryStatistics,
} from '../../queue/recovery-log.ts';
import { type FailurePatterns, findPatterns } from '../patterns/patterns.ts';
import { gatherHealth, type HealthSources, healthTimes, type InstanceWithSigns } from './gather-health.ts';
import { type HealthReason, judgeHealth, type Level } from './rules.ts';
import { type ScorePart, scoreHealth } from './score.ts';
import { type EarlyWarning, warnEarly } from './vitals.ts';

export interface SystemHealth {
  readonly status: Level;
  /** 0 to 100. */
  readonly score: number;
  readonly reasons: readonly HealthReason[];
  readonly parts: readonly ScorePart[];
}

export interface InstanceStatus {
  readonly id: string;
  readonly kind: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly state: string;
  readonly condition: string;
  readonly silentSeconds: number;
  readonly uptimeSeconds: number;
  readonly capacity: number;
  /** What it holds. */
  readonly deployments: readonly string[];
  /** Chunks of shared loads in hand, each as `<deployment>#<number>`. */
  readonly chunks: readonly string[];
  readonly leases: readonly string[];
  readonly paused: string | null;
  /** Resident, with its loading processes. */
  readonly memoryBytes: number;
  readonly eventLoopDelayMs: number;
  readonly beatLateMs: number;
  readonly breakers: readonly BreakerView[];
  readonly earlyWarnings: readonly EarlyWarning[];
  readonly recovery: RecoveryStatistics | null;
}

export interface ResilienceStatus {
  /** ISO 8601. */
  readonly at: string;
  readonly health: SystemHealth;
  readonly instances: readonly InstanceStatus[];
  /** Every breaker name, with how many living instances have it in which state. */
  readonly breakers: Readonly<Record<string, Readonly<Record<BreakerView['state'], number>>>>;
  readonly recovery: {
    readonly total: RecoveryStatistics;
    readonly byInstance: Readonly<Record<string, RecoveryStatistics>>;
    /** The newest ten, the newest first. */
    readonly latest: readonly RecoveryReport[];
  } | null;
  readonly emergencies: readonly { readonly instance: string; readonly reason: string }[];
  readonly earlyWarning: readonly (EarlyWarning & { readonly instance: string })[];
  /** Null while Redis does not answer, as above. */
  readonly patterns: FailurePatterns | null;
}

const LATEST = 10;

/** Never throws for a service that does not answer: that is what it tells. */
export async function readHealth(sources: HealthSources): Promise<SystemHealth> {
  return judged(sources, (await gatherHealth(sources)).picture);
}

/** The same with everything that it was judged by. */
export async function readResilience(sources: HealthSources): Promise<ResilienceStatus> {
  const { clock, redis, keys } = sources;
  const { picture, instances } = await gatherHealth(sources);
  const known = picture.redisProblem === undefined;
  const recovery = known ? await readRecovery(sources) : null;
  const views = instances.map((instance) => statusOf(instance, recovery?.byInstance ?? {}));
  return {
    at: new Date(clock.now()).toISOString(),
    health: judged(sources, picture),
    instances: views,
    breakers: countBreakers(picture.breakers),
    recovery,
    emergencies: picture.emergencies,
    earlyWarning: picture.instances.flatMap(({ id, condition, warnings }) =>
      condition === 'alive' ? warnings.map((warning) => ({ instance: id, ...warning })) : [],
    ),
    patterns: known ? findPatterns(await readFailureCounts(redis, keys)) : null,
  };
}

function judged({ settings }: HealthSources, picture: Parameters<typeof judgeHealth>[0]): SystemHealth {
  const times = healthTimes(settings);
  const { level, reasons } = judgeHealth(picture, times);
  const { score, parts } = scoreHealth(picture, times);
  return { status: level, score, reasons, parts };
}

async function readRecovery({
  redis,
  keys,
}: HealthSources): Promise<NonNullable<ResilienceStatus['recovery']>> {
  const recoveries = new RecoveryLog(redis, keys);
  const reports = await recoveries.reports();
  return {
    total: recoveryStatistics(reports),
    byInstance: await recoveries.statistics(),
    latest: reports.slice(0, LATEST),
  };
}

function statusOf(
  instance: InstanceWithSigns,
  recovery: Readonly<Record<string, RecoveryStatistics>>,
): InstanceStatus {
  const { id, kind, host, pid, version, state, condition, capacity, deployments, chunks, leases } = instance;
  return {
    id,
    kind,
    host,
    pid,
    version,
    state,
    condition,
    silentSeconds: Math.round(instance.silentMs / 100) / 10,
    uptimeSeconds: Math.round(instance.uptimeMs / 1000),
    capacity,
    deployments,
    chunks,
    leases,
    paused: instance.paused === '' ? null : instance.paused,
    memoryBytes: instance.memory,
    eventLoopDelayMs: instance.loopDelayMs,
    beatLateMs: instance.lateMs,
    breakers: instance.breakers,
    earlyWarnings: condition === 'alive' ? warnEarly(instance.samples) : [],
    recovery: recovery[id] ?? null,
  };
}

function countBreakers(
  seen: readonly { name: string; state: BreakerView['state'] }[],
): ResilienceStatus['breakers'] {
  const counts: Record<string, Record<BreakerView['state'], number>> = {};
  for (const { name, state } of seen) {
    const count = counts[name] ?? { closed: 0, 'half-open': 0, open: 0 };
    counts[name] = { ...count, [state]: count[state] + 1 };
  }
  return counts;
}
