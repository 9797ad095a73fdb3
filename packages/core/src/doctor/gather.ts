/** One look at Redis, the store and the disk. It reads and nothing else; while workers run it is no single moment. */

import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { AliasInfo, DatabaseInfo } from '../graph-store/graph-store.ts';
import { messageOf } from '../platform/errors.ts';
import { Evidence } from '../queue/evidence.ts';
import type { Backend } from '../runtime/backend.ts';
import { deploymentId } from '../snapshot/names.ts';
import { newestChange } from '../snapshot-source/newest-change.ts';
import { type FoundSnapshot, findSnapshots } from '../snapshot-source/scan/find.ts';
import type { AliasSeen, Limits, Picture, Unread, Unrecorded } from './picture.ts';

/** What the doctor needs of a backend. */
export type Examined = Pick<
  Backend,
  'clock' | 'keys' | 'letters' | 'redis' | 'roots' | 'settings' | 'store' | 'wakeUps'
>;

/** Databases counted at a time: each may be a process of the store's. */
const COUNTED_AT_ONCE = 4;

/** @param graceMs what the system mends by itself is no finding before this time has passed */
export async function gather(backend: Examined, graceMs: number): Promise<Picture> {
  const { clock, keys, letters, redis, store, wakeUps } = backend;
  const evidence = new Evidence(redis, keys);
  const disk = await readDisk(backend);
  const { databases, aliases } = await store.list();
  const customers = await evidence.customers();
  const names = new Set([
    ...customers.keys(),
    ...databases.flatMap(({ snapshot }) => snapshot?.customer ?? []),
  ]);
  const seen = await lookAt(backend, aliases, databases);
  const unreadAliases = await readMissing(backend, names, aliases);
  // Jobs before records: a record that has ended meanwhile needs none.
  const [jobs, dead] = [await evidence.jobs(wakeUps.queue), await evidence.jobs(letters.queue)];
  const { records, unreadable } = await evidence.records();
  const known = new Set([...records.keys(), ...unreadable]);
  return {
    unrecorded: await withoutRecord(backend, disk.snapshots, known),
    unreadRoots: disk.unread,
    databases,
    aliases: seen,
    unreadAliases,
    records,
    unreadRecords: unreadable,
    index: await evidence.index(),
    customers: await evidence.customers(),
    jobs,
    letters: dead,
    reservations: await evidence.reservations(),
    audit: await evidence.audit(),
    takenAt: clock.now(),
    limits: limitsOf(backend, graceMs),
  };
}

function limitsOf({ settings, store }: Examined, graceMs: number): Limits {
  const {
    retention,
    drain_seconds,
    drain_deadline_seconds,
    settle_seconds,
    scan_interval,
    health_check_retry_delay,
  } = settings.orchestrator;
  const drainMs = drain_seconds === undefined ? store.drainMs : drain_seconds * 1000;
  return {
    keep: retention,
    drainMs: store.readers ? Math.max(drainMs, drain_deadline_seconds * 1000) : drainMs,
    graceMs,
    // What looks unfinished settles six times as long; a scan comes before that, and may just have passed.
    recordMs: (settle_seconds * 6 + scan_interval * 2) * 1000,
    lingerMs: health_check_retry_delay * 1000,
  };
}

/** Each alias with what proves its target. */
async function lookAt(
  backend: Examined,
  aliases: readonly AliasInfo[],
  databases: readonly DatabaseInfo[],
): Promise<Map<string, AliasSeen>> {
  const complete = new Set(databases.filter(({ state }) => state === 'complete').map(({ name }) => name));
  const seen = new Map<string, AliasSeen>();
  for (let start = 0; start < aliases.length; start += COUNTED_AT_ONCE) {
    const some = aliases.slice(start, start + COUNTED_AT_ONCE).map(async (alias): Promise<AliasSeen> => {
      const certificate = await backend.store.certificate(alias.database).catch(() => undefined);
      return { ...alias, certificate, counts: await countsOf(backend, alias.database, complete) };
    });
    for (const alias of await Promise.all(some)) seen.set(alias.customer, alias);
  }
  return seen;
}

async function countsOf(
  { store }: Examined,
  database: string,
  complete: ReadonlySet<string>,
): Promise<AliasSeen['counts']> {
  if (!complete.has(database)) return { problem: 'it is not complete' };
  try {
    return await store.counts(database);
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

/** A listing leaves an alias out that it cannot read; asked for by name it says why. */
async function readMissing(
  { store }: Examined,
  customers: ReadonlySet<string>,
  aliases: readonly AliasInfo[],
): Promise<Unread[]> {
  const read = new Set(aliases.map(({ customer }) => customer));
  const unread: Unread[] = [];
  for (const name of customers) {
    if (read.has(name)) continue;
    await store.alias(name).catch((error: unknown) => {
      unread.push({ name, problem: messageOf(error) });
    });
  }
  return unread;
}

async function readDisk({
  roots,
  clock,
}: Examined): Promise<{ snapshots: FoundSnapshot[]; unread: Unread[] }> {
  const snapshots: FoundSnapshot[] = [];
  const unread: Unread[] = [];
  for (const root of roots) {
    try {
      snapshots.push(...(await findSnapshots(root, { now: clock.now() })).snapshots);
    } catch (error) {
      unread.push({ name: root, problem: messageOf(error) });
    }
  }
  return { snapshots, unread };
}

async function withoutRecord(
  { settings }: Examined,
  snapshots: readonly FoundSnapshot[],
  known: ReadonlySet<string>,
): Promise<Unrecorded[]> {
  const unrecorded: Unrecorded[] = [];
  for (const snapshot of snapshots) {
    if (known.has(deploymentId(snapshot))) continue;
    if (!(await isAnnounced(snapshot.path, settings.orchestrator.readiness))) continue;
    const changedAt = await newestChange(snapshot.path);
    if (changedAt !== undefined) unrecorded.push({ ...snapshot, changedAt });
  }
  return unrecorded;
}

/** Where the writer says when a snapshot is ready: whether it has. */
async function isAnnounced(path: string, readiness: 'settled' | 'marker' | 'manifest'): Promise<boolean> {
  if (readiness === 'settled') return true;
  const file = join(path, readiness === 'marker' ? '_SUCCESS' : 'manifest.json');
  return access(file).then(
    () => true,
    () => false,
  );
}
