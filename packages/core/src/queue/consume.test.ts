import { startRedis, type TestRedis, uniquePrefix } from '@graphshift/testkit';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../deployment/outcome.ts';
import type { DeploymentRecord } from '../deployment/record.ts';
import { systemClock } from '../platform/clock.ts';
import { GraphshiftError } from '../platform/errors.ts';
import { silentLogger } from '../platform/log.ts';
import { ServiceStack } from '../platform/service.ts';
import { DEAD_LETTER_QUEUE, DEPLOY_QUEUE } from './catalogue.ts';
import { connectRedis } from './connection.ts';
import { DeploymentConsumer, type Pickup } from './consume.ts';
import { DeadLetterDesk, DeadLetters } from './dead-letters.ts';
import { DeploymentStore } from './deployment-store.ts';
import { type Keys, makeKeys } from './keys.ts';
import { WakeUps } from './wake-ups.ts';

let server: TestRedis;
let redis: Redis;
let blocking: Redis;
let keys: Keys;
let deployments: DeploymentStore;
let wakeUps: WakeUps;
let letters: DeadLetters;
let stack: ServiceStack;
const log = silentLogger;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

beforeEach(async () => {
  redis = await connectRedis({ url: server.url });
  blocking = await connectRedis({ url: server.url, blocking: true });
  keys = makeKeys(uniquePrefix().replace(/[{}]/g, ''));
  deployments = new DeploymentStore(redis, keys, systemClock);
  wakeUps = new WakeUps({ connection: redis, keys, maxRetries: 3, clock: systemClock, log });
  letters = new DeadLetters({ connection: redis, keys, deployments, wakeUps, log });
  stack = new ServiceStack([wakeUps, letters]);
  await stack.start();
});

afterEach(async () => {
  await stack.stop();
  redis.disconnect();
  blocking.disconnect();
});

async function discovered(timestamp = 100): Promise<DeploymentRecord> {
  const snapshot = { customer: 'acme', timestamp, path: `/data/acme/${timestamp}` };
  const { head } = await deployments.discover(snapshot);
  await wakeUps.ensureHead(deployments, head);
  const record = await deployments.get(`acme@${timestamp}`);
  if (!record) throw new Error('not recorded');
  return record;
}

/** Runs a consumer until the test ends. */
async function consume(handle: (pickup: Pickup) => Promise<Outcome>): Promise<DeploymentConsumer> {
  const consumer = new DeploymentConsumer({
    blocking,
    keys,
    concurrency: 2,
    clock: systemClock,
    log,
    times: { lockMs: 2000, stalledCheckMs: 500 },
    handle,
  });
  await consumer.start();
  const before = stack;
  stack = new ServiceStack([{ start: async () => {}, stop: () => before.stop() }, consumer]);
  await stack.start();
  return consumer;
}

const jobCounts = (name: string) =>
  new Queue(name, { connection: redis, prefix: keys.prefix }).getJobCounts();

describe('wake-ups', () => {
  it('gives a run one job, however often it is asked', async () => {
    const record = await discovered();
    await Promise.all(Array.from({ length: 10 }, () => wakeUps.ensure(record)));
    expect(await jobCounts(DEPLOY_QUEUE)).toMatchObject({ waiting: 1, completed: 0 });
  });

  it('wakes a head up again whose job had ended while it was not the head', async () => {
    const record = await discovered();
    const pickups: string[] = [];
    await consume(async ({ payload }) => {
      pickups.push(payload.deployment);
      return { kind: 'done', note: 'not the head' };
    });
    await vi.waitFor(
      async () => expect(await jobCounts(DEPLOY_QUEUE)).toMatchObject({ completed: 1 }),
      60_000,
    );
    await wakeUps.ensure(record);
    await vi.waitFor(() => expect(pickups).toEqual(['acme@100', 'acme@100']), 60_000);
  });
});

