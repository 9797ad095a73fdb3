import type { StoreHealth, StoreListing } from '../graph-store/graph-store.ts';

/** What one question to the store brought. */
export interface StoreReading {
  /** Redis server time in ms just before the store was asked. */
  readonly listedAt: number;
  /** `reachable: false` with the problem when the store did not answer. */
  readonly health: StoreHealth;
  /** Left out when the store did not answer. */
  readonly listing?: StoreListing;
}

/** The newest reading as people see it. */
export interface GateView {
  /** Milliseconds since 1970, by Redis's clock. */
  readonly at: number;
  /** Process that took it. */
  readonly by: string;
  /** Whether a deployment that needs a new database passes. */
  readonly open: boolean;
  readonly reason: string | null;
  /** Measures in percent of their limit; those that the store offers. */
  readonly percent: StoreHealth['percent'];
  readonly databases: number | null;
  /** By `max_databases`, or by the server's own limit where that leaves less. */
  readonly maxDatabases: number;
  /** Databases of the whole server and how many it takes, where it has such a limit. */
  readonly server: NonNullable<StoreHealth['databases']> | null;
  readonly aliases: number | null;
}
