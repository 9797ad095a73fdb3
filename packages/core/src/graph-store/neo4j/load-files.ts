/**
 * A loading process's look at the files, whichever way its rows go: the check that all loaders share, the plan of what
 * becomes of each column, and what happened to the files meanwhile.
 */

import { join } from 'node:path';
import { GraphshiftError } from '../../platform/errors.ts';
import type { SnapshotManifest } from '../../snapshot/manifest.ts';
import { type Duck, openDuck } from '../../snapshot-source/duckdb.ts';
import {
  changeOf,
  inspectSnapshot,
  readFailure,
  type SnapshotGroups,
} from '../../snapshot-source/inspect.ts';
import { type Listing, listSnapshot, refuseUnseen, rootOf } from '../../snapshot-source/layout.ts';
import { makeRoom } from '../../snapshot-source/row-groups.ts';
import type { LoadProgress } from '../graph-store.ts';
import { isOfServer, loadFailure } from './bolt/failures.ts';
import { fingerprintOf, type GroupPlan, type LoadPlan, planGroups } from './bolt/plan.ts';
import type { BoltSettings } from './bolt/settings.ts';

/** At most four reports a second. */
const REPORT_EVERY_MS = 250;

export type Report = (progress: unknown) => void;

export interface FilesToLoad {
  /** The snapshot's directory. */
  readonly path: string;
  /** A directory of this load's own. */
  readonly scratch: string;
  readonly settings: BoltSettings;
}

/** What is known once every node is proven, and the columns of relationships, but not their ends. */
export interface PlannedFiles {
  readonly path: string;
  readonly duck: Duck;
  readonly found: SnapshotGroups;
  readonly groups: readonly GroupPlan[];
  /** Whether there is memory for reading rows while the ends are looked up. */
  readonly both: boolean;
}

export interface LoadFiles {
  readonly path: string;
  readonly manifest: SnapshotManifest;
  /** The files as they were when checked; a load of other ones proves nothing. */
  readonly listing: Listing;
  readonly duck: Duck;
  readonly plan: LoadPlan;
  /** Where the load stands, for its reports. */
  readonly progress: ProgressReports;
}

/**
 * @param onPlanned called before the ends of relationships are looked up; what it begins may go on beside that
 * @throws what `inspectSnapshot`, `planGroups` and `onPlanned` throw, SNAPSHOT_EMPTY
 */
export async function checkFiles(
  { path, scratch, settings }: FilesToLoad,
  report: Report,
  onPlanned?: (files: PlannedFiles) => Promise<void>,
): Promise<LoadFiles> {
  const duck = await openDuck({
    spillDirectory: join(scratch, 'spill'),
    memoryBytes: settings.duckBytes,
    threads: settings.threads,
  });
  await refuseUnseen(path);
  const root = rootOf(path);
  const listing = await listSnapshot(path, root);
  const { both } = await makeRoom(duck, path, listing.files, {
    memoryBytes: settings.duckBytes,
    threads: settings.threads,
  });
  let reportedAt = Number.NEGATIVE_INFINITY;
  let groups: GroupPlan[] = [];
  const manifest = await inspectSnapshot(duck, path, {
    root,
    idProperty: settings.idProperty,
    requireManifest: settings.requireManifest,
    onProgress: ({ bytesTotal }) => {
      if (performance.now() - reportedAt < REPORT_EVERY_MS) return;
      reportedAt = performance.now();
      report({ phase: 'checking', rows: 0, rowsTotal: 0, bytes: 0, bytesTotal } satisfies LoadProgress);
    },
    onNodes: async (found) => {
      if (found.nodes.every((group) => group.rows === 0))
        throw new GraphshiftError('SNAPSHOT_EMPTY', 'no file under nodes/ has a row');
      groups = await planGroups(duck, found, settings);
      await onPlanned?.({ path, duck, found, groups, both });
    },
  });
  const plan = { groups, fingerprint: await fingerprintOf(duck, groups, manifest, settings) };
  // Half of the memory that the check of the ends took.
  await duck.run('DROP TABLE IF EXISTS snapshot_ids');
  const progress = new ProgressReports(manifest);
  progress.tell('checking', report, true);
  return { path, manifest, listing, duck, plan, progress };
}

/** Rows and bytes that are in, told a few times a second. */
export class ProgressReports {
  readonly #manifest: SnapshotManifest;
  #reportedAt = 0;
  rows = 0;
  bytes = 0;

  constructor(manifest: SnapshotManifest) {
    this.#manifest = manifest;
  }

  /** @param always even where the last report is not long ago */
  tell(phase: LoadProgress['phase'], report: Report, always = false): void {
    const now = performance.now();
    if (!always && now - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#reportedAt = now;
    const { rows, bytes } = this;
    const { rows: rowsTotal, bytes: bytesTotal } = this.#manifest;
    report({ phase, rows, rowsTotal, bytes, bytesTotal } satisfies LoadProgress);
  }
}

/** What goes wrong, in the words of the catalogue. @param files what was checked, once it was */
export async function catalogued<T>(
  what: string,
  files: () => LoadFiles | undefined,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw loadFailure(await explained(error, files()), what);
  }
}

/** DuckDB does not say which file and column it could not read; the driver's errors have codes of their own. */
async function explained(error: unknown, files: LoadFiles | undefined): Promise<unknown> {
  if (error instanceof GraphshiftError || isOfServer(error) || !files) return error;
  return readFailure(files.duck, files.path, files.listing.files, error).catch(() => error);
}

/** What happened to the files explains a failure better than the failure does, and forbids a success. */
export async function unchanged<T>({ path, listing }: LoadFiles, run: () => Promise<T>): Promise<T> {
  let failure: { error: unknown } | undefined;
  const result = await run().catch((error: unknown) => {
    failure = { error };
    return undefined;
  });
  const moved = changeOf(listing, await listSnapshot(path, rootOf(path)));
  if (moved) throw moved;
  if (failure) throw failure.error;
  return result as T;
}
