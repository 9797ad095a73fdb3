/** Breaks one thing after another by hand in a real installation, and lets the command line mend it. */

import { cp, mkdir, readdir, readFile, readlink, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Backend, DeadLetterDesk, deploymentId } from '@graphshift/core';
import {
  type Installation,
  makeInstallation,
  smallContent,
  startProgram,
  writeSnapshot,
} from '@graphshift/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { runInProcess } from './run-in-process.ts';

const MAIN = new URL('../src/main.ts', import.meta.url);
const [OLD, NEW] = [1_700_000_000, 1_700_000_100];
/** Past every grace that the system has to mend itself. */
const LATER_MS = 10 * 60_000;

interface Document {
  healthy: boolean;
  findings: { rule: string; what: string }[];
  repairs: { rule: string; what: string; outcome: string; did: string; action: string | null }[];
}

let installation: Installation;
let backend: Backend;
/** Redis as it was before anything was broken. */
const whole = new Map<string, Buffer>();

beforeAll(async () => {
  installation = await makeInstallation();
  for (const timestamp of [OLD, NEW]) await writeSnapshot(installation.data, smallContent('acme', timestamp));
  await writeSnapshot(installation.data, smallContent('beta', OLD));
  const inOrder = { GRAPHSHIFT_ORCHESTRATOR_POLICY: 'in-order' };
  const { code } = await runIn(
    { ...installation.environment, ...inOrder },
    'up',
    '--once',
    '--log-level',
    'silent',
  );
  expect(code).toBe(0);
  backend = await installation.open();
  for (const key of await backend.redis.keys('*')) whole.set(key, await backend.redis.dumpBuffer(key));
  for (const part of ['data', 'store'] as const)
    await cp(installation[part], `${installation[part]}-whole`, { recursive: true, verbatimSymlinks: true });
}, 240_000);
afterAll(() => installation.remove());
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.now() }));
afterEach(async () => {
  vi.useRealTimers();
  await backend.redis.flushall();
  for (const [key, value] of whole) await backend.redis.restore(key, 0, value);
  for (const part of ['data', 'store'] as const) {
    await rm(installation[part], { recursive: true });
    await cp(`${installation[part]}-whole`, installation[part], { recursive: true, verbatimSymlinks: true });
  }
});

function run(...values: string[]): Promise<{ code: number; text: string }> {
  return runIn(installation.environment, ...values);
}

async function runIn(environment: Readonly<Record<string, string>>, ...values: string[]) {
  return runInProcess(values, {
    environment,
    directory: installation.directory,
  });
}

async function repair(): Promise<Document & { code: number }> {
  vi.setSystemTime(Date.now() + LATER_MS);
  const { code, text } = await run('doctor', '--repair', '--json', '--settle', '0');
  return { code, ...(JSON.parse(text) as Document) };
}

/** What stands in Redis beside what only tells of the past or passes by itself. */
async function stateOfRedis(): Promise<Record<string, unknown>> {
  const { redis, keys } = backend;
  const state: Record<string, unknown> = {};
  for (const key of (await redis.keys('*')).sort()) {
    if (/:(audit|stats|durations|incarnation|reading|gate|instances?|audit-exported)(:|$|-)/.test(key))
      continue;
    if (key.startsWith(`${keys.prefix}:deploy:`) || key.startsWith(`${keys.prefix}:dead-letter:`)) continue;
    const type = await redis.type(key);
    if (type === 'hash') state[key] = await redis.hgetall(key);
    if (type === 'zset') state[key] = await redis.zrange(key, '0', '-1', 'WITHSCORES');
  }
  return state;
}

/** What came of each finding, in short. */
function told({ repairs }: Document): string[] {
  return repairs.map(({ rule, outcome, did }) => `${rule} ${outcome}: ${did}`).sort();
}

/** Repairs until nothing is left, and once more: that one does nothing. */
async function mends(): Promise<Document> {
  const first = await repair();
  expect(first).toMatchObject({ code: 0, healthy: true, findings: [] });
  expect(await repair()).toEqual({ code: 0, healthy: true, findings: [], repairs: [] });
  return first;
}

