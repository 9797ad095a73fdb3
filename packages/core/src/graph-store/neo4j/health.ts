/** Whether the server answers and takes writes, and what the gate measures of it. */

import type { StoreHealth } from '../graph-store.ts';
import type { Bookkeeping } from './bookkeeping.ts';
import type { Neo4jConnection } from './connection.ts';
import type { Databases } from './databases.ts';
import { readMeasures } from './measures.ts';
import { storeError } from './server-errors.ts';

const PROBE_TIMEOUT_MS = 5000;

export async function readHealth(
  connection: Neo4jConnection,
  databases: Databases,
  bookkeeping: Bookkeeping,
): Promise<StoreHealth> {
  try {
    const listed = (await databases.onServer()).map(({ name }) => name);
    const measures = await readMeasures(connection.driver, { databases: listed });
    const problem = await writeProblem(bookkeeping);
    return {
      reachable: true,
      writable: problem === undefined,
      ...measures,
      ...(problem !== undefined && { problem }),
    };
  } catch (error) {
    const { message: problem } = storeError(error, 'ask for its health');
    return { reachable: false, writable: false, percent: {}, problem };
  }
}

async function writeProblem(bookkeeping: Bookkeeping): Promise<string | undefined> {
  try {
    await bookkeeping.probe(PROBE_TIMEOUT_MS);
    return undefined;
  } catch (error) {
    return storeError(error, 'it takes no writes').message;
  }
}
