import { startRedis, type TestRedis, uniquePrefix } from '@graphshift/testkit';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../deployment/outcome.ts';
import type { State } from '../deployment/states.ts';
import { systemClock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';
import { silentLogger } from '../platform/log.ts';
import { connectRedis } from './connection.ts';
import { DeploymentConsumer, type Pickup } from './consume.ts';
import { DeploymentStore } from './deployment-store.ts';
import { makeKeys } from './keys.ts';
import { WakeUps } from './wake-ups.ts';

let server: TestRedis;
let redis: Redis;
let blocking: Redis;
let deployments: DeploymentStore;
let wakeUps: WakeUps;
let consumer: DeploymentConsumer;
let hurry: AbortController;
let lines: string[];
/** Deployments in the handler's hands, by id: ended by the test, or given back by the consumer. */
let hands: Map<string, { pickup: Pickup; end: () => void }>;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

beforeEach(async () => {
  redis = await connectRedis({ url: server.url });
  const keys = makeKeys(uniquePrefix().replace(/[{}]/g, ''));
  deployments = new DeploymentStore(redis, keys, systemClock);
  wakeUps = new WakeUps({ connection: redis, keys, maxRetries: 3, clock: systemClock, log: silentLogger });
  await wakeUps.start();
  blocking = await connectRedis({ url: server.url, blocking: true });
  hands = new Map();
  hurry = new AbortController();
  lines = [];
  consumer = new DeploymentConsumer({
    blocking,
    keys,
    concurrency: 2,
    clock: systemClock,
    log: recordingLog(),
    grace: {
      timeoutMs: 60_000,
      hurry: hurry.signal,
      records: (ids) => deployments.getMany(ids),
    },
    handle,
  });
  await consumer.start();
});

afterEach(async () => {
  await consumer.stop();
  await wakeUps.stop();
  redis.disconnect();
  blocking.disconnect();
});

function recordingLog(): Logger {
  const say = (...values: unknown[]) => void lines.push(String(values.at(-1)));
  return { ...silentLogger, info: say, warn: say, error: say, debug: () => {} } as unknown as Logger;
}

function handle(pickup: Pickup): Promise<Outcome> {
  return new Promise((resolve) => {
    const end = () => resolve({ kind: 'done', note: 'live' });
    pickup.signal.addEventListener('abort', () =>
      resolve({ kind: 'hold', delayMs: 60_000, reason: String(pickup.signal.reason.code) }),
    );
    hands.set(pickup.payload.deployment, { pickup, end });
  });
}

/** A deployment in the handler's hands, in a state that a worker has led it to. */
async function inHand(customer: string, ...states: State[]): Promise<string> {
  const id = `${customer}@100`;
  const { head } = await deployments.discover({ customer, timestamp: 100, path: '/data' });
  await wakeUps.ensureHead(deployments, head);
  await vi.waitFor(() => expect(hands.has(id)).toBe(true), 60_000);
  const claim = await deployments.claim(id, 1, 'worker', 0);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  let from: State = 'queued';
  for (const to of states) {
    await deployments.transition({ id, from: [from], to, run: 1, epoch: claim.record.epoch });
    from = to;
  }
  return id;
}

const said = (pattern: RegExp) =>
  vi.waitFor(() => expect(lines.join('\n')).toMatch(pattern), { timeout: 60_000, interval: 10 });

describe('a stopping worker', () => {
  it('waits for a running load, says so with its rows, and takes nothing new', async () => {
    const id = await inHand('acme', 'gated', 'loading');
    const record = await deployments.get(id);
    if (record) await deployments.note(record, { rows: 20, rowsTotal: 50 });
    const stopped = consumer.stop();
    await said(/stopping: waits up to 60 s more for acme@100 \(loading, 20 of 50 rows\)/);
    const { head } = await deployments.discover({ customer: 'late', timestamp: 100, path: '/data' });
    await wakeUps.ensureHead(deployments, head);
    hands.get(id)?.end();
    await stopped;
    expect(hands.get(id)?.pickup.signal.aborted).toBe(false);
    expect(await wakeUps.queue.getJobCounts()).toMatchObject({ completed: 1, active: 0 });
    expect(hands.has('late@100')).toBe(false);
    const job = await wakeUps.queue.getJob('late@100~1');
    expect(['waiting', 'delayed']).toContain(await job?.getState());
  });

  it('gives back at once what has not begun to load, and goes on waiting for the other', async () => {
    const idle = await inHand('idle');
    const busy = await inHand('busy', 'gated', 'loading', 'verifying');
    const stopped = consumer.stop();
    await said(/waits up to 60 s more for busy@100 \(verifying\)$/m);
    await vi.waitFor(
      () => expect(hands.get(idle)?.pickup.signal.reason).toMatchObject({ code: 'ABORTED' }),
      60_000,
    );
    expect(hands.get(busy)?.pickup.signal.aborted).toBe(false);
    hands.get(busy)?.end();
    await stopped;
    const job = await wakeUps.queue.getJob('idle@100~1');
    expect([await job?.getState(), job?.attemptsMade]).toEqual(['delayed', 0]);
  });

  it('gives back what runs when it is told again, and twice asked stops once', async () => {
    const id = await inHand('acme', 'gated', 'loading');
    const stopped = Promise.all([consumer.stop(), consumer.stop()]);
    await said(/waits up to 60 s/);
    hurry.abort('SIGTERM');
    await stopped;
    expect(lines.join('\n')).toContain('stopping: told again; gives back acme@100');
    expect(hands.get(id)?.pickup.signal.reason).toMatchObject({ code: 'ABORTED' });
    const job = await wakeUps.queue.getJob('acme@100~1');
    expect([await job?.getState(), job?.attemptsMade]).toEqual(['delayed', 0]);
  });

  it('has nothing to say and nothing to wait for when nothing is in hand', async () => {
    await consumer.stop();
    expect(lines).toEqual([]);
  });
});
