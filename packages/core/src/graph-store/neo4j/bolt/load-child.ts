/** The loading process: one build, from the first look at the files to the counts of the finished graph. */

import { serveParent } from '../../../platform/child-process.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { GroupKind } from '../../../snapshot-source/layout.ts';
import type { LoadCounts } from '../../certify.ts';
import type { ChunkStanding } from '../../sharing.ts';
import { catalogued, checkFiles, type LoadFiles, type Report, unchanged } from '../load-files.ts';
import { BatchSize } from './batches.ts';
import { fill, isFilled, openLoadDriver } from './filling.ts';
import { certifyCounts, indexIds, indexNodes, stripNodes } from './finishing.ts';
import type { BoltCommands, BoltJob, CheckedJob } from './load-commands.ts';
import { loadPiece } from './piece-work.ts';
import { chunkOf, groupOf, type PiecePlan, type SharedLoad, sharePlan } from './pieces.ts';
import { type Build, placeChunks, readChunks } from './progress-marks.ts';
import { RowReports } from './row-reports.ts';
import { Stager } from './staging.ts';

interface Work extends LoadFiles {
  readonly job: BoltJob;
  /** Where other processes load parts of it. */
  readonly shared: SharedLoad | undefined;
  readonly stager: Stager;
  readonly build: Build;
  readonly size: BatchSize;
}

let work: Work | undefined;

const named = <T>(what: string, run: () => Promise<T>) => catalogued(what, () => work, run);

serveParent<BoltCommands>({
  check: (job, report) => named('the check', () => check(job, report)),
  place: () => named('the marks', () => place()),
  nodes: (_, report) => named('nodes', () => unchanged(begun(), () => nodes(report))),
  relationships: (_, report) =>
    named('relationships', () => unchanged(begun(), () => fillKind(begun(), 'relationships', report))),
  standing: () => named('the chunks', () => standing()),
  piece: (number, report) => named(`chunk ${number}`, () => piece(number, new RowReports(report))),
  index: () => named('nodes', () => unchanged(begun(), () => index())),
  finish: (_, report) => named('the end of the load', () => unchanged(begun(), () => finish(report))),
});

async function check(job: BoltJob, report: Report): Promise<CheckedJob> {
  const { settings, database, customer, epoch, shareFrom } = job;
  const files = await checkFiles(job, report);
  const { manifest } = files;
  const isShared = shareFrom !== undefined && manifest.bytes >= shareFrom;
  const shared = isShared ? await sharePlan(files, files.plan, shareFrom, settings) : undefined;
  const plan = shared?.plan ?? files.plan;
  const build = { driver: openLoadDriver(job.access, settings.sessions), database, customer, epoch };
  const stager = new Stager(files.duck, job.path, job.scratch);
  work = { ...files, plan, job, shared, stager, build, size: new BatchSize(settings.batchRows) };
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
  for (const { rows } of (await readChunks(current.build)).values()) current.progress.rows += rows;
  await fillKind(current, 'nodes', report);
  return index();
}

async function fillKind(current: Work, kind: GroupKind, report: Report): Promise<undefined> {
  const { build, duck, plan, stager, size, job, progress } = current;
  const onRows = (rows: number) => {
    progress.rows += rows;
    progress.tell(kind, report);
  };
  await fill({ build, duck, plan, settings: job.settings, stager, size, onRows }, kind);
  for (const group of plan.groups) {
    if (group.kind !== kind) continue;
    progress.bytes += group.bytes;
    await stager.remove(group);
  }
  progress.tell(kind, report, true);
  return undefined;
}

/** What the marks say of each piece. */
async function standing(): Promise<ReadonlyMap<number, ChunkStanding>> {
  const { build, shared } = begun();
  const states = await readChunks(build);
  const of = (one: PiecePlan, plan: SharedLoad): ChunkStanding => ({
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
  const { build, job } = begun();
  if (!(await isWhole(begun(), 'relationships'))) await indexNodes(build, job.settings.idProperty);
  return undefined;
}

async function isWhole({ build, plan }: Work, kind: GroupKind): Promise<boolean> {
  const states = await readChunks(build);
  return plan.groups.every((group) => group.kind !== kind || isFilled(group, states));
}

async function finish(report: Report): Promise<LoadCounts> {
  const { build, plan, job, duck, progress } = begun();
  const { settings } = job;
  duck.close();
  const { manifest, shared } = begun();
  if (shared) {
    progress.rows = manifest.rows;
    progress.bytes = manifest.bytes;
  }
  progress.tell('sealing', report, true);
  await stripNodes(build, plan, settings, () => progress.tell('sealing', report));
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
