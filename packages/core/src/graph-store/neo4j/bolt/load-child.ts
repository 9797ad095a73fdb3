/** The loading process: one build, from the first look at the files to the counts of the finished graph. */

import { join } from 'node:path';
import { serveParent } from '../../../platform/child-process.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { SnapshotManifest } from '../../../snapshot/manifest.ts';
import { type Duck, openDuck } from '../../../snapshot-source/duckdb.ts';
import { changeOf, inspectSnapshot, readFailure } from '../../../snapshot-source/inspect.ts';
import {
  type GroupKind,
  type Listing,
  listSnapshot,
  refuseUnseen,
  rootOf,
} from '../../../snapshot-source/layout.ts';
import type { LoadCounts } from '../../certify.ts';
import type { LoadProgress } from '../../graph-store.ts';
import type { ChunkStanding } from '../../sharing.ts';
import { BatchSize } from './batches.ts';
import { isOfServer, loadFailure } from './failures.ts';
import { fill, isFilled, openLoadDriver } from './filling.ts';
import { certifyCounts, indexIds, indexNodes, stripNodes } from './finishing.ts';
import type { BoltCommands, BoltJob, CheckedJob } from './load-commands.ts';
import { loadPiece } from './piece-work.ts';
import { chunkOf, groupOf, type SharedLoad, sharePlan } from './pieces.ts';
import { type LoadPlan, planLoad } from './plan.ts';
import { type Build, placeChunks, readChunks } from './progress-marks.ts';
import { RowReports } from './row-reports.ts';
import { Stager } from './staging.ts';

/** At most four reports a second. */
const REPORT_EVERY_MS = 250;

type Report = (progress: unknown) => void;

interface Work {
  readonly job: BoltJob;
  readonly manifest: SnapshotManifest;
  /** The files as they were when checked; a load of other ones proves nothing. */
  readonly listing: Listing;
  readonly duck: Duck;
  readonly plan: LoadPlan;
  /** Where other processes load parts of it. */
  readonly shared: SharedLoad | undefined;
  readonly stager: Stager;
  readonly build: Build;
  readonly size: BatchSize;
  rows: number;
  bytes: number;
  reportedAt: number;
}

let work: Work | undefined;

serveParent<BoltCommands>({
  check: (job, report) => catalogued('the check', () => check(job, report)),
  place: () => catalogued('the marks', () => place()),
  nodes: (_, report) => catalogued('nodes', () => unchanged(() => nodes(report))),
  relationships: (_, report) => catalogued('relationships', () => unchanged(() => relationships(report))),
  standing: () => catalogued('the chunks', () => standing()),
  piece: (number, report) => catalogued(`chunk ${number}`, () => piece(number, new RowReports(report))),
  index: () => catalogued('nodes', () => unchanged(() => index())),
  finish: (_, report) => catalogued('the end of the load', () => unchanged(() => finish(report))),
});

async function check(job: BoltJob, report: Report): Promise<CheckedJob> {
  const { settings, path, scratch } = job;
  const duck = await openDuck({
    spillDirectory: join(scratch, 'spill'),
    memoryBytes: settings.duckBytes,
    threads: settings.threads,
  });
  await refuseUnseen(path);
  const root = rootOf(path);
  const listing = await listSnapshot(path, root);
  let reportedAt = Number.NEGATIVE_INFINITY;
  const manifest = await inspectSnapshot(duck, path, {
    root,
    idProperty: settings.idProperty,
    requireManifest: settings.requireManifest,
    onProgress: ({ bytesTotal }) => {
      if (performance.now() - reportedAt < REPORT_EVERY_MS) return;
      reportedAt = performance.now();
      report({ phase: 'checking', rows: 0, rowsTotal: 0, bytes: 0, bytesTotal } satisfies LoadProgress);
    },
  });
  if (manifest.nodes.every((group) => group.rows === 0))
    throw new GraphshiftError('SNAPSHOT_EMPTY', 'no file under nodes/ has a row');
  const whole = await planLoad(duck, manifest, settings);
  // Half of the memory that the check of the ends took.
  await duck.run('DROP TABLE IF EXISTS snapshot_ids');
  const { database, customer, epoch, shareFrom } = job;
  const shared =
    shareFrom === undefined || manifest.bytes < shareFrom
      ? undefined
      : await sharePlan({ duck, path, manifest, listing }, whole, shareFrom, settings);
  const plan = shared?.plan ?? whole;
  const build = { driver: openLoadDriver(job.access, settings.sessions), database, customer, epoch };
  const counters = { rows: 0, bytes: 0, reportedAt: 0 };
  const size = new BatchSize(settings.batchRows);
  const stager = new Stager(duck, path, scratch);
  work = { job, manifest, listing, duck, plan, shared, stager, build, size, ...counters };
  tell(work, 'checking', report, true);
  const { fingerprint } = plan;
  if (!shared) return { manifest, fingerprint };
  const chunks = shared.pieces.map((one) => chunkOf(shared, one));
  return { manifest, fingerprint, shared: { plan: JSON.stringify(shared.shared), chunks } };
}