const live = deploymentId({ customer: 'acme', timestamp: NEW });
const kept = deploymentId({ customer: 'acme', timestamp: OLD });
const nowhere = { path: '/nowhere' };

it('makes lists, marks, room and epochs say what is so, twice without harm, and touches nothing else', async () => {
  const { redis, keys, deployments, store } = backend;
  const before = await stateOfRedis();
  await redis.zrem(keys.state('live'), live);
  await redis.zadd(keys.state('dead'), 5, live);
  await redis.zadd(keys.backlog('acme'), OLD, kept);
  await redis.zrem(keys.history('beta'), `beta@${OLD}`);
  await redis.zadd(keys.state('queued'), 5, 'ghost@9');
  await redis.hset(keys.customer('beta'), 'live', 17);
  await redis.hset(keys.reservations, 'zeta-5', 'held');
  expect(told(await mends())).toEqual([
    `live-record mended: older snapshots are measured by ${OLD} again`,
    "record-index mended: listed it among its customer's deployments",
    'record-index mended: listed it as live, no longer listed it as dead'.replace(',', ';'),
    'record-index mended: no longer listed it as queued',
    "record-index mended: no longer listed it in its customer's backlog",
    'reservation mended: gave back the room for zeta-5',
  ]);
  const reservations = `${keys.prefix}:reservations`;
  expect(await redis.hget(reservations, 'zeta-5')).toMatch(/^\d+$/);
  await redis.hdel(reservations, 'zeta-5');
  expect(await stateOfRedis()).toEqual(before);
  expect((await deployments.audit({ deployment: live })).at(-1)).toMatchObject({
    holder: 'the command line',
    from: '',
    detail: 'doctor: listed it as live, no longer listed it as dead',
  });

  await redis.hset(keys.customer('acme'), 'epoch', 1);
  expect(told(await mends())).toEqual([
    expect.stringContaining('epoch-behind mended: brought the epoch of acme'),
  ]);
  const epoch = Number(await redis.hget(keys.customer('acme'), 'epoch'));
  expect(epoch).toBeGreaterThan((await store.alias('acme'))?.properties.epoch ?? Number.POSITIVE_INFINITY);
});

it('makes lost records again, and lets one record be live, that of the alias', async () => {
  const { redis, keys, deployments } = backend;
  for (const id of [live, kept]) await redis.del(keys.deployment(id));
  expect(told(await repair()).join()).toContain(`made the record of ${live} again from the store`);
  expect(await deployments.get(live)).toMatchObject({ state: 'live', database: `acme-${NEW}` });
  expect(await deployments.get(kept)).toMatchObject({ state: 'replaced' });

  await redis.hset(keys.deployment(kept), 'state', 'live');
  await redis.zrem(keys.state('replaced'), kept);
  await redis.zadd(keys.state('live'), 5, kept);
  const { findings, code } = await repair();
  // The stream tells of the hand that did it, and goes on telling.
  expect([code, findings.map(({ rule }) => rule)]).toEqual([1, ['audit-chain']]);
  expect((await deployments.get(kept))?.state).toBe('replaced');
});

