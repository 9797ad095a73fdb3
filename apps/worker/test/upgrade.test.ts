import { readFileSync } from 'node:fs';
import type { Backend } from '@graphshift/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openSystem, type System } from './system.ts';

/** One key of a Redis as version 0.1.0 left it, in the words of the commands that read and write it. */
interface Dumped {
  readonly key: string;
  readonly type: 'string' | 'hash' | 'zset' | 'list' | 'stream';
  readonly value: unknown;
}

let system: System;
afterEach(() => system.stop());

/** Lays what a stopped system of version 0.1.0 left: a queued head, one behind it, a waiting one, a crashed load, a letter. */
async function layDump(): Promise<void> {
  const { redis, keys } = system.backend;
  const text = readFileSync(new URL('./fixtures/redis-0.1.0.json', import.meta.url), 'utf8')
    .replaceAll('PREFIX', keys.prefix)
    .replaceAll('DATA/', `${system.installation.data}/`);
  for (const dumped of JSON.parse(text) as Dumped[]) await layKey(redis, dumped);
}

async function layKey(redis: Backend['redis'], { key, type, value }: Dumped): Promise<void> {
  switch (type) {
    case 'string':
      return void (await redis.set(key, value as string));
    case 'hash':
      return void (await redis.hset(key, value as Record<string, string>));
    case 'list':
      return void (await redis.rpush(key, ...(value as string[])));
    case 'zset':
      return layScores(redis, key, value as string[]);
    case 'stream':
      for (const [id, fields] of value as [string, string[]][]) await redis.xadd(key, id, ...fields);
  }
}

/** @param pairs member and score in turn */
async function layScores(redis: Backend['redis'], key: string, pairs: readonly string[]): Promise<void> {
  for (let index = 0; index < pairs.length; index += 2)
    await redis.zadd(key, pairs[index + 1] ?? '', pairs[index] ?? '');
}

describe('an upgrade from 0.1.0', () => {
  it('finishes the jobs that the version before enqueued, and redrives its dead letters', async () => {
    system = await openSystem();
    await layDump();
    for (const [customer, timestamp] of [
      ['queued', 1_700_000_000],
      ['queued', 1_700_000_100],
      ['waiting', 1_700_000_000],
      ['crashed', 1_700_000_000],
      ['dead', 1_700_000_000],
    ] as const)
      await system.write(customer, timestamp);
    await system.work();
    await system.reaches('queued@1700000100', 'live');
    await system.reaches('queued@1700000000', 'superseded');
    expect(await system.reaches('crashed@1700000000', 'live')).toMatchObject({ crashes: 1 });
    // Its job is delayed until a minute after the dump was made; its record says so too, which is long ago by now.
    const waiting = await system.backend.wakeUps.queue.getJob('waiting@1700000000~1');
    await waiting?.promote().catch(() => {});
    await system.reaches('waiting@1700000000', 'live');
    const letter = await system.backend.letters.queue.getJob('dead@1700000000~1');
    expect(await letter?.getState()).toBe('failed');
    await letter?.retry('failed');
    await system.reaches('dead@1700000000', 'live');
    await vi.waitFor(async () => expect(await system.backend.letters.queue.getFailedCount()).toBe(0), 60_000);
  });
});
