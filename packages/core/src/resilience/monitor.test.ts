import { startRedis, type TestRedis, uniquePrefix } from '@graphshift/testkit';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../platform/clock.ts';
import { silentLogger } from '../platform/log.ts';
import { connectRedis } from '../queue/connection.ts';
import { DeploymentStore } from '../queue/deployment-store.ts';
import { type Beat, Instances } from '../queue/instances.ts';
import { type Keys, makeKeys } from '../queue/keys.ts';
import { RecoveryLog, type RecoveryReport } from '../queue/recovery-log.ts';
import { Monitor } from './monitor.ts';
import { Recovery } from './recovery/recovery.ts';

const TIMES = { warningMs: 120_000, timeoutMs: 300_000, emergencyMs: 600_000 };

let server: TestRedis;
let redis: Redis;
let keys: Keys;
let instances: Instances;
let deployments: DeploymentStore;
let recoveries: RecoveryLog;
/** The monitors' clock, moved by the test. */
let now: number;
const clock: Clock = { ...systemClock, now: () => now };

beforeAll(async () => {
  server = await startRedis();
  redis = await connectRedis({ url: server.url });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => {
  now = 1_000_000;
  keys = makeKeys(uniquePrefix().replace(/[{}]/g, ''));
  instances = new Instances(redis, keys, TIMES);
  deployments = new DeploymentStore(redis, keys, clock);
  recoveries = new RecoveryLog(redis, keys);
});

function beat(id: string): Promise<unknown> {
  const facts = { host: 'here', pid: 1, version: '0', state: 'running', busyMs: 0, uptimeMs: 1000 } as const;
  const worker: Beat = { id, kind: 'worker', capacity: 1, active: 0, ...facts };
  return instances.beat(worker);
}

/** As if the instance had beaten last so many seconds ago. */
async function silence(id: string, seconds: number): Promise<void> {
  const [current] = await redis.time();
  await redis.zadd(keys.instances, Number(current) * 1000 - seconds * 1000, id);
}

/** A recovery whose steps find nothing: what is tested is when it is begun. */
function makeRecovery(): Recovery {
  const nothing = { epochFloor: async () => 0 } as never;
  return new Recovery({
    store: nothing,
    wakeUps: nothing,
    deployments,
    instances,
    recoveries,
    log: silentLogger,
    clock,
    examine: async () => [],
    freeLeases: async () => [],
    attempts: 1,
    delayMs: 0,
    exponential: true,
  });
}

const monitor = (self: string, emergencies = true) =>
  new Monitor({
    self,
    instances,
    deployments,
    recovery: makeRecovery(),
    recoveries,
    times: TIMES,
    everyMs: 30_000,
    emergencies,
    clock,
    log: silentLogger,
  });

/** Looks, with the time between two looks gone by. */
async function look(...monitors: Monitor[]): Promise<void> {
  now += 30_000;
  await Promise.all(monitors.map((one) => one.pass()));
}

async function steady(self: string, emergencies = true): Promise<Monitor> {
  await beat(self);
  const one = monitor(self, emergencies);
  await look(one);
  return one;
}

const begun = async () =>
  (await recoveries.reports()).map(({ instance, kind, by }) => `${kind} of ${instance} by ${by}`);
const told = async (id: string) => (await deployments.audit({ deployment: id })).map(({ detail }) => detail);

describe('the monitor', () => {
  it('goes from a warning over a recovery to the whole procedure, each once, whoever looks', async () => {
    const [one, two] = [await steady('one'), await steady('two')];
    await beat('late');
    await look(one, two);
    expect(await told('late')).toEqual([]);

    await silence('late', 119);
    await look(one, two);
    expect(await told('late')).toEqual([]);
    await silence('late', 125);
    await look(one, two);
    await look(one, two);
    expect((await told('late')).map((line) => line.replace(/\d+ s/, 'n s'))).toEqual([
      'warning: silent for n s',
    ]);
    expect(await begun()).toEqual([]);

    await silence('late', 305);
    for (let looks = 0; looks < 3; looks++) await look(one, two);
    expect(await begun()).toEqual([expect.stringMatching(/^recovery of late by (one|two)$/)]);
    expect(await instances.find('late')).toMatchObject({ condition: 'failed', epoch: 2 });

    await silence('late', 605);
    for (let looks = 0; looks < 3; looks++) await look(one, two);
    expect(await begun()).toEqual([
      expect.stringMatching(/^emergency of late/),
      expect.stringMatching(/^recovery of late/),
    ]);
    expect((await instances.find('late'))?.condition).toBe('recovered');
    expect((await told('late')).filter((line) => line.startsWith('emergency: silent'))).toHaveLength(1);
  });

  it('takes a warning back when the instance beats again', async () => {
    const one = await steady('one');
    await beat('late');
    await silence('late', 200);
    await look(one);
    expect((await instances.find('late'))?.mark).toBe('warning');
    await beat('late');
    await look(one);
    const back = await instances.find('late');
    expect(back).toMatchObject({ condition: 'alive', epoch: 1 });
    expect(back?.mark).toBeUndefined();
    expect(await begun()).toEqual([]);
  });

  it('begins no emergency recovery where that is off, but tells, and takes what the instance holds', async () => {
    const one = await steady('one', false);
    await beat('late');
    await silence('late', 700);
    for (let looks = 0; looks < 3; looks++) await look(one);
    expect(await begun()).toEqual(['recovery of late by one']);
    expect((await instances.find('late'))?.condition).toBe('emergency');
    expect((await told('late')).filter((line) => line.startsWith('emergency: silent'))).toHaveLength(1);
  });

  it('judges nobody before its second look, after a sleep, while its own beats do not arrive, or without Redis', async () => {
    await beat('late');
    await silence('late', 400);
    await beat('one');
    const one = monitor('one');
    await look(one);
    expect(await begun(), 'at its first look').toEqual([]);
    now += 600_000;
    await look(one);
    expect(await begun(), 'after a sleep').toEqual([]);
    await silence('one', 200);
    await look(one);
    await look(one);
    expect(await begun(), 'while it is not heard itself').toEqual([]);
    await beat('one');
    await look(one);
    expect(await begun(), 'just heard again').toEqual([]);
    await look(one);
    expect(await begun()).toEqual(['recovery of late by one']);
  });

  it('tries one that could not be recovered again, but not at once', async () => {
    const one = await steady('one');
    await beat('late');
    await silence('late', 700);
    const report: RecoveryReport = {
      instance: 'late',
      kind: 'emergency',
      by: 'two',
      reason: 'silent',
      startedAt: now,
      durationMs: 1,
      outcome: 'failed',
      deployments: [],
      steps: [],
    };
    await recoveries.keep(report, { instance: 'late', since: now, step: 'release', reason: 'no' });
    await look(one);
    expect(await begun()).toHaveLength(1);
    while (now - report.startedAt < 300_000) await look(one);
    await look(one);
    expect(await begun()).toEqual(['emergency of late by one', 'emergency of late by two']);
    expect(await recoveries.emergencies()).toEqual([]);
  });

  it('can be started and stopped as often as one likes', async () => {
    const one = monitor('one');
    await one.start();
    await one.start();
    await one.stop();
    await one.stop();
    await one.start();
    await one.stop();
    expect(await begun()).toEqual([]);
  });
});

describe('what is kept of recoveries', () => {
  it('is bounded, and says attempts, successes and times by instance', async () => {
    const report = { kind: 'recovery' as const, by: 'one', reason: '', deployments: [], steps: [] };
    for (let index = 0; index < 510; index++) {
      const outcome = index % 4 === 0 ? 'failed' : 'recovered';
      await recoveries.keep({
        ...report,
        instance: `i${index % 2}`,
        startedAt: index,
        durationMs: index,
        outcome,
      });
    }
    expect(await recoveries.reports()).toHaveLength(500);
    expect(await redis.llen(keys.recoveries)).toBe(500);
    expect(await recoveries.counts()).toEqual({ recovered: 382, failed: 128 });
    const { i0, i1 } = await recoveries.statistics();
    expect(i1).toMatchObject({
      attempts: 250,
      successes: 250,
      successRate: 100,
      lastMs: 509,
      maxMs: 509,
      lastAt: 509,
    });
    expect(i0).toMatchObject({ attempts: 250, successes: 125, successRate: 50, meanMs: 259 });
    await redis.lpush(keys.recoveries, 'damaged');
    expect(await recoveries.reports({ limit: 2 })).toHaveLength(1);
  });
});
