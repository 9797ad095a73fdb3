/** Whether the server answers and takes writes, and what the gate measures of it. */

import { messageOf } from '../../platform/errors.ts';
import type { StoreHealth } from '../graph-store.ts';
import type { Bookkeeping } from './bookkeeping.ts';
import type { Neo4jConnection } from './connection.ts';
import type { Databases } from './databases.ts';
import { readMeasures } from './measures.ts';

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
    return { reachable: false, writable: false, percent: {}, problem: messageOf(error) };
  }
}

async function writeProblem(bookkeeping: Bookkeeping): Promise<string | undefined> {
  try {
    await bookkeeping.probe(PROBE_TIMEOUT_MS);
    return undefined;
  } catch (error) {
    return `it takes no writes: ${messageOf(error)}`;
  }
}
