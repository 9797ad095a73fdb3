import type { Settings } from '../config/settings.ts';
import type { StoreHealth, StoreListing } from '../graph-store/graph-store.ts';
import { databaseName } from '../snapshot/names.ts';

export interface GateThresholds {
  readonly maxDatabases: number;
  /** Percent of the limit at which the gate closes. */
  readonly heapPercent: number;
  readonly pagecachePercent: number;
  readonly diskPercent: number;
}

export function gateThresholds({ orchestrator }: Settings): GateThresholds {
  return {
    maxDatabases: orchestrator.max_databases,
    heapPercent: orchestrator.heap_threshold_percent,
    pagecachePercent: orchestrator.pagecache_threshold_percent,
    diskPercent: orchestrator.disk_threshold_percent,
  };
}

/** Of a threshold: full is well, as a page cache may be. */
const NEVER = 100;

/** The measures: what people call one, which threshold it has, and which setting that is. */
export const MEASURES = [
  { key: 'heap', name: 'heap', threshold: 'heapPercent', setting: 'heap_threshold_percent' },
  {
    key: 'pagecache',
    name: 'page cache',
    threshold: 'pagecachePercent',
    setting: 'pagecache_threshold_percent',
  },
  { key: 'disk', name: 'disk', threshold: 'diskPercent', setting: 'disk_threshold_percent' },
] as const;

/** What there is room for in a store. */
export interface Room {
  /** Names of the databases. A build stands for the database that it becomes, which has the reservation. */
  readonly existing: readonly string[];
  /** How many of them there may be, those that are reserved included. */
  readonly max: number;
  /** What sets that limit, where it is not `max_databases`. */
  readonly limitedBy?: string;
}

/**
 * The room by `max_databases`, or by the limit of the server itself where that leaves less: what others have there, and
 * the server's own databases, take room too.
 */
export function roomOf(health: StoreHealth, listing: StoreListing, maxDatabases: number): Room {
  const existing = listing.databases
    .filter(
      ({ state, name, snapshot }) => state !== 'building' || (snapshot && databaseName(snapshot) === name),
    )
    .map(({ name }) => name);
  if (!health.databases) return { existing, max: maxDatabases };
  const { existing: all, limit } = health.databases;
  const others = Math.max(0, all - existing.length);
  if (limit - others >= maxDatabases) return { existing, max: maxDatabases };
  const limitedBy = `the server takes ${limit}, ${others} of them others'`;
  return { existing, max: Math.max(0, limit - others), limitedBy };
}

/** A room's limit in words. */
export function limitInWords({ max, limitedBy }: Room): string {
  return `at most ${max} databases${limitedBy === undefined ? '' : ` (${limitedBy})`}`;
}

/**
 * Why this health closes the gate, or undefined when it does not. A measure that the store does not offer is left out, and
 * one with a threshold of 100 never closes it.
 */
export function closedReason(health: StoreHealth, thresholds: GateThresholds): string | undefined {
  if (!health.reachable) return `the store does not answer: ${health.problem ?? 'it gives no reason'}`;
  if (!health.writable) return `the store cannot be written: ${health.problem ?? 'it is read-only'}`;
  for (const { key, name, threshold } of MEASURES) {
    const percent = health.percent[key];
    const limit = thresholds[threshold];
    if (percent === undefined || percent < limit || limit === NEVER) continue;
    const what = health.meaning?.[key] ?? "the store's limit";
    return `${name} is at ${percent.toFixed(1)} % of ${what}; the gate closes at ${limit} %`;
  }
  return undefined;
}
