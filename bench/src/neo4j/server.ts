/** A Neo4j to measure on: the development kernel with more memory than in tests. */

import { join } from 'node:path';
import {
  buildNeo4jDev,
  launchNeo4jDev,
  type Neo4jDevServer,
  neo4jDevProblem,
} from '../../../scripts/neo4j-dev.mjs';
import type { BenchContext } from '../benchmark.ts';

export const PASSWORD = 'for-measuring-only';

/** Of every JVM that is measured. */
export const HEAP_MB = 2048;

/**
 * @param options `flight`: it serves Arrow Flight too
 * @throws where this machine cannot run it
 */
export async function launchNeo4j(
  { directory, signal, say }: BenchContext,
  { flight = false } = {},
): Promise<Neo4jDevServer> {
  const problem = neo4jDevProblem();
  if (problem !== undefined) throw new Error(`the benchmark needs the development Neo4j: ${problem}`);
  const build = await buildNeo4jDev({ say, signal });
  return launchNeo4jDev(build, {
    data: join(directory, 'neo4j'),
    password: PASSWORD,
    heapMb: HEAP_MB,
    pageCacheMb: 1024,
    ...(flight && { flight: 0 }),
    signal,
  });
}
