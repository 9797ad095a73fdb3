/** `explain` against a real Redis, a real store and real directories: what it gathers, and its exit codes. */

import { mkdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from '@graphshift/core';
import { type Installation, makeInstallation, smallContent, writeSnapshot } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runInProcess } from './run-in-process.ts';

const [OLD, NEW] = [1_700_000_000, 1_700_000_100];

let installation: Installation;
let backend: Backend;

beforeAll(async () => {
  installation = await makeInstallation();
  for (const customer of ['acme', 'beta'])
    await writeSnapshot(installation.data, smallContent(customer, OLD));
  expect((await run(['up', '--once', '--log-level', 'silent'])).code).toBe(0);
  backend = await installation.open();
}, 240_000);
afterAll(() => installation.remove());

async function run(
  values: string[],
  environment: Record<string, string> = {},
): Promise<{ code: number; text: string }> {
  return runInProcess(values, {
    environment: { ...installation.environment, ...environment },
    directory: installation.directory,
  });
}

async function explain(customer: string, environment: Record<string, string> = {}, ...values: string[]) {
  const { code, text } = await run(['explain', customer, '--json', ...values], environment);
  return { code, ...(JSON.parse(text) as Record<string, unknown>) };
}

const beat = (id: string, kind: 'producer' | 'worker', capacity: number) =>
  backend.instances.beat({
    id,
    kind,
    host: 'here',
    pid: 1,
    version: '1',
    state: 'running',
    capacity,
    active: 0,
    busyMs: 0,
    uptimeMs: 0,
  });

it('exits 0 where the newest is live, and says so in four lines', async () => {
  const { code, text } = await run(['explain', 'ACME']);
  expect(code).toBe(0);
  expect(text).toMatch(
    /^snapshot {2}acme@1700000000 is live\ncause {5}live: .*\nnext {6}Nothing\.\nlive {6}acme-1700000000\n$/,
  );
  expect(await explain('acme')).toEqual({
    code: 0,
    customer: 'acme',
    snapshot: OLD,
    deployment: `acme@${OLD}`,
    state: 'live',
    live: { database: `acme-${OLD}`, timestamp: OLD },
    cause: 'live',
    fine: true,
    why: expect.any(String),
    action: 'Nothing.',
  });
});

it('names what keeps a snapshot from its record', async () => {
  expect(await explain('acne')).toMatchObject({
    code: 1,
    cause: 'customer-unknown',
    action: 'Did you mean acme?',
  });
  await mkdir(join(installation.data, 'a_b'));
  expect(await explain('a_b')).toMatchObject({ code: 1, cause: 'customer-refused', snapshot: null });
  await mkdir(join(installation.data, 'gamma'));
  expect(await explain('gamma')).toMatchObject({ code: 1, cause: 'no-snapshot' });
  const path = await writeSnapshot(installation.data, smallContent('gamma', OLD));
  const marked = { GRAPHSHIFT_ORCHESTRATOR_READINESS: 'marker' };
  expect(await explain('gamma', marked)).toMatchObject({ code: 1, cause: 'marker-missing' });
  expect(await explain('gamma')).toMatchObject({
    code: 1,
    cause: 'no-producer',
    snapshot: OLD,
    deployment: null,
  });
  await beat('p1', 'producer', 0);
  await utimes(join(path, 'nodes'), 1, 1);
  const slow = { GRAPHSHIFT_ORCHESTRATOR_SETTLE_SECONDS: '60' };
  expect(await explain('gamma', slow)).toMatchObject({ code: 1, cause: 'not-settled' });
  await mkdir(join(installation.data, 'gamma', '9999999999'));
  expect(await explain('gamma')).toMatchObject({
    code: 1,
    cause: 'timestamp-ahead',
    snapshot: 9_999_999_999,
  });
  await rm(join(installation.data, 'gamma'), { recursive: true });
});

it('names what keeps a recorded one from its worker, the nearest first', async () => {
  const { deployments, wakeUps } = backend;
  const path = join(installation.data, 'acme', String(NEW));
  await deployments.discover({ customer: 'acme', timestamp: NEW, path });
  expect(await explain('acme')).toMatchObject({ code: 1, cause: 'no-worker', state: 'queued' });
  await beat('w1', 'worker', 1);
  expect(await explain('acme')).toMatchObject({ code: 1, cause: 'no-job' });
  await wakeUps.ensureHead(deployments, `acme@${NEW}`);
  expect(await explain('acme')).toMatchObject({ code: 1, cause: 'queued', live: { timestamp: OLD } });
  const full = { GRAPHSHIFT_ORCHESTRATOR_RETENTION: '1', GRAPHSHIFT_ORCHESTRATOR_MAX_DATABASES: '2' };
  expect(await explain('acme', full)).toMatchObject({
    code: 1,
    cause: 'gate-closed',
    why: 'the gate is closed: the store has 2 of at most 2 databases',
  });
  await wakeUps.queue.pause();
  expect(await explain('acme', full)).toMatchObject({ code: 1, cause: 'queue-paused' });
  await wakeUps.queue.resume();
  await run(['pin', 'acme', '--reason', 'audit']);
  await deployments.transition({
    id: `acme@${NEW}`,
    from: ['queued'],
    to: 'waiting',
    fields: { reason: 'pinned' },
  });
  expect(await explain('acme')).toMatchObject({ code: 1, cause: 'pinned', state: 'waiting' });
  expect(await explain('acme', {}, '--snapshot', String(OLD))).toMatchObject({ code: 0, cause: 'live' });
  await run(['unpin', 'acme']);
  await deployments.transition({
    id: `acme@${NEW}`,
    from: ['waiting'],
    to: 'gated',
    fields: { holder: 'w1' },
  });
  expect(await explain('acme')).toMatchObject({ code: 1, cause: 'in-progress' });
  await backend.redis.hset(backend.keys.deployment(`acme@${NEW}`), 'holder', 'w9');
  expect(await explain('acme')).toMatchObject({ code: 1, cause: 'worker-lost' });
  await run(['deployments', 'cancel', `acme@${NEW}`]);
  expect(await explain('acme')).toMatchObject({
    code: 1,
    cause: 'cancelled',
    action: expect.stringContaining('retry'),
  });
});

it('names an alias whose target is gone, and a record of another version', async () => {
  await rm(join(installation.store, 'databases', `beta-${OLD}`), { recursive: true });
  expect(await explain('beta')).toMatchObject({
    code: 1,
    cause: 'alias-broken',
    action: expect.stringContaining('--repair'),
  });
  await backend.redis.hset(backend.keys.deployment(`delta@${OLD}`), { id: `delta@${OLD}`, state: 'asleep' });
  expect(await explain('delta', {}, '--snapshot', String(OLD))).toMatchObject({
    code: 1,
    cause: 'record-unreadable',
  });
});

it('exits 3 and names the service that cannot be reached, 2 for wrong use', async () => {
  const noRedis = { REDIS_URL: 'redis://127.0.0.1:1' };
  expect(await explain('acme', noRedis)).toMatchObject({ code: 3, cause: 'redis-unreachable', live: null });
  const noStore = { GRAPHSHIFT_STORE: 'embedded:/proc/nowhere' };
  expect(await explain('acme', noStore)).toMatchObject({ code: 3, cause: 'store-unreachable' });
  expect((await run(['explain', 'acme', '--snapshot', 'yesterday'])).code).toBe(2);
});
