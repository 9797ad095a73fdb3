import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, type TestRedis, uniquePrefix } from '@graphshift/testkit';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { State } from '../deployment/states.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { GraphshiftError } from '../platform/errors.ts';
import { silentLogger } from '../platform/log.ts';
import { BusyMeter } from '../queue/busy-meter.ts';
import { connectRedis } from '../queue/connection.ts';
import { DeploymentStore } from '../queue/deployment-store.ts';
import { type InstanceKind, Instances } from '../queue/instances.ts';
import { type Keys, makeKeys } from '../queue/keys.ts';
import { Lease } from '../queue/lease.ts';
import { RecoveryLog } from '../queue/recovery-log.ts';
import { Statistics } from '../queue/statistics.ts';
import { readLiveStatus } from './live-status.ts';
import { Presence } from './presence.ts';
import { makeStatus, type Status, type StatusWord } from './status.ts';
import { StatusFile } from './status-file.ts';

let server: TestRedis;
let redis: Redis;
let keys: Keys;
let deployments: DeploymentStore;
let statistics: Statistics;
let instances: Instances;
let directory: string;
let path: string;

beforeAll(async () => {
  server = await startRedis();
  redis = await connectRedis({ url: server.url });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  keys = makeKeys(uniquePrefix().replace(/[{}]/g, ''));
  deployments = new DeploymentStore(redis, keys, systemClock);
  statistics = new Statistics(redis, keys);
  instances = new Instances(redis, keys);
  directory = await mkdtemp(join(tmpdir(), 'graphshift-status-'));
  path = join(directory, 'orchestrator_status.json');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Leads a deployment along the given states. */
async function deploy(customer: string, timestamp: number, ...states: State[]): Promise<void> {
  const id = `${customer}@${timestamp}`;
  await deployments.discover({ customer, timestamp, path: '/data' });
  const claim = await deployments.claim(id, 1, 'worker', 0);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  let from: State = 'queued';
  for (const to of states) {
    const { epoch } = claim.record;
    const result = await deployments.transition({ id, from: [from], to, run: 1, epoch });
    if (result.kind !== 'ok') throw new Error(result.kind);
    from = to;
  }
}

async function kill(customer: string): Promise<void> {
  const error = new GraphshiftError('FILE_TRUNCATED', 'nodes/A/1.parquet is cut off').toRecord();
  await deployments.discover({ customer, timestamp: 100, path: '/data', error });
}

function read(status: StatusWord = 'running', roots = ['data']): Promise<Status> {
  const speaker = { uptimeMs: 61_900, interval: 30, roots, status };
  return readWith({ speaker });
}

async function readWith(some: Partial<Parameters<typeof makeStatus>[0]>): Promise<Status> {
  return makeStatus({
    statistics: await statistics.read(),
    instances: await instances.list(),
    speaker: { uptimeMs: 0, interval: 30, roots: ['data'], status: 'running' },
    now: systemClock.now(),
    ...some,
  });
}

function presence(
  id: string,
  kind: InstanceKind,
  capacity: number,
  { meter = new BusyMeter(systemClock), everyMs = 10_000 } = {},
) {
  const scan = kind === 'producer' ? { scan: { interval: 30, roots: ['data'] } } : {};
  const options = { id, kind, capacity, meter, everyMs, instances, clock: systemClock, log: silentLogger };
  return new Presence({ ...options, ...scan });
}

describe('the status', () => {
  it('tells of a gate that is closed, until that is long ago', async () => {
    const now = systemClock.now();
    const tell = (at: number, open: boolean) =>
      redis.set(keys.gate, JSON.stringify({ at, open, reason: open ? null : 'the store is away' }));
    const recoveries = new RecoveryLog(redis, keys);
    const problems = async () =>
      (await readLiveStatus({ statistics, instances, recoveries, interval: 30, roots: [], now })).problems;
    await tell(now, false);
    expect(await problems()).toContain('the gate is closed: the store is away');
    await tell(now, true);
    expect((await problems()).join()).not.toContain('gate');
    await tell(now - 600_000, false);
    expect((await problems()).join()).not.toContain('gate');
  });

  it('before anything has happened has every documented name', async () => {
    expect(await read()).toMatchObject({
      uptime_seconds: 61,
      tasks_discovered: 0,
      tasks_completed: 0,
      tasks_failed: 0,
      tasks_retried: 0,
      success_rate: 100,
      queue_size: 0,
      workers: 0,
      scan_interval: 30,
      data_path: 'data',
      last_activity: null,
      status: 'running',
      processing_seconds: null,
      workers_busy: [],
    });
    expect((await read('running', ['a', 'b'])).data_path).toEqual(['a', 'b']);
  });

  it('counts what came live, what died and what was tried again; a rollback is no completion', async () => {
    await deploy('one', 100, 'switching', 'live');
    await deploy('one', 200, 'retrying', 'switching', 'live');
    await kill('broken');
    const again = { id: 'one@100', from: ['replaced' as const], to: 'live' as const };
    expect(await deployments.transition(again)).toMatchObject({ kind: 'ok' });
    expect(await read()).toMatchObject({
      tasks_discovered: 3,
      tasks_completed: 2,
      tasks_failed: 1,
      tasks_retried: 1,
      success_rate: 200 / 3,
      queue_size: 0,
      dead_letters: 1,
      processing_seconds: { count: 2 },
    });
  });

  it('has every deployment that waits in its queue, every backlog included, and none that runs', async () => {
    for (const timestamp of [100, 200, 300])
      await deployments.discover({ customer: 'one', timestamp, path: '/data' });
    await deploy('two', 100, 'waiting');
    await deploy('three', 100, 'retrying');
    await deploy('four', 100, 'gated', 'loading');
    await deploy('five', 100, 'switching', 'live');
    expect((await deployments.counts()).discovered).toBe(2);
    expect((await read()).queue_size).toBe(5);
  });

  it('says when the last transition was', async () => {
    await deploy('one', 100, 'switching', 'live');
    const record = await deployments.get('one@100');
    expect((await read()).last_activity).toBe(new Date(record?.changedAt ?? 0).toISOString());
  });

  it('is the same after Redis has been killed and has come back', async () => {
    await deploy('one', 100, 'switching', 'live');
    await kill('broken');
    const before = await read();
    await server.kill();
    await server.restart();
    expect({ ...(await read()), updated_at: '' }).toEqual({ ...before, updated_at: '' });
  });

  it('has the loads that living workers can run, and how busy they have been', async () => {
    let now = 1_000_000;
    const meter = new BusyMeter({ ...systemClock, now: () => now });
    meter.begin('a');
    now += 4000;
    meter.end('a');
    meter.begin('b');
    now += 1000;
    const running = [
      presence('w1', 'worker', 2, { meter }),
      presence('w2', 'up', 3),
      presence('p', 'producer', 0),
    ];
    for (const one of running) await one.start();
    expect(await read()).toMatchObject({
      workers: 5,
      workers_busy: [
        { instance: 'w2', capacity: 3, active: 0, busy_share: 0 },
        { instance: 'w1', capacity: 2, active: 1, busy_share: 0.5 },
      ],
    });
    expect(await readWith({ maxLoads: 4 })).toMatchObject({ workers: 4 });
    // One that stops takes nothing new; one that has stopped, or is silent, is no worker.
    await running[0]?.quiesce();
    expect((await read()).workers).toBe(3);
    const [seconds] = await redis.time();
    await redis.zadd(keys.instances, Number(seconds) * 1000 - 31_000, 'w2');
    expect(await read()).toMatchObject({ workers: 0, workers_busy: [{ instance: 'w1' }] });
    for (const one of running) await one.stop();
    expect(await instances.list()).toEqual([]);
  });

  it('tells within a second that a worker has begun, and beats again after an emptied Redis', async () => {
    const meter = new BusyMeter(systemClock);
    // Whose next beat is an hour away: what is told is told by the look that comes each second.
    const worker = presence('w1', 'worker', 1, { meter, everyMs: 3_600_000 });
    await worker.start();
    try {
      await redis.del(keys.instances, keys.instance('w1'));
      meter.begin('a');
      await vi.waitFor(
        async () => expect(await instances.list()).toMatchObject([{ id: 'w1', active: 1 }]),
        60_000,
      );
    } finally {
      await worker.stop();
    }
  });
});

describe('the live status', () => {
  const live = () =>
    readLiveStatus({
      statistics,
      instances,
      recoveries: new RecoveryLog(redis, keys),
      interval: 5,
      roots: ['mine'],
      now: systemClock.now(),
    });

  it('names what is wrong: nothing runs, who fell silent, and dead letters', async () => {
    await kill('broken');
    const nothing = await live();
    expect(nothing).toMatchObject({ status: 'stopped', uptime_seconds: 0, data_path: 'mine' });
    expect(nothing.problems).toEqual([
      'no producer runs',
      'no worker runs',
      '1 dead letter: graphshift dead ls',
    ]);

    const [producer, worker] = [presence('p', 'producer', 0), presence('w', 'worker', 1)];
    await producer.start();
    await worker.start();
    expect(await live()).toMatchObject({
      status: 'running',
      data_path: 'data',
      scan_interval: 30,
      problems: ['1 dead letter: graphshift dead ls'],
    });
    const [seconds] = await redis.time();
    await redis.zadd(keys.instances, Number(seconds) * 1000 - 40_000, 'w');
    expect((await live()).problems[0]).toMatch(/^no worker runs; w has been silent for 4\d s$/);
    await producer.quiesce();
    expect(await live()).toMatchObject({ status: 'stopping' });
    await producer.stop();
    await worker.stop();
  });
});

/** A producer's status file whose looks the test calls for, with a lease that does not last long. */
function writer(name: string, ttlMs = 60_000) {
  const looks: (() => Promise<void> | void)[] = [];
  let now = systemClock.now();
  const clock: Clock = {
    ...systemClock,
    now: () => now,
    every: (_ms, look) => {
      looks.push(look);
      return () => void looks.splice(0);
    },
  };
  const lease = new Lease({ redis, key: keys.statusWriter, holder: name, ttlMs });
  const file = new StatusFile({ path, instance: name, lease, read, clock, log: silentLogger });
  return {
    file,
    /** The next look, so much later. */
    look: async (ms = 5000) => {
      now += ms;
      for (const look of looks) await look();
    },
  };
}

async function content(): Promise<Status & { instance: string; pid: number }> {
  return JSON.parse(await readFile(path, 'utf8'));
}

describe('the status file', () => {
  it('says running, stopping and stopped, and is kept up to date', async () => {
    const { file, look } = writer('one');
    await file.start();
    expect(await content()).toMatchObject({ status: 'running', instance: 'one', pid: process.pid });
    await kill('broken');
    await look(2500);
    expect(await content()).toMatchObject({ tasks_failed: 0 });
    await look(2500);
    expect(await content()).toMatchObject({ tasks_failed: 1, success_rate: 0 });
    await file.quiesce();
    expect(await content()).toMatchObject({ status: 'stopping' });
    await look();
    expect(await content()).toMatchObject({ status: 'stopping' });
    await file.stop();
    await file.stop();
    expect(await content()).toMatchObject({ status: 'stopped' });
    expect(await redis.exists(keys.statusWriter)).toBe(0);
  });

  it('is written by one producer; another takes over when that one stops, or falls silent', async () => {
    const [one, two, three] = [writer('one', 60_000), writer('two', 100), writer('three')];
    for (const { file } of [one, two, three]) await file.start();
    await two.look();
    expect(await content()).toMatchObject({ instance: 'one' });
    // One that only stood by says nothing of its end.
    await three.file.stop();
    expect(await content()).toMatchObject({ instance: 'one', status: 'running' });
    await one.file.stop();
    expect(await content()).toMatchObject({ instance: 'one', status: 'stopped' });
    await two.look();
    expect(await content()).toMatchObject({ instance: 'two', status: 'running' });
    const heir = writer('heir');
    await heir.file.start();
    await vi.waitFor(async () => {
      await heir.look();
      expect(await content()).toMatchObject({ instance: 'heir' });
    }, 60_000);
    await two.look();
    expect(await content()).toMatchObject({ instance: 'heir' });
    await heir.file.stop();
    await two.file.stop();
  });

  it('is whole whenever it is read, and leaves nothing beside it', async () => {
    const { file, look } = writer('one');
    await file.start();
    let writing = true;
    let reads = 0;
    const writes = (async () => {
      for (let count = 0; count < 60 || reads <= 10; count++) await look();
      writing = false;
    })();
    for (; writing; reads++) expect(await content()).toMatchObject({ status: 'running' });
    await writes;
    expect(reads).toBeGreaterThan(10);
    await file.stop();
    expect(await readdir(directory)).toEqual(['orchestrator_status.json']);
  });

  it('in a place where nothing can be written is refused at the start, by its key', async () => {
    await writeFile(join(directory, 'file'), '');
    path = join(directory, 'file', 'status.json');
    await expect(writer('one').file.start()).rejects.toThrow(/orchestrator\.status_file is .*status\.json/);
  });
});
