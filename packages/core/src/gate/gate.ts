/** The health check of the graph store that every load passes first. It fails closed. */

import type { GraphStore, StoreHealth, StoreListing } from '../graph-store/graph-store.ts';
import type { Breaker } from '../platform/breaker.ts';
import { messageOf } from '../platform/errors.ts';
import type { DeploymentStore } from '../queue/deployment-store.ts';

export interface GateThresholds {
  readonly maxDatabases: number;
  /** Percent of the limit at which the gate closes. */
  readonly heapPercent: number;
  readonly pagecachePercent: number;
  readonly diskPercent: number;
}

export type GateReading =
  | {
      readonly open: true;
      readonly health: StoreHealth;
      readonly existing: readonly string[];
      /** Redis server time in ms just before the listing began. */
      readonly listedAt: number;
    }
  | { readonly open: false; readonly reason: string; readonly health?: StoreHealth };

export interface GateOptions {
  readonly store: GraphStore;
  readonly deployments: DeploymentStore;
  readonly thresholds: GateThresholds;
  /** Around the store's administration. */
  readonly breaker: Breaker;
}

export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Never throws: whatever keeps the store from answering closes the gate. */
  async read(): Promise<GateReading> {
    const { store, deployments, thresholds, breaker } = this.#options;
    let health: StoreHealth;
    let listing: StoreListing;
    const listedAt = await deployments.serverTime();
    try {
      health = await breaker.run(() => store.health());
      const closed = closedReason(health, thresholds);
      if (closed !== undefined) return { open: false, reason: closed, health };
      listing = await breaker.run(() => store.list());
    } catch (error) {
      return { open: false, reason: `the store does not answer: ${messageOf(error)}` };
    }
    // A build stands for the database that it becomes, which has the reservation.
    const existing = listing.databases
      .filter((database) => database.state !== 'building')
      .map((database) => database.name);
    return { open: true, health, existing, listedAt };
  }
}

/** Why this health closes the gate, or undefined when it does not. */
export function closedReason(health: StoreHealth, thresholds: GateThresholds): string | undefined {
  if (!health.reachable) return `the store cannot be reached: ${health.problem ?? 'no answer'}`;
  if (!health.writable) return `the store cannot be written: ${health.problem ?? 'it is read-only'}`;
  const measures = [
    ['heap', health.percent.heap, thresholds.heapPercent],
    ['page cache', health.percent.pagecache, thresholds.pagecachePercent],
    ['disk', health.percent.disk, thresholds.diskPercent],
  ] as const;
  for (const [name, percent, limit] of measures) {
    if (percent !== undefined && percent >= limit) {
      return `${name} is at ${percent.toFixed(1)} % of the store's limit; the gate closes at ${limit} %`;
    }
  }
  return undefined;
}
