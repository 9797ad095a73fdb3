import type { Settings } from '../config/settings.ts';
import type { StoreHealth } from '../graph-store/graph-store.ts';

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

/** Why this health closes the gate, or undefined when it does not. A measure that the store does not offer is left out. */
export function closedReason(health: StoreHealth, thresholds: GateThresholds): string | undefined {
  if (!health.reachable) return `the store does not answer: ${health.problem ?? 'it gives no reason'}`;
  if (!health.writable) return `the store cannot be written: ${health.problem ?? 'it is read-only'}`;
  for (const { key, name, threshold } of MEASURES) {
    const percent = health.percent[key];
    const limit = thresholds[threshold];
    if (percent === undefined || percent < limit) continue;
    const what = health.meaning?.[key] ?? "the store's limit";
    return `${name} is at ${percent.toFixed(1)} % of ${what}; the gate closes at ${limit} %`;
  }
  return undefined;
}
