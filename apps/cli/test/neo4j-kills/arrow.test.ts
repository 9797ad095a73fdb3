/**
 * Over Arrow Flight a worker is killed at each step of a load, between the import and its verification too. What it leaves
 * is an import without a holder, or a database with its mark: the next run of the deployment drops it and loads again, and
 * where no run comes any more the upkeep takes it away.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseName } from '@graphshift/core';
import { type Point, useNeo4j } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { DeploymentPlan } from '../kills/plan.ts';
import { SUBJECT } from '../kills/scenarios.ts';
import { PATIENCE, type Stage } from '../kills/stage.ts';
import { bringLive, discoverAll, expectWhole, openStage, reachAll } from './ground.ts';

/** Where the first worker is killed, and the one that begins again. */
const POINTS: Readonly<Record<string, readonly [Point, Point]>> = {
  opened: ['opened', 'checked'],
  nodes: ['in nodes', 'nodes'],
  relationships: ['in relationships', 'relationships'],
  imported: ['relationships', 'in seal'],
  sealed: ['sealed', 'proven'],
};
const CUSTOMERS = Object.keys(POINTS);

const server = useNeo4j({ own: true, flight: {} });
let stage: Stage;

beforeAll(async () => {
  if (server.problem) return;
  stage = await openStage(server);
  // One is killed over an alias that is there, the others before their first.
  await bringLive(stage, new Map([['sealed', 1]]));
}, 600_000);
afterAll(() => stage?.close());

/** Kills a worker that stands at these points, the first or the second of each. */
function killAt(turn: 0 | 1, timestamp: number): Promise<void> {
  const plans = Object.entries(POINTS).map(([customer, points]): [string, DeploymentPlan] => [
    `${customer}@${timestamp}`,
    { point: points[turn] },
  ]);
  return stage.killAtPoints(Object.fromEntries(plans), 1);
}

/** What the newest database of a customer is, while nobody goes on with it. */
async function left(customer: string): Promise<unknown> {
  const { databases, aliases } = await stage.backend.store.list({ customer });
  const name = databaseName({ customer, timestamp: SUBJECT });
  const { state } = databases.find((database) => database.name === name) ?? {};
  return { state, isLive: aliases.some(({ database }) => database === name) };
}

it('says which loader it takes, and why', async () => {
  const worker = await stage.healthy();
  expect(worker.lines.join('\n')).toMatch(
    /rows go over Arrow Flight at 127\.0\.0\.1:\d+: the server offers it/,
  );
  await stage.kill(worker);
});

it('comes to rest after workers were killed at every step of a load, before and after the import', async () => {
  await discoverAll(stage, CUSTOMERS, SUBJECT);
  await killAt(0, SUBJECT);
  // There on the server, with the mark that came with the import.
  expect(await left('imported')).toEqual({ state: 'building', isLive: false });
  expect(await left('sealed')).toEqual({ state: 'marked', isLive: false });
  await killAt(1, SUBJECT);
  expect(await left('relationships')).toEqual({ state: 'building', isLive: false });
  expect(await left('sealed')).toEqual({ state: 'marked', isLive: false });
  const worker = await stage.healthy();
  await reachAll(stage, CUSTOMERS, SUBJECT, 'live');
  await expectWhole(stage, server);
  await stage.kill(worker);
}, 600_000);

it('leaves nothing of a deployment that was cancelled while its worker was dead', async () => {
  const timestamp = SUBJECT + 1000;
  await discoverAll(stage, CUSTOMERS, timestamp);
  await killAt(0, timestamp);
  for (const customer of CUSTOMERS) await stage.arrange(customer, { cancel: timestamp });
  await stage.healthy();
  await reachAll(stage, CUSTOMERS, timestamp, 'cancelled');
  await expectWhole(stage, server);
  // Nor does the server have an import.
  await vi.waitFor(async () => expect(await readdir(join(server.data, 'imports'))).toEqual([]), PATIENCE);
}, 600_000);
