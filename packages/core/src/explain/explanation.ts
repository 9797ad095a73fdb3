import type { State } from '../deployment/states.ts';

/** Every cause there is; docs/explain.md has the same table. */
export const CAUSES = [
  'live',
  'unchanged',
  'redis-unreachable',
  'store-unreachable',
  'customer-unknown',
  'customer-refused',
  'root-unreadable',
  'no-snapshot',
  'timestamp-ahead',
  'snapshot-refused',
  'marker-missing',
  'no-producer',
  'not-settled',
  'not-recorded',
  'record-unreadable',
  'alias-broken',
  'records-behind',
  'behind-older',
  'newer-first',
  'no-head',
  'queue-paused',
  'no-worker',
  'gate-closed',
  'breaker-open',
  'no-capacity',
  'pinned',
  'waiting',
  'retrying',
  'no-job',
  'queued',
  'worker-lost',
  'in-progress',
  'dead',
  'quarantined',
  'cancelled',
  'superseded',
  'newer-live',
  'rolled-back',
  'held',
  'passed-over',
  'gone',
  'skipped',
  'retired',
] as const;

export type Cause = (typeof CAUSES)[number];

/** Why the newest snapshot of a customer is not live: one cause, one next action. */
export interface Explanation {
  readonly customer: string;
  /** Unix time in seconds; null where there is none. */
  readonly snapshot: number | null;
  /** Id of its deployment; null where there is no record. */
  readonly deployment: string | null;
  readonly state: State | null;
  readonly live: { readonly database: string; readonly timestamp: number } | null;
  readonly cause: Cause;
  /** Whether what readers see is what the newest snapshot holds. */
  readonly fine: boolean;
  /** One line: why. */
  readonly why: string;
  /** One line: what a person does next. */
  readonly action: string;
}

/** What a decision comes to, before it is told of whom. */
export interface Verdict {
  readonly cause: Cause;
  readonly why: string;
  readonly action: string;
}

export function verdict(cause: Cause, why: string, action: string): Verdict {
  return { cause, why, action };
}

/** Causes with which nothing is wrong: readers have what the newest snapshot holds. */
export const FINE: readonly Cause[] = ['live', 'unchanged'];

export function at(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
