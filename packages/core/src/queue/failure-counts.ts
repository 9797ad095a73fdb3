/** How often what failed, by hour and by day. The scripts that change records count; the counts end with their time. */

import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Keys } from './keys.ts';

/** What failed. `crash` is a lost worker; `other` as the code stands for all kinds beyond a thousand in one bucket. */
export interface FailureKind {
  readonly code: string;
  readonly class: string;
  readonly customer: string;
  /** State in which it happened. */
  readonly step: string;
  /** Name of the process; empty where none was involved. */
  readonly instance: string;
}

export interface FailureCount extends FailureKind {
  /** Hours or days since 1970. */
  readonly bucket: number;
  readonly count: number;
}

export interface FailureCounts {
  /** Of the newest 48 hours. */
  readonly hours: readonly FailureCount[];
  /** Of the newest 14 days. */
  readonly days: readonly FailureCount[];
  /** The hour and the day that it is by Redis's clock. */
  readonly hour: number;
  readonly day: number;
}

export const HOURS_READ = 48;
export const DAYS_READ = 14;

const kind = z.tuple([z.string(), z.string(), z.string(), z.string(), z.string()]);

export async function readFailureCounts(redis: Redis, keys: Keys): Promise<FailureCounts> {
  const [seconds] = (await redis.time()) as [number | string, number | string];
  const [hour, day] = [Math.floor(Number(seconds) / 3600), Math.floor(Number(seconds) / 86_400)];
  const wanted = [
    ...Array.from({ length: HOURS_READ }, (_, back) => ['hour', hour - back] as const),
    ...Array.from({ length: DAYS_READ }, (_, back) => ['day', day - back] as const),
  ];
  const pipeline = redis.pipeline();
  for (const [span, bucket] of wanted) pipeline.hgetall(keys.failures(span, bucket));
  const answers = (await pipeline.exec()) ?? [];
  const counts = wanted.map(([, bucket], index) => {
    const [error, fields] = answers[index] ?? [null, {}];
    if (error) throw error;
    return countsOf(bucket, fields as Record<string, string>);
  });
  return { hours: counts.slice(0, HOURS_READ).flat(), days: counts.slice(HOURS_READ).flat(), hour, day };
}

function countsOf(bucket: number, fields: Record<string, string>): FailureCount[] {
  return Object.entries(fields).map(([field, count]) => {
    const [code, failureClass, customer, step, instance] = kind.parse(JSON.parse(field));
    return { bucket, code, class: failureClass, customer, step, instance, count: Number(count) };
  });
}
