import type { Finding } from './finding.ts';
import { type Examined, gather } from './gather.ts';
import { judge } from './judge.ts';

export interface ExamineOptions {
  /** Milliseconds between the two looks. @default 2000 */
  readonly settleMs?: number;
  /**
   * What the system mends by itself is no finding before this many milliseconds; 0 takes everything at once.
   * @default 60_000
   */
  readonly graceMs?: number;
}

export const SETTLE_MS = 2000;
const GRACE_MS = 60_000;

/**
 * The doctor: compares Redis, the store and the disk with the invariants, by rules of its own, and changes nothing. Its
 * readings are no single moment while workers run, so a finding counts when a second look finds the same.
 * @returns what is off, in the order of the invariants; empty for a healthy system
 * @throws REDIS_UNREACHABLE, STORE_UNREACHABLE and what else keeps it from looking
 */
export async function examine(backend: Examined, options: ExamineOptions = {}): Promise<Finding[]> {
  const { settleMs = SETTLE_MS, graceMs = GRACE_MS } = options;
  const first = judge(await gather(backend, graceMs));
  if (first.length === 0) return [];
  await backend.clock.sleep(settleMs);
  const seen = new Set(first.map(identity));
  return judge(await gather(backend, graceMs)).filter((finding) => seen.has(identity(finding)));
}

function identity({ rule, severity, what }: Finding): string {
  return `${rule} ${severity} ${what}`;
}
