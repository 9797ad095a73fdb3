/** Everything that one look of the doctor saw of Redis, the store and the disk. */

import type { DeploymentRecord } from '../deployment/record.ts';
import type { State } from '../deployment/states.ts';
import type { AliasInfo, Counts, DatabaseInfo, LoadCertificate } from '../graph-store/graph-store.ts';
import type { AuditEntry } from '../queue/audit-stream.ts';
import type { CustomerEvidence, JobsFound, Reservation } from '../queue/evidence.ts';
import type { SnapshotName } from '../snapshot/names.ts';

/** What the settings and the caller allow. */
export interface Limits {
  /** Complete databases kept for a customer. */
  readonly keep: number;
  /** How long a database that the alias left stays for its readers. */
  readonly drainMs: number;
  /** What the system mends by itself is no finding before this time has passed. */
  readonly graceMs: number;
  /** A snapshot that has not changed for longer has a record. */
  readonly recordMs: number;
  /** A delayed job of a deployment that has ended comes up within this time, and goes. */
  readonly lingerMs: number;
}

export interface AliasSeen extends AliasInfo {
  /** Of its target; undefined when there is none that can be read. */
  readonly certificate: LoadCertificate | undefined;
  /** The target's rows, or why they could not be counted. */
  readonly counts: Counts | { readonly problem: string };
}

/** A snapshot on the disk that is ready by its rule and has no record. */
export interface Unrecorded extends SnapshotName {
  readonly path: string;
  /** Milliseconds since 1970, the newest change of any of its files and directories. */
  readonly changedAt: number;
}

/** Something that could not be read, and why. */
export interface Unread {
  readonly name: string;
  readonly problem: string;
}

export interface Picture {
  /** Milliseconds since 1970 by this process's clock. */
  readonly takenAt: number;
  readonly limits: Limits;

  readonly unrecorded: readonly Unrecorded[];
  readonly unreadRoots: readonly Unread[];

  readonly databases: readonly DatabaseInfo[];
  readonly aliases: ReadonlyMap<string, AliasSeen>;
  /** Customers whose alias is there and cannot be read. */
  readonly unreadAliases: readonly Unread[];

  readonly records: ReadonlyMap<string, DeploymentRecord>;
  /** Ids of hashes that are no record. */
  readonly unreadRecords: readonly string[];
  /** From each id that stands in the set of a state, those states. */
  readonly index: ReadonlyMap<string, readonly State[]>;
  readonly customers: ReadonlyMap<string, CustomerEvidence>;
  readonly jobs: JobsFound;
  readonly letters: JobsFound;
  readonly reservations: readonly Reservation[];
  /** Oldest first. */
  readonly audit: readonly AuditEntry[];
}

/** Whether the system has had its time to mend what has been so since then. */
export function isDue({ takenAt, limits }: Picture, since: number): boolean {
  return takenAt - since >= limits.graceMs;
}

/** Items with the same key, in the order they came; those without one are left out. */
export function groupBy<Item>(
  items: Iterable<Item>,
  keyOf: (item: Item) => string | undefined,
): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

export function recordsByCustomer({ records }: Picture): Map<string, DeploymentRecord[]> {
  return groupBy(records.values(), ({ customer }) => customer);
}

/** Timestamps of the snapshots that an alias holds. */
export function heldBy(alias: AliasInfo): Set<number> {
  return new Set(alias.properties.holds?.map(({ timestamp }) => timestamp));
}

/** When the alias came to its target, in ms; 0 where the property is no instant. */
export function movedAt(alias: AliasInfo): number {
  const moved = Date.parse(alias.properties.since);
  return Number.isNaN(moved) ? 0 : moved;
}