async function place(): Promise<undefined> {
  const { build, plan } = begun();
  await placeChunks(build, plan);
  return undefined;
}

async function nodes(report: Report): Promise<undefined> {
  const current = begun();
  for (const { rows } of (await readChunks(current.build)).values()) current.rows += rows;
  await fillKind(current, 'nodes', report);
  return index();
}

async function relationships(report: Report): Promise<undefined> {
  await fillKind(begun(), 'relationships', report);
  return undefined;
}

async function fillKind(current: Work, kind: GroupKind, report: Report): Promise<void> {
  const { build, duck, plan, stager, size, job } = current;
  const onRows = (rows: number) => {
    current.rows += rows;
    tell(current, kind, report);
  };
  await fill({ build, duck, plan, settings: job.settings, stager, size, onRows }, kind);
  for (const group of plan.groups) {
    if (group.kind !== kind) continue;
    current.bytes += group.bytes;
    await stager.remove(group);
  }
  tell(current, kind, report, true);
}

/** What the marks say of each piece. */
async function standing(): Promise<ReadonlyMap<number, ChunkStanding>> {
  const { build, shared } = begun();
  const states = await readChunks(build);
  const of = (one: SharedLoad['pieces'][number], plan: SharedLoad): ChunkStanding => ({
    rows: one.chunks.reduce((sum, { key }) => sum + (states.get(key)?.rows ?? 0), 0),
    whole: isFilled(groupOf(plan.shared, one), states),
  });
  return new Map(shared?.pieces.map((one) => [one.number, of(one, shared)]));
}

async function piece(number: number, reports: RowReports): Promise<undefined> {
  const { build, shared, duck, job, size } = begun();
  const found = shared?.pieces[number];
  if (!shared || !found) throw new GraphshiftError('INTERNAL', `there is no chunk ${number}`);
  const { path, scratch, settings } = job;
  const onRows = (rows: number) => reports.add(rows);
  await loadPiece({ duck, path, scratch, build, settings, size, shared: shared.shared, onRows }, found);
  reports.end();
  return undefined;
}

/** An earlier holder may have come as far as taking the load label off: then no end needs to be found any more. */
async function index(): Promise<undefined> {
  const current = begun();
  if (!(await isWhole(current, 'relationships')))
    await indexNodes(current.build, current.job.settings.idProperty);
  return undefined;
}

async function isWhole({ build, plan }: Work, kind: GroupKind): Promise<boolean> {
  const states = await readChunks(build);
  return plan.groups.every((group) => group.kind !== kind || isFilled(group, states));
}

async function finish(report: Report): Promise<LoadCounts> {
  const current = begun();
  const { build, plan, job, duck } = current;
  const { settings } = job;
  duck.close();
  if (current.shared) {
    current.rows = current.manifest.rows;
    current.bytes = current.manifest.bytes;
  }
  tell(current, 'sealing', report, true);
  await stripNodes(build, plan, settings, () => tell(current, 'sealing', report));
  if (settings.keepId && settings.indexId) await indexIds(build, plan, settings.idProperty);
  const counts = await certifyCounts(build, plan);
  await build.driver.close();
  // The kernel counts in KiB.
  return { ...counts, peakMemory: process.resourceUsage().maxRSS * 1024 };
}

function begun(): Work {
  if (!work) throw new GraphshiftError('INTERNAL', 'the files have not been checked yet');
  return work;
}

function tell(current: Work, phase: LoadProgress['phase'], report: Report, always = false): void {
  const now = performance.now();
  if (!always && now - current.reportedAt < REPORT_EVERY_MS) return;
  current.reportedAt = now;
  const { rows, bytes, manifest } = current;
  report({ phase, rows, rowsTotal: manifest.rows, bytes, bytesTotal: manifest.bytes } satisfies LoadProgress);
}

async function catalogued<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw loadFailure(await explained(error), what);
  }
}

/** DuckDB does not say which file and column it could not read; the driver's errors have codes of their own. */
async function explained(error: unknown): Promise<unknown> {
  if (error instanceof GraphshiftError || isOfServer(error) || !work) return error;
  return readFailure(work.duck, work.job.path, work.listing.files, error).catch(() => error);
}

/** What happened to the files explains a failure better than the failure does, and forbids a success. */
async function unchanged<T>(run: () => Promise<T>): Promise<T> {
  const { job, listing } = begun();
  let failure: { error: unknown } | undefined;
  const result = await run().catch((error: unknown) => {
    failure = { error };
    return undefined;
  });
  const moved = changeOf(listing, await listSnapshot(job.path, rootOf(job.path)));
  if (moved) throw moved;
  if (failure) throw failure.error;
  return result as T;
}
