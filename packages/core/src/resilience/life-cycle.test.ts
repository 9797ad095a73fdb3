/** What every long-lived part of the resilience does alike, and when a process beats. */

import { startRedis, type TestRedis, uniquePrefix } from '@graphshift/testkit';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Clock, systemClock } from '../platform/clock.ts';
import { silentLogger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';
import { BusyMeter } from '../queue/busy-meter.ts';
import { connectRedis } from '../queue/connection.ts';
import { DeadLetterDesk, DeadLetters } from '../queue/dead-letters.ts';
import { DeploymentStore } from '../queue/deployment-store.ts';
import { Instances } from '../queue/instances.ts';
import { type Keys, makeKeys } from '../queue/keys.ts';
import { WakeUps } from '../queue/wake-ups.ts';
import { Presence } from '../status/presence.ts';
import { Breakers, notificationBreaker } from './health/breakers.ts';
import { Pulse } from './health/pulse.ts';
import { MemoryBrake } from './memory-brake.ts';
import { Watchdog } from './watchdog.ts';

let server: TestRedis;
let redis: Redis;
let keys: Keys;
let instances: Instances;
/** Moved by the test. */
let now: number;
/** What runs every so often, by when it runs next. */
let timers: { everyMs: number; dueAt: number; tick: () => unknown }[];
let clock: Clock;
const log = silentLogger;

beforeAll(async () => {
  server = await startRedis();
  redis = await connectRedis({ url: server.url });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

beforeEach(() => {
  keys = makeKeys(uniquePrefix().replace(/[{}]/g, ''));
  instances = new Instances(redis, keys);
  now = 1_700_000_000_000;
  timers = [];
  clock = {
    ...systemClock,
    now: () => now,
    every: (everyMs, tick) => {
      const timer = { everyMs, dueAt: now + everyMs, tick };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
  };
});

/** Lets time pass, in steps of 100 ms. */
async function pass(ms: number): Promise<void> {
  for (const end = now + ms; now < end; ) {
    now += 100;
    for (const timer of timers.filter(({ dueAt }) => dueAt <= now)) {
      timer.dueAt += timer.everyMs;
      await timer.tick();
    }
  }
}

function presence(everyMs?: number): Presence {
  const meter = new BusyMeter(clock);
  const who = { id: 'worker-1', kind: 'worker', capacity: 1 } as const;
  return new Presence({ ...who, meter, instances, clock, log, ...(everyMs !== undefined && { everyMs }) });
}

function makeBreakers(resetMs = 60_000): Breakers {
  return new Breakers({ threshold: 5, resetMs, clock, log });
}

describe('a process', () => {
  it.each([
    [undefined, 60_000, 7],
    [2000, 20_000, 11],
    [500, 5000, 11],
  ])('beats at its start and every so often: %s ms, in %i ms %i times', async (everyMs, ms, count) => {
    const beats: number[] = [];
    const beat = instances.beat.bind(instances);
    instances.beat = (...values) => {
      beats.push(now);
      return beat(...values);
    };
    const service = presence(everyMs);
    await service.start();
    await pass(ms);
    await service.stop();
    await pass(ms);
    expect(beats).toHaveLength(count);
    const gaps = beats.slice(1).map((at, index) => at - (beats[index] ?? 0));
    expect(new Set(gaps)).toEqual(new Set([everyMs ?? 10_000]));
  });
});

describe('every long-lived part', () => {
  const parts: Record<string, () => Promise<Service>> = {
    presence: async () => presence(),
    pulse: async () => {
      const meter = new BusyMeter(clock);
      return new Pulse({ id: 'w', everyMs: 1000, meter, breakers: makeBreakers(), redis, keys, clock, log });
    },
    watchdog: async () =>
      new Watchdog({
        what: 'jobs',
        consumer: { takes: true, fetched: 0 },
        ready: async () => 0,
        restart: async () => {},
        onHopeless: () => {},
        ...{ patienceMs: 60_000, clock, log },
      }),
    'memory brake': async () =>
      new MemoryBrake({
        limitBytes: 1,
        measure: async () => 0,
        consumer: { hold: async () => {}, release: async () => {} },
        ...{ clock, log },
      }),
    'desk of dead letters': async () => {
      const deployments = new DeploymentStore(redis, keys, clock);
      const shared = { connection: redis, keys, deployments, log };
      const wakeUps = new WakeUps({ connection: redis, keys, maxRetries: 3, clock, log });
      const letters = new DeadLetters({ ...shared, wakeUps });
      const blocking = await connectRedis({ url: server.url, blocking: true });
      const desk = new DeadLetterDesk({ ...shared, wakeUps, letters, blocking, clock: systemClock });
      closing.push(
        () => letters.stop(),
        () => wakeUps.stop(),
        async () => blocking.disconnect(),
      );
      return desk;
    },
  };

  it.each(Object.keys(parts))('starts once and stops once, however often it is told: %s', async (name) => {
    const service = (await parts[name]?.()) as Service;
    await service.stop();
    await Promise.all([service.start(), service.start()]);
    const running = timers.length;
    await service.start();
    expect(timers).toHaveLength(running);
    expect(running).toBeLessThanOrEqual(1);
    await Promise.all([service.stop(), service.stop()]);
    expect(timers).toEqual([]);
  });
});

describe('the breaker of a notification channel', () => {
  it('is its own: it opens by its failures in a row alone, is seen with the others, and lets a probe through', async () => {
    const breakers = makeBreakers(1000);
    const changes: string[] = [];
    const channel = breakers.get(notificationBreaker('pager'));
    breakers.onChange(() => changes.push(channel.state));
    const fail = () => channel.run(() => Promise.reject(new Error('503 from the pager')));
    for (let failure = 0; failure < 5; failure++) await expect(fail()).rejects.toThrow('503');
    await expect(fail()).rejects.toMatchObject({ code: 'BREAKER_OPEN' });
    expect(breakers.views().map(({ name, state }) => `${name}: ${state}`)).toEqual([
      'graph administration: closed',
      'graph load: closed',
      'notification pager: open',
    ]);
    expect(breakers.get(notificationBreaker('mail')).state).toBe('closed');
    expect(breakers.get(notificationBreaker('pager'))).toBe(channel);
    await vi.waitFor(() => expect(channel.state).toBe('half-open'), 20_000);
    expect(await channel.run(async () => 'sent')).toBe('sent');
    expect(channel.state).toBe('closed');
    expect(changes).toContain('open');
    await breakers.stop();
  });
});
