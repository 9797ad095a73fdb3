import type { Row, Target } from './benchmark.ts';

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** A row with what follows from its values. */
export interface Finding {
  readonly row: Row;
  readonly subject: Spread;
  readonly reference: Spread | undefined;
  /** The subject's median over the reference's. */
  readonly ratio: number | undefined;
  /** Undefined where there is no target. */
  readonly holds: boolean | undefined;
}

export function findingOf(row: Row): Finding {
  const subject = spreadOf(row.values);
  const reference = row.reference && spreadOf(row.reference);
  const ratio = reference && subject.median / reference.median;
  const { target } = row;
  const judged = target?.of === 'ratio' ? ratio : subject.median;
  const holds = target && judged !== undefined ? keeps(target, judged) : undefined;
  return { row, subject, reference, ratio, holds };
}

function keeps(target: Target, value: number): boolean {
  return 'atMost' in target ? value <= target.atMost : value >= target.atLeast;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  return { min: Math.min(...values), median: quantile(values, 0.5), max: Math.max(...values) };
}

/** Between two values it is interpolated; NaN of nothing. @param part 0 to 1, such as 0.99 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * part;
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (low === undefined || high === undefined) return Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}

/** Three digits that matter; whole above a thousand. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}
