/** The process that loads pieces of loads that others coordinate, one after the other. */

import { join } from 'node:path';
import type { Driver } from 'neo4j-driver';
import { serveParent } from '../../../platform/child-process.ts';
import { type Duck, openDuck } from '../../../snapshot-source/duckdb.ts';
import { refuseUnseen } from '../../../snapshot-source/layout.ts';
import { BatchSize } from './batches.ts';
import { loadFailure } from './failures.ts';
import { openLoadDriver } from './filling.ts';
import type { PieceCommands, PieceJob } from './piece-commands.ts';
import { loadPiece } from './piece-work.ts';
import { RowReports } from './row-reports.ts';

interface Tools {
  readonly duck: Duck;
  readonly driver: Driver;
  readonly size: BatchSize;
}

/** The parent asks one process for one installation's pieces only, so they serve for all. */
let tools: Tools | undefined;

serveParent<PieceCommands>({
  load: async (job, report) => {
    try {
      await load(job, new RowReports(report));
      return undefined;
    } catch (error) {
      throw loadFailure(error, `a chunk of ${job.database}`);
    }
  },
});

async function load(job: PieceJob, reports: RowReports): Promise<void> {
  const { settings, path, database, customer, epoch, scratch, shared, piece } = job;
  tools ??= await openTools(job);
  const { duck, driver, size } = tools;
  await refuseUnseen(path);
  const build = { driver, database, customer, epoch };
  const onRows = (rows: number) => reports.add(rows);
  await loadPiece({ duck, path, scratch, build, settings, size, shared, onRows }, piece);
  reports.end();
}

async function openTools({ access, settings, scratch }: PieceJob): Promise<Tools> {
  const duck = await openDuck({
    spillDirectory: join(scratch, 'spill'),
    memoryBytes: settings.duckBytes,
    threads: settings.threads,
  });
  return {
    duck,
    driver: openLoadDriver(access, settings.sessions),
    size: new BatchSize(settings.batchRows),
  };
}
