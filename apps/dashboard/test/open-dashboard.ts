/** What the dashboard's tests share: an installation, dashboards that close after each test, and dead letters. */

import { type Backend, DeadLetterDesk, GraphshiftError, silentLogger } from '@graphshift/core';
import { type Installation, makeInstallation } from '@graphshift/testkit';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { createDashboard, type Dashboard } from '../src/dashboard.ts';

/** One for each test file that imports this module. */
export let installation: Installation;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  installation = await makeInstallation();
});
afterAll(() => installation.remove());
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await installation.redis.flush();
});

export async function open(
  settings: Record<string, unknown> = {},
): Promise<{ backend: Backend; dashboard: Dashboard; url: string }> {
  const backend = await installation.open({ 'dashboard.port': 0, ...settings });
  const dashboard = createDashboard({ backend });
  await dashboard.start();
  stops.push(() => dashboard.stop());
  return { backend, dashboard, url: dashboard.address().origin };
}

/** A deployment that failed for good, its letter in the failed set. */
export async function addDead(backend: Backend, customer: string, message: string): Promise<string> {
  const error = new GraphshiftError('NODE_ID_DUPLICATE', message).toRecord();
  await backend.deployments.discover({ customer, timestamp: 1_700_000_000, path: '/data', error });
  const record = await backend.deployments.get(`${customer}@1700000000`);
  if (!record) throw new Error('not recorded');
  await backend.letters.ensure(record);
  return record.id;
}

export async function openDesk(backend: Backend): Promise<void> {
  const desk = new DeadLetterDesk({
    connection: backend.redis,
    blocking: await backend.connect(),
    keys: backend.keys,
    deployments: backend.deployments,
    wakeUps: backend.wakeUps,
    letters: backend.letters,
    log: silentLogger,
  });
  await desk.start();
  stops.push(() => desk.stop());
  await vi.waitFor(async () => expect(await backend.letters.queue.getWaitingCount()).toBe(0), 60_000);
}

export async function json(
  url: string,
  init?: RequestInit,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(url, init);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}
