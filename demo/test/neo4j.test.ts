/** The demo with `--store neo4j://…`: real flights, real processes, and the server itself is asked what each alias has. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, type TestRedis, useNeo4j } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runDemo } from '../src/demo.ts';
import { stageSnapshots } from '../src/flights.ts';

/** It names its databases by itself, so it has the server alone. */
const server = useNeo4j({ own: true });
const DEMO = { once: true, states: ['us-vt', 'us-hi'], months: 2, workers: 2, port: undefined };
let directory: string;
let redis: TestRedis;

beforeAll(async () => {
  if (server.problem) return;
  directory = await mkdtemp(join(tmpdir(), 'graphshift-demo-neo4j-'));
  redis = await startRedis();
});
afterAll(async () => {
  await redis?.stop();
  if (directory) await rm(directory, { recursive: true, force: true });
});

it('brings every alias live with exactly the rows of its newest snapshot', async () => {
  const code = await runDemo(
    { ...DEMO, store: server.url },
    {
      directory,
      redisUrl: redis.url,
      environment: {
        PATH: process.env.PATH ?? '',
        GRAPHSHIFT_STORE_USERNAME: server.user,
        GRAPHSHIFT_STORE_PASSWORD: server.password,
      },
      signal: new AbortController().signal,
    },
  );
  expect(code).toBe(0);
  const plan = await stageSnapshots(join(directory, 'again'), DEMO);
  for (const [customer, snapshots] of plan) {
    const newest = snapshots.at(-1);
    const rows = await server.run(
      customer,
      `CALL { MATCH (n) RETURN count(n) AS nodes } CALL { MATCH ()-[r]->() RETURN count(r) AS flights }
       CALL { MATCH (n:Airport) RETURN count(DISTINCT n.id) AS airports } RETURN nodes, airports, flights`,
    );
    const { airports, flights } = newest ?? {};
    expect([customer, rows]).toEqual([customer, [{ nodes: airports, airports, flights }]]);
  }
}, 400_000);