it('gives a customer one head, a head its job, a dead one its letter; jobs and letters of nothing go', async () => {
  const { redis, keys, deployments, letters, wakeUps, log } = backend;
  for (const timestamp of [5, 6, 7]) await deployments.discover({ customer: 'gamma', timestamp, ...nowhere });
  await redis.hset(keys.deployment('gamma@5'), 'state', 'waiting');
  await redis.zrem(keys.state('discovered'), 'gamma@5');
  await redis.zadd(keys.state('waiting'), 5, 'gamma@5');
  await redis.zrem(keys.backlog('gamma'), 'gamma@5');
  await redis.hset(keys.customer('gamma'), 'head', 'gamma@4');
  await deployments.discover({ customer: 'delta', timestamp: 5, ...nowhere });
  const error = { code: 'FILE_TRUNCATED', class: 'permanent', message: 'cut off' } as const;
  await deployments.discover({ customer: 'theta', timestamp: 5, ...nowhere, error });
  const payload = (deployment: string, v = 1) => ({ v, deployment, run: 1 });
  await wakeUps.queue.add('deploy-snapshot', payload('ghost@5'), { jobId: 'ghost@5~1' });
  await wakeUps.queue.add('deploy-snapshot', payload('ghost@6', 2), { jobId: 'ghost@6~1' });
  await wakeUps.queue.add('deploy-snapshot', {}, { jobId: 'nonsense' });
  const blocking = await backend.connect();
  const options = { connection: redis, blocking, keys, deployments, wakeUps, letters, log };
  const desk = new DeadLetterDesk(options);
  await desk.start();
  const letter = { v: 1, deployment: 'ghost@7', run: 1, code: 'INTERNAL', message: 'lost', action: 'none' };
  await letters.queue.add('INTERNAL', letter, { jobId: 'ghost@7~1', attempts: 1 });
  const failed = () => letters.queue.getFailedCount();
  await vi.waitFor(async () => expect(await failed()).toBe(1), { timeout: 60_000 });

  const first = await repair();
  expect(told(first).filter((line) => !/^(head|audit-state) /.test(line))).toEqual([
    'dead-letter mended: took letter ghost@7~1 away',
    'dead-letter mended: wrote the letter of theta@5',
    'head-job mended: added the job of delta@5, run 1',
    'head-job settled: nothing: it is not so any more',
    'head-job settled: nothing: it is not so any more',
    'job-record left: a newer version of Graphshift made it',
    'job-record mended: took job ghost@5~1 away',
    'job-record mended: took job nonsense away',
  ]);
  await vi.waitFor(async () => expect(await failed()).toBe(1), { timeout: 60_000 });
  await desk.stop();
  const states = (await deployments.list({ customer: 'gamma' })).map(({ id, state }) => `${id} ${state}`);
  expect(states).toEqual(['gamma@7 queued', 'gamma@6 discovered', 'gamma@5 discovered']);
  expect(await redis.hget(keys.customer('gamma'), 'head')).toBe('gamma@7');
  expect(await wakeUps.queue.getJob('gamma@7~1')).toBeDefined();

  // Two in the hands of workers: nobody but a person knows which shall go on. Room that one of them holds is held.
  for (const id of ['gamma@5', 'gamma@7']) await redis.hset(keys.deployment(id), 'state', 'loading');
  await redis.hset(keys.reservations, 'gamma-7', 'held');
  const second = told(await repair());
  expect(second).toContain(
    'head left: several are in the hands of workers, and only a person knows which shall go on',
  );
  expect(await redis.hget(keys.reservations, 'gamma-7')).toBe('held');
});

const entry = (name: string) => join(installation.store, 'databases', name);

async function cutover(customer: string): Promise<string> {
  const link = await readlink(join(installation.store, 'aliases', customer));
  return join(installation.store, 'cutovers', customer, basename(link));
}

