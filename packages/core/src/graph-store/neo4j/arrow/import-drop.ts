/** The end of an import whose database was never made. */

import { FlightClient } from '@graphshift/flight';
import type { Driver } from 'neo4j-driver';
import type { BoltAccess } from '../bolt/settings.ts';
import { flightOptions } from './flight-access.ts';
import { callGds } from './gds-protocol.ts';
import { importsUnderWay } from './import-records.ts';
import type { FlightAccess } from './load-commands.ts';

const ABORT_TIMEOUT_MS = 30_000;

export interface ImportServer {
  readonly access: BoltAccess;
  readonly driver: Driver;
  readonly flight: FlightAccess;
  /** The bookkeeping database. */
  readonly bookkeeping: string;
}

/**
 * Aborts what the server has of a recorded import, unless a newer holder's. It never throws for that: an import that the
 * server does not have, or is building, ends by itself, and leaves at most a database with its mark, to be dropped too.
 */
export async function dropImport(server: ImportServer, database: string, epoch: number): Promise<void> {
  const { access, driver, flight, bookkeeping } = server;
  const [record] = await importsUnderWay(driver, bookkeeping, { database });
  if (!record || record.epoch > epoch) return;
  const client = new FlightClient(flightOptions(flight, access));
  try {
    await callGds(client, 'ABORT', { name: database }, { timeoutMs: ABORT_TIMEOUT_MS }).catch(() => {});
  } finally {
    client.close();
  }
}
