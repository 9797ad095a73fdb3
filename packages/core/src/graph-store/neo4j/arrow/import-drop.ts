/** The end of an import whose database is not there yet. */

import { FlightClient } from '@graphshift/flight';
import type { Driver } from 'neo4j-driver';
import type { Clock } from '../../../platform/clock.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { BoltAccess } from '../bolt/settings.ts';
import { flightOptions } from './flight-access.ts';
import { callGds, gdsError, isUnknownImport } from './gds-protocol.ts';
import { importsUnderWay } from './import-records.ts';
import type { FlightAccess } from './load-commands.ts';

const ABORT_TIMEOUT_MS = 30_000;
/** How long one that is being built is waited for. */
const LOOKS = 600;
const LOOK_MS = 500;

export interface ImportServer {
  readonly access: BoltAccess;
  readonly driver: Driver;
  readonly flight: FlightAccess;
  /** The bookkeeping database. */
  readonly bookkeeping: string;
  readonly clock: Clock;
}

/**
 * Aborts what the server has of a recorded import, unless a newer holder's. One that is being built cannot be aborted: it
 * is waited for, and its database is then there to be dropped.
 * @throws STORE_BUSY where that takes longer, STORE_UNREACHABLE
 */
export async function dropImport(server: ImportServer, database: string, epoch: number): Promise<void> {
  const { access, driver, flight, bookkeeping, clock } = server;
  const [record] = await importsUnderWay(driver, bookkeeping, { database });
  if (!record || record.epoch > epoch) return;
  const client = new FlightClient(flightOptions(flight, access));
  try {
    for (let look = 0; look < LOOKS; look += 1) {
      if (await isAborted(client, database)) return;
      await clock.sleep(LOOK_MS);
    }
  } finally {
    client.close();
  }
  throw new GraphshiftError('STORE_BUSY', `the server is building ${database}; it can be dropped after that`);
}

/** @returns false where the server is building it */
async function isAborted(client: FlightClient, database: string): Promise<boolean> {
  try {
    await callGds(client, 'ABORT', { name: database }, { timeoutMs: ABORT_TIMEOUT_MS });
    return true;
  } catch (error) {
    if (isUnknownImport(error)) return true;
    const known = gdsError(error, client.address, database);
    if (known instanceof GraphshiftError && known.code === 'LOAD_FAILED') return false;
    throw known;
  }
}