it('drops a build of nothing, records a whole snapshot, and leaves what it cannot judge to a person', async () => {
  const { redis, keys, deployments } = backend;
  await mkdir(entry('kappa-5.r1.e1.building'));
  await mkdir(entry('photographs'));
  await writeSnapshot(installation.data, smallContent('lambda', OLD));
  await mkdir(join(installation.data, 'lambda', String(NEW), 'nodes'), { recursive: true });
  await redis.hset(keys.deployment('iota@5'), { id: 'iota@5', state: 'asleep' });
  await redis.zadd(keys.state('live'), 5, 'iota@5');
  const { findings, code, ...first } = await repair();
  expect(told({ findings, ...first })).toEqual([
    'database-judged left: only a person can judge it',
    'half-loaded mended: dropped kappa-5.r1.e1.building',
    expect.stringMatching(/^load-mark (mended|settled): /),
    'record-readable left: only a person can judge it',
    expect.stringMatching(/^snapshot-record left: .*nodes/),
    `snapshot-record mended: recorded lambda@${OLD}`,
  ]);
  expect(
    first.repairs.filter(({ outcome }) => outcome === 'left').every(({ action }) => action !== null),
  ).toBe(true);
  expect([code, findings.map(({ rule }) => rule).sort()]).toEqual([
    1,
    ['database-judged', 'record-readable', 'snapshot-record'],
  ]);
  expect(await readdir(entry('.'))).toContain('photographs');
  expect(await redis.zscore(keys.state('live'), 'iota@5')).toBe('5');
  expect(await deployments.get(`lambda@${OLD}`)).toMatchObject({ state: 'queued' });
  expect((await deployments.audit()).map(({ detail }) => detail)).toContain(
    'doctor: dropped kappa-5.r1.e1.building',
  );
});

it('leads an alias where its properties say, writes those again that lie, and moves no pinned one', async () => {
  const { store } = backend;
  const link = join(await cutover('beta'), 'database');
  await unlink(link);
  await symlink(`../../../databases/acme-${NEW}`, link);
  const file = join(await cutover('acme'), 'properties.json');
  const properties = JSON.parse(await readFile(file, 'utf8')) as object;
  const pin = { since: new Date().toISOString(), reason: 'audit' };
  await writeFile(file, JSON.stringify({ ...properties, pin, contentHash: 'lie', since: 'yesterday' }));
  const lines = told(await repair());
  expect(lines).toContain(
    `alias-target mended: moved it from acme-${NEW}, which is wrong, to beta-${OLD}, as its properties say`,
  );
  expect(lines).toContain(`alias-properties mended: wrote its properties again, as acme-${NEW} says`);
  expect((await store.alias('beta'))?.database).toBe(`beta-${OLD}`);
  const acme = await store.alias('acme');
  expect(acme?.properties).toMatchObject({ pin, snapshot: NEW });
  expect(acme?.properties.contentHash).toBe((await store.certificate(`acme-${NEW}`))?.contentHash);

  await rm(entry(`acme-${NEW}`), { recursive: true });
  const [pinned] = (await repair()).repairs;
  expect(pinned).toMatchObject({
    outcome: 'left',
    action: expect.stringContaining('graphshift rollback acme'),
  });
  expect((await store.alias('acme'))?.database).toBe(`acme-${NEW}`);
});

it('takes an alias back once whose database is gone, though two repair at once and workers run', async () => {
  const { store, deployments } = backend;
  await rm(entry(`acme-${NEW}`), { recursive: true });
  const up = startProgram(MAIN, ['up'], { ...installation.environment, GRAPHSHIFT_DASHBOARD_PORT: '0' });
  await vi.waitFor(async () => expect(await backend.instances.list()).toHaveLength(1), { timeout: 90_000 });
  const both = (await Promise.all([repair(), repair()])).flatMap(told);
  expect(both.some((line) => line.startsWith(`alias-target mended: rolled acme back to acme-${OLD}`))).toBe(
    true,
  );
  expect((await store.alias('acme'))?.properties).toMatchObject({
    snapshot: OLD,
    holds: [{ timestamp: NEW }],
  });
  const back = (await deployments.audit({ deployment: live })).filter(({ detail }) =>
    detail.startsWith('rollback to'),
  );
  expect(back).toHaveLength(1);
  expect((await store.list()).databases.map(({ name }) => name).sort()).toEqual([
    `acme-${OLD}`,
    `beta-${OLD}`,
  ]);

  // What went is loaded again when a person asks, by the workers that ran all the while.
  expect((await run('deployments', 'retry', live)).code).toBe(0);
  const target = async () => (await store.alias('acme'))?.database;
  await vi.waitFor(async () => expect(await target()).toBe(`acme-${NEW}`), { timeout: 90_000 });
  await up.end();
}, 240_000);