describe('outcomes', () => {
  it('hold and retry bring the job back, and only retry uses a BullMQ attempt', async () => {
    await discovered();
    const outcomes: Outcome[] = [
      { kind: 'hold', delayMs: 10, reason: 'gate' },
      { kind: 'hold', delayMs: 10, reason: 'gate' },
      { kind: 'retry', delayMs: 10, error: new Error('flaky') },
      { kind: 'done', note: 'live' },
    ];
    await consume(async () => outcomes.shift() ?? { kind: 'done', note: 'too many' });
    await vi.waitFor(
      async () => expect(await jobCounts(DEPLOY_QUEUE)).toMatchObject({ completed: 1 }),
      60_000,
    );
    const job = await wakeUps.queue.getJob('acme@100~1');
    expect(job?.attemptsMade).toBe(2);
    expect(job?.returnvalue).toEqual({ note: 'live' });
    expect(job?.stacktrace?.join('')).toContain('flaky');
  });

  it('dead leaves no failed job behind whose Retry would do nothing', async () => {
    await discovered();
    await consume(async () => ({ kind: 'dead', error: new Error('never') }));
    await vi.waitFor(async () => {
      expect(await jobCounts(DEPLOY_QUEUE)).toMatchObject({ waiting: 0, active: 0, failed: 0, completed: 0 });
    }, 60_000);
  });

  it('a consumer that is held takes nothing, says so, and goes on where it was left', async () => {
    const pickups: string[] = [];
    const consumer = await consume(async ({ payload }) => {
      pickups.push(payload.deployment);
      return { kind: 'done', note: '' };
    });
    await consumer.hold('short of memory');
    expect(consumer.takes).toBe(false);
    await discovered();
    await vi.waitFor(async () => {
      const { waiting = 0, delayed = 0 } = await jobCounts(DEPLOY_QUEUE);
      expect(waiting + delayed).toBe(1);
    }, 60_000);
    // Another consumer's worth of time: one that is not held takes it at once.
    await wakeUps.ready(0);
    expect(pickups).toEqual([]);
    await consumer.release();
    expect(consumer.takes).toBe(true);
    await vi.waitFor(() => expect(pickups).toEqual(['acme@100']), 60_000);
    expect(consumer.fetched).toBeGreaterThan(0);
  });

  it('a consumer that is restarted lets what it has in hand end, and fetches over the new connection', async () => {
    const ends: (() => void)[] = [];
    const consumer = await consume(
      () =>
        new Promise((resolve) => {
          ends.push(() => resolve({ kind: 'done', note: 'live' }));
        }),
    );
    await discovered();
    await vi.waitFor(() => expect(ends).toHaveLength(1), 60_000);
    await consumer.restart(await connectRedis({ url: server.url, blocking: true }));
    await deployments.discover({ customer: 'beta', timestamp: 100, path: '/data/beta/100' });
    await wakeUps.ensureHead(deployments, 'beta@100');
    await vi.waitFor(() => expect(ends).toHaveLength(2), 60_000);
    for (const end of ends) end();
    await vi.waitFor(
      async () => expect(await jobCounts(DEPLOY_QUEUE)).toMatchObject({ completed: 2, active: 0 }),
      60_000,
    );
  });

  it('a job that comes again from an emptied Redis keeps its lock when the first try, which has lost it, ends', async () => {
    const tries: { signal: AbortSignal; end: () => void }[] = [];
    await consume(
      ({ signal }) =>
        new Promise((resolve) => {
          tries.push({ signal, end: () => resolve({ kind: 'done', note: 'ended' }) });
        }),
    );
    await discovered();
    await vi.waitFor(() => expect(tries).toHaveLength(1), 20_000);
    await server.flush();
    await discovered();
    await vi.waitFor(() => expect(tries).toHaveLength(2), 20_000);
    const [first, second] = tries;
    await vi.waitFor(() => expect(first?.signal.reason).toMatchObject({ code: 'FENCED' }), 20_000);
    first?.end();
    const endedAt = systemClock.now();
    // For longer than a lock lives and orphans are left alone.
    await vi.waitFor(() => expect(systemClock.now() - endedAt).toBeGreaterThan(4000), 20_000);
    expect(tries).toHaveLength(2);
    expect(second?.signal.aborted).toBe(false);
    second?.end();
    await vi.waitFor(
      async () => expect(await jobCounts(DEPLOY_QUEUE)).toMatchObject({ completed: 1, active: 0 }),
      20_000,
    );
  });

  it('a newer payload waits for a newer worker and is not touched', async () => {
    let handled = 0;
    await consume(async () => {
      handled++;
      return { kind: 'done', note: '' };
    });
    await wakeUps.queue.add('deploy-snapshot', { v: 2, whatever: true }, { jobId: 'newer~1' });
    await vi.waitFor(async () => expect(await jobCounts(DEPLOY_QUEUE)).toMatchObject({ delayed: 1 }), 60_000);
    expect(handled).toBe(0);
  });

  it('a stopping worker aborts what it has in hand, with the reason, and gives it back', async () => {
    await discovered();
    let reason: unknown;
    let begun: (() => void) | undefined;
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const consumer = await consume(
      ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            resolve({ kind: 'hold', delayMs: 60_000, reason: 'stopping' });
          });
          begun?.();
        }),
    );
    await running;
    await consumer.stop();
    expect(reason).toMatchObject({ code: 'ABORTED' });
    expect(await jobCounts(DEPLOY_QUEUE)).toMatchObject({ active: 0, delayed: 1 });
  });
});

