/** How many chunks a process takes, and when it takes none. */

import { startRedis, type TestRedis } from '@graphshift/testkit';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { systemClock } from '../platform/clock.ts';
import { GraphshiftError } from '../platform/errors.ts';
import { silentLogger } from '../platform/log.ts';
import { BusyMeter } from './busy-meter.ts';
import type { ChunkPayload } from './catalogue.ts';
import { ChunkConsumer, type ChunkOutcome, type ChunkPickup } from './chunk-consumer.ts';
import { ChunkJobs } from './chunk-jobs.ts';
import { connectRedis } from './connection.ts';
import { type Keys, makeKeys } from './keys.ts';

const PATIENCE = { timeout: 60_000, interval: 20 };

let server: TestRedis;
const closing: (() => Promise<unknown> | unknown)[] = [];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Hand {
  readonly pickup: ChunkPickup;
  end(outcome: ChunkOutcome): void;
}

/** A consumer whose handler ends when the test says so. */
async function open(name: string, slots: () => number) {
  const keys: Keys = makeKeys(name);
  const connect = async (blocking: boolean): Promise<Redis> => {
    const redis = await connectRedis({ url: server.url, blocking });
    closing.push(() => redis.disconnect());
    return redis;
  };
  const jobs = new ChunkJobs({ connection: await connect(false), keys });
  closing.push(() => jobs.stop());
  const hands: Hand[] = [];
  const meter = new BusyMeter(systemClock);
  const consumer = new ChunkConsumer({
    ...{ blocking: await connect(true), keys, clock: systemClock, log: silentLogger, meter, slots },
    handle: (pickup) => new Promise((resolve) => hands.push({ pickup, end: resolve })),
  });
  closing.push(() => consumer.stop());
  const add = async (chunk: number) => jobs.add(payload(chunk), 1);
  return { jobs, consumer, hands, meter, add };
}

function payload(chunk: number): ChunkPayload {
  const load = { deployment: 'acme@1', customer: 'acme', timestamp: 1, run: 1, epoch: 1 };
  return { v: 1, ...load, chunk, chunks: 9, kind: 'nodes', name: 'P', rows: 1, bytes: 1, files: [] };
}

it('takes as many as there are slots, and none while deployments need them', async () => {
  let slots = 0;
  const { consumer, hands, meter, add, jobs } = await open('slots', () => slots);
  await consumer.start();
  for (const chunk of [0, 1, 2]) await add(chunk);
  slots = 2;
  await vi.waitFor(() => expect(hands).toHaveLength(2), PATIENCE);
  expect(consumer.active).toBe(2);
  expect(meter.chunks.sort()).toEqual(['acme@1#0', 'acme@1#1']);
  slots = 0;
  // It is told of within half a second; what is in hand goes on.
  for (const hand of hands) hand.end({ kind: 'done', note: 'loaded' });
  await vi.waitFor(async () => expect(await jobs.queue.getCompletedCount()).toBe(2), PATIENCE);
  expect(hands.length).toBe(2);
  slots = 1;
  await vi.waitFor(() => expect(hands).toHaveLength(3), PATIENCE);
  hands[2]?.end({ kind: 'failed', error: new GraphshiftError('LOAD_FAILED', 'no') });
  await vi.waitFor(async () => expect(await jobs.queue.getFailedCount()).toBe(1), PATIENCE);
  expect(meter.chunks).toEqual([]);
});

it('takes none while it is held or kept off, and says of both when it may again', async () => {
  const { consumer, hands, add } = await open('held', () => 1);
  await consumer.hold('short of memory');
  await consumer.start();
  await consumer.keepOff(true);
  await add(0);
  await consumer.release();
  expect(consumer.active).toBe(0);
  await consumer.keepOff(false);
  await vi.waitFor(() => expect(hands).toHaveLength(1), PATIENCE);
  hands[0]?.end({ kind: 'done', note: '' });
});

it('gives what it has in hand back when it stops', async () => {
  const { consumer, hands, add, jobs } = await open('stopping', () => 1);
  await consumer.start();
  const id = await add(0);
  await vi.waitFor(() => expect(hands).toHaveLength(1), PATIENCE);
  const [hand] = hands;
  hand?.pickup.signal.addEventListener('abort', () => hand.end({ kind: 'later', delayMs: 0 }));
  await consumer.stop();
  expect(hand?.pickup.signal.reason).toMatchObject({ code: 'ABORTED' });
  expect(await jobs.exists(id)).toBe(true);
  await jobs.remove(id);
  expect(await jobs.exists(id)).toBe(false);
});
