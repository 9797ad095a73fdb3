/** What the counted failures have in common: who and what they meet, which come again, and whether they become more. */

import {
  DAYS_READ,
  type FailureCount,
  type FailureCounts,
  type FailureKind,
} from '../../queue/failure-counts.ts';

export const DIMENSIONS = ['class', 'code', 'customer', 'step', 'instance'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export type Trend = 'up' | 'down' | 'steady';

export interface FailureGroup {
  readonly value: string;
  readonly thisHour: number;
  /** Of the newest 24 hours, the running one among them. */
  readonly lastDay: number;
  /** Of the newest seven days. */
  readonly lastWeek: number;
  readonly trend: Trend;
}

export interface RecurringFailure extends Omit<FailureKind, 'instance'> {
  /** `LOAD_FAILED at loading of acme`. */
  readonly name: string;
  /** Of the newest 48 hours. */
  readonly count: number;
  /** Different hours among them. */
  readonly hours: number;
  readonly instances: readonly string[];
  readonly trend: Trend;
}

export interface FailurePatterns {
  readonly thisHour: number;
  readonly lastDay: number;
  readonly trend: Trend;
  /** Failures of each of the newest 24 hours, the oldest first. */
  readonly byHour: readonly number[];
  /** Failures of each of the newest 14 days, the oldest first. */
  readonly byDay: readonly number[];
  /** The values that failed most, at most ten each. */
  readonly by: Readonly<Record<Dimension, readonly FailureGroup[]>>;
  /** What came in at least three different hours, the most frequent first, at most ten. */
  readonly recurring: readonly RecurringFailure[];
}

const MOST_SHOWN = 10;
const RECURS_IN_HOURS = 3;
/** Hours whose failures are compared with what the day before them had in the same time. */
const RECENT_HOURS = 3;
/** Fewer than this many more or less are chance. */
const LEAST_CHANGE = 3;

export function findPatterns(counts: FailureCounts): FailurePatterns {
  const { hours, days, hour, day } = counts;
  return {
    thisHour: total(hours.filter(({ bucket }) => bucket === hour)),
    lastDay: total(hours.filter(({ bucket }) => bucket > hour - 24)),
    trend: trendOf(hours, hour),
    byHour: series(hours, hour, 24),
    byDay: series(days, day, DAYS_READ),
    by: Object.fromEntries(
      DIMENSIONS.map((dimension) => [dimension, groupsOf(counts, dimension)]),
    ) as unknown as FailurePatterns['by'],
    recurring: findRecurring(hours, hour),
  };
}

/**
 * `up` when the newest three hours have at least half as many failures again as three hours of the day before them had
 * on average, and at least three more; `down` the other way round.
 */
export function trendOf(hours: readonly FailureCount[], hour: number): Trend {
  const recent = total(hours.filter(({ bucket }) => bucket > hour - RECENT_HOURS));
  const before = hours.filter(
    ({ bucket }) => bucket <= hour - RECENT_HOURS && bucket > hour - RECENT_HOURS - 24,
  );
  const usual = (total(before) * RECENT_HOURS) / 24;
  if (recent >= usual * 1.5 && recent - usual >= LEAST_CHANGE) return 'up';
  if (recent <= usual / 1.5 && usual - recent >= LEAST_CHANGE) return 'down';
  return 'steady';
}

function groupsOf({ hours, days, hour, day }: FailureCounts, dimension: Dimension): FailureGroup[] {
  const ofHours = groupBy(hours, (count) => count[dimension]);
  const ofDays = groupBy(days, (count) => count[dimension]);
  const values = new Set([...ofHours.keys(), ...ofDays.keys()]);
  values.delete('');
  return [...values]
    .map((value) => {
      const own = ofHours.get(value) ?? [];
      return {
        value,
        thisHour: total(own.filter(({ bucket }) => bucket === hour)),
        lastDay: total(own.filter(({ bucket }) => bucket > hour - 24)),
        lastWeek: total((ofDays.get(value) ?? []).filter(({ bucket }) => bucket > day - 7)),
        trend: trendOf(own, hour),
      };
    })
    .sort((a, b) => b.lastDay - a.lastDay || b.lastWeek - a.lastWeek || (a.value < b.value ? -1 : 1))
    .slice(0, MOST_SHOWN);
}

function findRecurring(hours: readonly FailureCount[], hour: number): RecurringFailure[] {
  const kinds = groupBy(hours, ({ code, class: own, customer, step }) =>
    JSON.stringify([code, own, customer, step]),
  );
  return [...kinds.values()]
    .filter((counts) => new Set(counts.map(({ bucket }) => bucket)).size >= RECURS_IN_HOURS)
    .flatMap((counts) => {
      const [first] = counts;
      if (!first) return [];
      const { code, class: own, customer, step } = first;
      const instances = new Set(counts.map(({ instance }) => instance).filter((name) => name !== ''));
      return {
        name: `${code} at ${step} of ${customer}`,
        code,
        class: own,
        customer,
        step,
        count: total(counts),
        hours: new Set(counts.map(({ bucket }) => bucket)).size,
        instances: [...instances].sort().slice(0, MOST_SHOWN),
        trend: trendOf(counts, hour),
      };
    })
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
    .slice(0, MOST_SHOWN);
}

function series(counts: readonly FailureCount[], newest: number, length: number): number[] {
  const sums = new Array<number>(length).fill(0);
  for (const { bucket, count } of counts) {
    const index = length - 1 - (newest - bucket);
    if (index >= 0 && index < length) sums[index] = (sums[index] ?? 0) + count;
  }
  return sums;
}

function groupBy(
  counts: readonly FailureCount[],
  key: (count: FailureCount) => string,
): Map<string, FailureCount[]> {
  const groups = new Map<string, FailureCount[]>();
  for (const count of counts) {
    const group = groups.get(key(count));
    if (group) group.push(count);
    else groups.set(key(count), [count]);
  }
  return groups;
}

function total(counts: readonly FailureCount[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}
