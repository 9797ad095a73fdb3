/** Breaks one thing after another by hand in a real installation, and lets the command line mend it. */

import { cp, mkdir, readdir, readFile, readlink, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, DeadLetterDesk, databaseName, deploymentId } from '@graphshift/core';
import {
  type Installation,
  makeInstallation,
  smallContent,
  startProgram,
  writeSnapshot,
} from '@graphshift/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommand } from '../src/run-command.ts';

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
  for (const timestamp of [OLD, NEW]) {
    await writeSnapshot(installation.data, smallContent('acme', timestamp));
    if (timestamp === OLD) await writeSnapshot(installation.data, smallContent('beta', OLD));
    expect((await run('up', '--once', '--json', '--log-level', 'silent')).code).toBe(0);
  }
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

async function run(...values: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const code = await runCommand(values, {
    environment: installation.environment,
    directory: installation.directory,
    write: (part) => {
      text += part;
    },
    signal: new AbortController().signal,
  });
  return { code, text };
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

/** Breaks, repairs, and repairs again: the second time finds nothing. */
async function mends(rules: string[]): Promise<Document> {
  const first = await repair();
  expect(first.repairs.map(({ rule }) => rule).sort()).toEqual([...rules].sort());
  expect(first.repairs.filter(({ outcome }) => outcome !== 'mended' && outcome !== 'settled')).toEqual([]);
  expect(first.findings).toEqual([]);
  expect(first.code).toBe(0);
  expect(await repair()).toEqual({ code: 0, healthy: true, findings: [], repairs: [] });
  return first;
}

const live = deploymentId({ customer: 'acme', timestamp: NEW });

describe('what Redis has', () => {
  it('is healthy to begin with, and a repair does nothing then', async () => {
    const before = await stateOfRedis();
    expect(await repair()).toEqual({ code: 0, healthy: true, findings: [], repairs: [] });
    expect(await stateOfRedis()).toEqual(before);
  });

  it('lists that lie are made to say what the record says, and nothing else is touched', async () => {
    const { redis, keys } = backend;
    const before = await stateOfRedis();
    await redis.zrem(keys.state('live'), live);
    await redis.zadd(keys.state('dead'), 5, live);
    await redis.zadd(keys.backlog('acme'), OLD, `acme@${OLD}`);
    await redis.zrem(keys.history('beta'), `beta@${OLD}`);
    await redis.zadd(keys.state('queued'), 5, 'ghost@9');
    await mends(['record-index', 'record-index', 'record-index', 'record-index']);
    expect(await stateOfRedis()).toEqual(before);
    const told = (await backend.deployments.audit({ deployment: live })).at(-1);
    expect(told).toMatchObject({ holder: 'the command line', from: '', to: '' });
    expect(told?.detail).toBe('doctor: listed it as live, no longer listed it as dead');
  });

  it('a lost record is made again from the store', async () => {
    const { redis, keys, deployments } = backend;
    await redis.del(keys.deployment(live));
    await redis.del(keys.deployment(`acme@${OLD}`));
    const { repairs } = await repair();
    expect(repairs.map(({ did }) => did).join('\n')).toContain(
      `made the record of ${live} again from the store`,
    );
    expect(await deployments.get(live)).toMatchObject({ state: 'live', database: `acme-${NEW}` });
    expect(await deployments.get(`acme@${OLD}`)).toMatchObject({ state: 'replaced' });
    expect(await repair()).toMatchObject({ code: 0, repairs: [] });
  });

  it('one live record and the mark of what is live follow the alias', async () => {
    const { redis, keys, deployments } = backend;
    await redis.hset(keys.deployment(`acme@${OLD}`), 'state', 'live');
    await redis.zrem(keys.state('replaced'), `acme@${OLD}`);
    await redis.zadd(keys.state('live'), 5, `acme@${OLD}`);
    await redis.hset(keys.customer('beta'), 'live', 17);
    const { findings, code } = await repair();
    // The stream tells the hand that did it, and goes on telling.
    expect(findings.map(({ rule }) => rule)).toEqual(['audit-chain']);
    expect(code).toBe(1);
    expect((await deployments.get(`acme@${OLD}`))?.state).toBe('replaced');
    expect(await redis.hget(keys.customer('beta'), 'live')).toBe(String(OLD));
    await redis.del(keys.audit);
    expect(await repair()).toMatchObject({ code: 0, repairs: [] });
  });

  it('room that nobody holds is given back, and that of a load under way stays', async () => {
    const { redis, keys, deployments } = backend;
    await redis.hset(keys.reservations, {
      'zeta-5': 'held',
      [databaseName({ customer: 'acme', timestamp: OLD })]: 'held',
    });
    await mends(['reservation', 'reservation']);
    expect(await redis.hget(keys.reservations, 'zeta-5')).toMatch(/^\d+$/);

    await deployments.discover({ customer: 'eta', timestamp: 5, path: '/nowhere' });
    const room = { database: 'eta-5', existing: [], max: 9, listedAt: await deployments.serverTime() };
    const fields = { database: 'eta-5' };
    await deployments.transition({ id: 'eta@5', from: ['queued'], to: 'gated', fields, room });
    await repair();
    expect(await redis.hget(keys.reservations, 'eta-5')).toBe('held');
    await deployments.transition({ id: 'eta@5', from: ['gated'], to: 'skipped' });
    await repair();
  });

  it('a customer gets one head, with a job; of two in the hands of workers none is chosen', async () => {
    const { redis, keys, deployments, wakeUps } = backend;
    for (const timestamp of [5, 6, 7])
      await deployments.discover({ customer: 'gamma', timestamp, path: '/nowhere' });
    await redis.hset(keys.deployment('gamma@5'), 'state', 'waiting');
    await redis.zrem(keys.state('discovered'), 'gamma@5');
    await redis.zadd(keys.state('waiting'), 5, 'gamma@5');
    await redis.zrem(keys.backlog('gamma'), 'gamma@5');
    await redis.hset(keys.customer('gamma'), 'head', 'gamma@4');
    await repair();
    expect(await redis.hget(keys.customer('gamma'), 'head')).toBe('gamma@7');
    const states = (await deployments.list({ customer: 'gamma' })).map(({ id, state }) => `${id} ${state}`);
    expect(states).toEqual(['gamma@7 queued', 'gamma@6 discovered', 'gamma@5 discovered']);
    expect(await wakeUps.queue.getJob('gamma@7~1')).toBeDefined();

    for (const id of ['gamma@5', 'gamma@7']) await redis.hset(keys.deployment(id), 'state', 'loading');
    const { repairs } = await repair();
    const two = repairs.find(({ rule, what }) => rule === 'head' && what.includes('at once'));
    expect(two).toMatchObject({ outcome: 'left', did: expect.stringContaining('in the hands of workers') });
    for (const id of ['gamma@5', 'gamma@6', 'gamma@7']) {
      await redis.del(keys.deployment(id));
      await wakeUps.queue.remove(`${id}~1`);
    }
    await repair();
    await redis.del(keys.audit);
    expect(await repair()).toMatchObject({ code: 0, repairs: [] });
  });

  it('a head gets its job, and a job of nothing goes; one of a newer version stays', async () => {
    const { deployments, wakeUps } = backend;
    await deployments.discover({ customer: 'delta', timestamp: 5, path: '/nowhere' });
    const payload = (deployment: string, v = 1) => ({ v, deployment, run: 1 });
    await wakeUps.queue.add('deploy-snapshot', payload('ghost@5'), { jobId: 'ghost@5~1' });
    await wakeUps.queue.add('deploy-snapshot', payload('ghost@6', 2), { jobId: 'ghost@6~1' });
    await wakeUps.queue.add('deploy-snapshot', {}, { jobId: 'nonsense' });
    const { repairs } = await repair();
    expect(repairs.map(({ outcome, did }) => `${outcome}: ${did}`).sort()).toEqual([
      'left: a newer version of Graphshift made it',
      'mended: added the job of delta@5, run 1',
      'mended: took job ghost@5~1 away',
      'mended: took job nonsense away',
    ]);
    await wakeUps.queue.remove('ghost@6~1');
    await deployments.transition({ id: 'delta@5', from: ['queued'], to: 'cancelled' });
    await mends(['job-record']);
  });

  it('a dead deployment gets its letter, and a letter of nothing goes', async () => {
    const { deployments, letters, wakeUps, keys, log } = backend;
    const error = { code: 'FILE_TRUNCATED', class: 'permanent', message: 'cut off' } as const;
    await deployments.discover({ customer: 'theta', timestamp: 5, path: '/nowhere', error });
    const blocking = await backend.connect();
    const desk = new DeadLetterDesk({
      connection: backend.redis,
      blocking,
      keys,
      deployments,
      wakeUps,
      letters,
      log,
    });
    await desk.start();
    const ghost = { v: 1, deployment: 'ghost@7', run: 1, code: 'INTERNAL', message: 'lost', action: 'none' };
    await letters.queue.add('INTERNAL', ghost, { jobId: 'ghost@7~1', attempts: 1 });
    await vi.waitFor(async () => expect(await letters.queue.getFailedCount()).toBe(1), { timeout: 60_000 });
    const { repairs } = await repair();
    expect(repairs.map(({ did }) => did).sort()).toEqual([
      'took letter ghost@7~1 away',
      'wrote the letter of theta@5',
    ]);
    await vi.waitFor(async () => expect(await letters.queue.getFailedCount()).toBe(1), { timeout: 60_000 });
    await desk.stop();
    await letters.discard('theta@5', 'the test');
    expect(await repair()).toMatchObject({ code: 0, repairs: [] });
  });

  it('an epoch thrown back comes to what the store has seen', async () => {
    const { redis, keys, store } = backend;
    await redis.hset(keys.customer('acme'), 'epoch', 1);
    await mends(['epoch-behind']);
    const epoch = Number(await redis.hget(keys.customer('acme'), 'epoch'));
    expect(epoch).toBeGreaterThan((await store.alias('acme'))?.properties.epoch ?? Number.POSITIVE_INFINITY);
  });

  it('a record of another version is left alone, and so is its place', async () => {
    const { redis, keys } = backend;
    await redis.hset(keys.deployment('iota@5'), { id: 'iota@5', state: 'asleep' });
    await redis.zadd(keys.state('live'), 5, 'iota@5');
    const { repairs, code } = await repair();
    expect(code).toBe(1);
    expect(repairs).toMatchObject([
      { rule: 'record-readable', outcome: 'left', did: 'only a person can judge it' },
    ]);
    expect(await redis.zscore(keys.state('live'), 'iota@5')).toBe('5');
    await redis.del(keys.deployment('iota@5'));
    await mends(['record-index']);
  });
});

describe('what the store and the disk have', () => {
  const entry = (name: string) => join(installation.store, 'databases', name);
  const cutover = async (customer: string) =>
    join(
      installation.store,
      'cutovers',
      customer,
      (await readlink(join(installation.store, 'aliases', customer))).split('/').at(-1) ?? '',
    );

  it('a build of nothing goes; what cannot be judged stays, and a person is told', async () => {
    await mkdir(entry('kappa-5.r1.e1.building'));
    await mkdir(entry('photographs'));
    const { repairs, findings, code } = await repair();
    expect(repairs.map(({ rule, outcome, did }) => `${rule} ${outcome}: ${did}`)).toContain(
      'half-loaded mended: dropped kappa-5.r1.e1.building',
    );
    expect(findings.map(({ rule }) => rule)).toEqual(['database-judged']);
    expect(code).toBe(1);
    expect(await readdir(join(installation.store, 'databases'))).toContain('photographs');
    await rm(entry('photographs'), { recursive: true });
    expect((await backend.deployments.audit({})).map(({ detail }) => detail)).toContain(
      'doctor: dropped kappa-5.r1.e1.building',
    );
  });

  it('a snapshot without a record gets one when it is whole', async () => {
    await writeSnapshot(installation.data, smallContent('lambda', OLD));
    await mkdir(join(installation.data, 'lambda', '1700000050', 'nodes'), { recursive: true });
    const { repairs } = await repair();
    expect(repairs.map(({ outcome, did }) => `${outcome}: ${did}`).sort()).toEqual([
      expect.stringMatching(/^left: .*nodes/),
      `mended: recorded lambda@${OLD}`,
    ]);
    expect(await backend.deployments.get(`lambda@${OLD}`)).toMatchObject({ state: 'queued' });
    await rm(join(installation.data, 'lambda'), { recursive: true });
    await run('deployments', 'cancel', `lambda@${OLD}`);
    await repair();
  });

  it("an alias that leads to another customer's database goes where its properties say", async () => {
    const link = join(await cutover('beta'), 'database');
    await unlink(link);
    await symlink(`../../../databases/acme-${NEW}`, link);
    const { repairs } = await mends(['alias-properties', 'alias-target', 'live-record']);
    expect(repairs[0]?.did).toContain(`moved it from acme-${NEW}, which is wrong, to beta-${OLD}`);
    expect((await backend.store.alias('beta'))?.database).toBe(`beta-${OLD}`);
  });

  it('properties that lie are written again; the pin stays', async () => {
    await run('pin', 'beta', '--reason', 'audit');
    const file = join(await cutover('beta'), 'properties.json');
    const properties = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...properties, contentHash: 'lie', since: 'yesterday' }));
    await mends(['alias-properties', 'alias-properties']);
    const alias = await backend.store.alias('beta');
    expect(alias?.properties).toMatchObject({ pin: { reason: 'audit' }, snapshot: OLD });
    expect(alias?.properties.contentHash).toBe((await backend.store.certificate(`beta-${OLD}`))?.contentHash);
  });

  it('a pinned alias is left to a person', async () => {
    await run('pin', 'beta', '--reason', 'audit');
    await rm(entry(`beta-${OLD}`), { recursive: true });
    const [pinned] = (await repair()).repairs;
    expect(pinned).toMatchObject({
      outcome: 'left',
      action: expect.stringContaining('graphshift rollback beta'),
    });
    expect((await backend.store.alias('beta'))?.database).toBe(`beta-${OLD}`);
  });

  it('an alias whose database is gone goes back, once, though two repair at once and workers run', async () => {
    await rm(entry(`acme-${NEW}`), { recursive: true });
    const up = startProgram(MAIN, ['up'], { ...installation.environment, GRAPHSHIFT_DASHBOARD_PORT: '0' });
    await up.line(/worker|ready|running/i);
    const both = await Promise.all([repair(), repair()]);
    const told = both.flatMap(({ repairs }) => repairs).filter(({ rule }) => rule === 'alias-target');
    expect(
      told.some(
        ({ outcome, did }) => outcome === 'mended' && did.includes(`rolled acme back to acme-${OLD}`),
      ),
    ).toBe(true);
    expect((await backend.store.alias('acme'))?.properties).toMatchObject({
      snapshot: OLD,
      holds: [{ timestamp: NEW }],
    });
    const back = (await backend.deployments.audit({ deployment: live })).filter(({ detail }) =>
      detail.startsWith('rollback to'),
    );
    expect(back).toHaveLength(1);

    // What went is loaded again when a person asks, by the workers that ran all the while.
    expect((await run('deployments', 'retry', live)).code).toBe(0);
    await vi.waitFor(async () => expect((await backend.store.alias('acme'))?.database).toBe(`acme-${NEW}`), {
      timeout: 90_000,
    });
    await up.end();
  }, 180_000);
});
