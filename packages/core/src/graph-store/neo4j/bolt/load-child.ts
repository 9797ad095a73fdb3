/** The loading process: one build, from the first look at the files to the counts of the finished graph. */

import { serveParent } from '../../../platform/child-process.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { GroupKind } from '../../../snapshot-source/layout.ts';
import type { LoadCounts } from '../../certify.ts';
import { catalogued, checkFiles, type LoadFiles, type Report, unchanged } from '../load-files.ts';
import { BatchSize } from './batches.ts';
import { fill, isFilled, openLoadDriver } from './filling.ts';
import { certifyCounts, indexIds, indexNodes, stripNodes } from './finishing.ts';
import type { BoltCommands, BoltJob, CheckedJob } from './load-commands.ts';
import { type Build, placeChunks, readChunks } from './progress-marks.ts';
import { Stager } from './staging.ts';

interface Work extends LoadFiles {
  readonly job: BoltJob;
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
  finish: (_, report) => named('the end of the load', () => unchanged(begun(), () => finish(report))),
});

async function check(job: BoltJob, report: Report): Promise<CheckedJob> {
  const { settings, database, customer, epoch } = job;
  const files = await checkFiles(job, report);
  const build = { driver: openLoadDriver(job.access, settings.sessions), database, customer, epoch };
  const stager = new Stager(files.duck, job.path, job.scratch);
  work = { ...files, job, stager, build, size: new BatchSize(settings.batchRows) };
  return { manifest: files.manifest, fingerprint: files.plan.fingerprint };
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
  // An earlier holder may have come as far as taking the load label off: then no end needs to be found any more.
  if (!(await isWhole(current, 'relationships')))
    await indexNodes(current.build, current.job.settings.idProperty);
  return undefined;
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

async function isWhole({ build, plan }: Work, kind: GroupKind): Promise<boolean> {
  const states = await readChunks(build);
  return plan.groups.every((group) => group.kind !== kind || isFilled(group, states));
}

async function finish(report: Report): Promise<LoadCounts> {
  const { build, plan, job, duck, progress } = begun();
  const { settings } = job;
  duck.close();
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
