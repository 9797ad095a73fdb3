/** The loading process of an import over Arrow Flight, from the first look at the files to the counts of the graph. */

import { FlightClient } from '@graphshift/flight';
import { serveParent } from '../../../platform/child-process.ts';
import { systemClock } from '../../../platform/clock.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { SnapshotManifest } from '../../../snapshot/manifest.ts';
import type { GroupKind } from '../../../snapshot-source/layout.ts';
import type { LoadCounts } from '../../certify.ts';
import { openLoadDriver } from '../bolt/filling.ts';
import { certifyStations, indexIds, type Stations } from '../bolt/finishing.ts';
import type { GroupPlan } from '../bolt/plan.ts';
import type { Build } from '../bolt/progress-marks.ts';
import { catalogued, checkFiles, type LoadFiles, type Report, unchanged } from '../load-files.ts';
import { quoteName } from '../names.ts';
import { flightOptions } from './flight-access.ts';
import { GdsImport, type ImportedCount } from './gds-import.ts';
import type { EntityType } from './gds-protocol.ts';
import { type GroupRows, openGroup } from './group-rows.ts';
import { refuseLate } from './import-records.ts';
import type { ArrowCommands, ArrowJob } from './load-commands.ts';

/** Connections over Bolt: the fence is asked while statements run. */
const SESSIONS = 2;
/** Nodes that lose their id in one transaction. */
const STRIPPED_AT_ONCE = 20_000;

interface Work extends LoadFiles {
  readonly job: ArrowJob;
  readonly build: Build;
  readonly client: FlightClient;
  readonly rows: ReadonlyMap<GroupPlan, GroupRows>;
  readonly stations: Map<GroupPlan, Stations>;
  load?: GdsImport;
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
  const files = await checkFiles(job, report);
  const rows = new Map<GroupPlan, GroupRows>();
  // What cannot be sent is said before anything is.
  for (const group of files.plan.groups)
    rows.set(group, await openGroup({ ...files, scratch: job.scratch }, group));
  const { access, database, mark, flight } = job;
  const client = new FlightClient(flightOptions(flight, access));
  const build = {
    driver: openLoadDriver(access, SESSIONS),
    database,
    customer: mark.customer,
    epoch: mark.epoch,
  };
  work = { ...files, job, build, client, rows, stations: new Map() };
  return files.manifest;
}

async function nodes(report: Report): Promise<undefined> {
  const current = begun();
  const { job, client, build } = current;
  current.load = await GdsImport.begin(client, {
    database: job.database,
    mark: job.mark,
    settings: { idType: 'STRING', idProperty: job.settings.idProperty },
    mayGoOn: () => refuseLate(build.driver, job.bookkeeping, job.database, job.mark),
    clock: systemClock,
  });
  await putAll(current, 'nodes', report);
  refuseCounts('nodes', await current.load.nodesDone());
  return undefined;
}

async function relationships(report: Report): Promise<undefined> {
  const current = begun();
  await putAll(current, 'relationships', report);
  current.duck.close();
  const { relationships: counts } = await importOf(current).build();
  refuseCounts('relationships', counts);
  current.client.close();
  return undefined;
}

async function putAll(current: Work, kind: GroupKind, report: Report): Promise<void> {
  const { progress, rows, stations } = current;
  const load = importOf(current);
  const entity: EntityType = kind === 'nodes' ? 'node' : 'relationship';
  progress.tell(kind, report, true);
  for (const [group, { puts }] of rows) {
    if (group.kind !== kind) continue;
    let [read, sent, acknowledged] = [0, 0, 0];
    for (const put of puts) {
      const messages = put((more) => {
        read += more;
      });
      const summary = await load.put(entity, messages, (more) => {
        acknowledged += more;
        progress.rows += more;
        progress.tell(kind, report);
      });
      sent += summary.rows;
    }
    stations.set(group, { read, sent, acknowledged });
    progress.bytes += group.bytes;
  }
  progress.tell(kind, report, true);
}

/** What another process has put into this import is in the server's counts, and not in ours. */
function refuseCounts(what: GroupKind, { acknowledged, counted }: ImportedCount): void {
  if (acknowledged === counted) return;
  const message = `rows of ${what} do not match: ${acknowledged} acknowledged, and the import has ${counted}`;
  throw new GraphshiftError('CERTIFICATE', message, { details: { acknowledged, counted } });
}

async function finish(report: Report): Promise<LoadCounts> {
  const current = begun();
  const { build, plan, job, progress, stations } = current;
  const { keepId, indexId, idProperty } = job.settings;
  progress.tell('sealing', report, true);
  if (!keepId) await stripIds(build, idProperty);
  else if (indexId) await indexIds(build, plan, idProperty);
  const counts = await certifyStations(build, plan, {
    of: (group) => stations.get(group) ?? { read: 0, sent: 0, acknowledged: 0 },
    // The mark of the load.
    marks: 1,
  });
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

function importOf({ load }: Work): GdsImport {
  if (!load) throw new GraphshiftError('INTERNAL', 'the import has not begun yet');
  return load;
}

function begun(): Work {
  if (!work) throw new GraphshiftError('INTERNAL', 'the files have not been checked yet');
  return work;
}