describe('dead letters', () => {
  async function dead(): Promise<DeploymentRecord> {
    const record = await discovered();
    const claim = await deployments.claim(record.id, 1, 'worker', 0);
    if (claim.kind !== 'claimed') throw new Error(claim.kind);
    const error = new GraphshiftError('NODE_ID_DUPLICATE', 'id 7 twice').toRecord();
    const held = { id: record.id, run: claim.record.run, epoch: claim.record.epoch };
    await deployments.transition({ ...held, from: ['queued'], to: 'dead', fields: { error, attempts: 4 } });
    const after = await deployments.get(record.id);
    if (!after) throw new Error('gone');
    await letters.ensure(after);
    return after;
  }

  async function openDesk(): Promise<void> {
    const desk = new DeadLetterDesk({
      connection: redis,
      blocking,
      keys,
      deployments,
      wakeUps,
      letters,
      log,
    });
    const before = stack;
    stack = new ServiceStack([{ start: async () => {}, stop: () => before.stop() }, desk]);
    await stack.start();
  }

  it('arrive in the failed set with the original message and stack', async () => {
    const record = await dead();
    await openDesk();
    await vi.waitFor(
      async () => expect(await jobCounts(DEAD_LETTER_QUEUE)).toMatchObject({ failed: 1 }),
      60_000,
    );
    const letter = await letters.queue.getJob('acme@100~1');
    expect(letter?.failedReason).toBe('id 7 twice');
    expect(letter?.stacktrace?.[0]).toBe(record.error?.stack);
  });

  it("start over by the job's own retry, with a new run and fresh attempts", async () => {
    await dead();
    await openDesk();
    await vi.waitFor(
      async () => expect(await jobCounts(DEAD_LETTER_QUEUE)).toMatchObject({ failed: 1 }),
      60_000,
    );
    await (await letters.queue.getJob('acme@100~1'))?.retry();
    await vi.waitFor(async () => {
      expect(await deployments.get('acme@100')).toMatchObject({ state: 'queued', run: 2, attempts: 0 });
    }, 60_000);
    await vi.waitFor(async () => expect(await wakeUps.queue.getJob('acme@100~2')).toBeDefined(), 60_000);
  });

  it('of a run that died again stand beside a redrive that is still under way', async () => {
    await dead();
    await openDesk();
    await vi.waitFor(
      async () => expect(await jobCounts(DEAD_LETTER_QUEUE)).toMatchObject({ failed: 1 }),
      60_000,
    );
    await letters.redrive('acme@100', 'test');
    const claim = await deployments.claim('acme@100', 2, 'worker', 0);
    if (claim.kind !== 'claimed') throw new Error(claim.kind);
    const held = { id: 'acme@100', run: 2, epoch: claim.record.epoch };
    await deployments.transition({ ...held, from: ['queued'], to: 'dead' });
    const record = await deployments.get('acme@100');
    if (record) await letters.ensure(record);
    await vi.waitFor(async () => {
      const failed = await letters.queue.getFailed();
      expect(failed.map(({ id }) => id)).toEqual(['acme@100~2']);
    }, 60_000);
  });

  it('can be discarded, and are then no longer letters', async () => {
    await dead();
    await letters.discard('acme@100', 'test');
    expect(await deployments.get('acme@100')).toMatchObject({
      state: 'cancelled',
      reason: 'discarded by test',
    });
    await expect(letters.discard('acme@100', 'test')).rejects.toThrow(
      'only dead, quarantined can be discarded',
    );
  });
});
