/** The loading process of an import over Arrow Flight, from the first look at the files to the counts of the graph. */

import { setFlagsFromString } from 'node:v8';
import { FlightClient } from '@graphshift/flight';
import { serveParent } from '../../../platform/child-process.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { SnapshotManifest } from '../../../snapshot/manifest.ts';
import type { GroupKind } from '../../../snapshot-source/layout.ts';
import type { LoadCounts } from '../../certify.ts';
import { openLoadDriver } from '../bolt/filling.ts';
import { certifyStations, indexIds } from '../bolt/finishing.ts';
import type { Build } from '../bolt/progress-marks.ts';
import { catalogued, checkFiles, type LoadFiles, type Report, unchanged } from '../load-files.ts';
import { quoteName } from '../names.ts';
import { flightOptions } from './flight-access.ts';
import type { ArrowCommands, ArrowJob } from './load-commands.ts';
import { Sending } from './sending.ts';

/** Connections over Bolt: the fence is asked while statements run. */
const SESSIONS = 2;
/** Nodes that lose their id in one transaction. */
const STRIPPED_AT_ONCE = 20_000;

// The buffers of rows lie outside of a small heap, which V8 would collect after every few of them: a fifth of the time.
setFlagsFromString('--heap-growing-percent=300');

interface Work extends LoadFiles {
  readonly job: ArrowJob;
  readonly build: Build;
  readonly sending: Sending;
}

let work: Work | undefined;

const named = <T>(what: string, run: () => Promise<T>) => catalogued(what, () => work, run);

serveParent<ArrowCommands>({
  check: (job, report) => named('the check', () => check(job, report)),
  nodes: (_, report) => named('nodes', () => unchanged(begun(), () => nodes(report))),
  relationships: (_, report) => named('relationships', () => unchanged(begun(), () => relationships(report))),
  finish: (_, report) => named('the end of the load', () => unchanged(begun(), () => finish(report))),
});

async function check(job: ArrowJob, report: Report): Promise<SnapshotManifest> {
  const { access, database, mark, flight } = job;
  const driver = openLoadDriver(access, SESSIONS);
  const build = { driver, database, customer: mark.customer, epoch: mark.epoch };
  const sending = new Sending(job, new FlightClient(flightOptions(flight, access)), build);
  try {
    const files = await checkFiles(job, report, (planned) => sending.begin(planned));
    work = { ...files, job, build, sending };
    return files.manifest;
  } catch (error) {
    await sending.abort();
    throw error;
  }
}

async function nodes(report: Report): Promise<undefined> {
  await telling('nodes', report, () => begun().sending.nodes());
  return undefined;
}

async function relationships(report: Report): Promise<undefined> {
  const { sending, duck } = begun();
  await telling('relationships', report, () => sending.relationships());
  duck.close();
  await sending.build();
  return undefined;
}

/** Tells how far rows are while they are sent. */
async function telling(kind: GroupKind, report: Report, send: () => Promise<void>): Promise<void> {
  const { progress, sending } = begun();
  const tell = (always: boolean) => {
    progress.rows = sending.rows;
    progress.bytes = sending.bytes;
    progress.tell(kind, report, always);
  };
  tell(true);
  sending.onRows = () => tell(false);
  await send();
  tell(true);
}

async function finish(report: Report): Promise<LoadCounts> {
  const { build, plan, job, progress, sending } = begun();
  const { keepId, indexId, idProperty } = job.settings;
  progress.tell('sealing', report, true);
  if (!keepId) await stripIds(build, idProperty);
  else if (indexId) await indexIds(build, plan, idProperty);
  // The one mark is that of the load.
  const counts = await certifyStations(build, plan, { of: (group) => sending.stationsOf(group), marks: 1 });
  await build.driver.close();
  // The kernel counts in KiB.
  return { ...counts, peakMemory: process.resourceUsage().maxRSS * 1024 };
}

/** The import keeps the id in every node, whatever it is told; what is cut goes on where it was. */
async function stripIds({ driver, database }: Build, idProperty: string): Promise<void> {
  const session = driver.session({ database });
  const id = `n.${quoteName(idProperty)}`;
  try {
    await session.run(
      `MATCH (n) WHERE ${id} IS NOT NULL CALL (n) { REMOVE ${id} } IN TRANSACTIONS OF ${STRIPPED_AT_ONCE} ROWS`,
    );
  } finally {
    await session.close();
  }
}

function begun(): Work {
  if (!work) throw new GraphshiftError('INTERNAL', 'the files have not been checked yet');
  return work;
}
