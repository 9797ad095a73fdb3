import { type Installation, makeInstallation } from '@graphshift/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GraphStore } from '../graph-store/graph-store.ts';
import { Breaker } from '../platform/breaker.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { GraphshiftError } from '../platform/errors.ts';
import { type Logger, silentLogger } from '../platform/log.ts';
import type { Backend } from '../runtime/backend.ts';
import { Gate } from './gate.ts';
import type { GateView } from './reading.ts';
import { ReadingCache } from './reading-cache.ts';
import { StoreReadings, type StoreReadingsOptions } from './readings.ts';
import { gateThresholds } from './thresholds.ts';

let installation: Installation;
let backends: Backend[];
let breakers: Breaker[];

beforeAll(async () => {
  installation = await makeInstallation();
  // A connection for each of two processes.
  backends = [await installation.open(), await installation.open()];
});
afterAll(() => installation.remove());
beforeEach(() => {
  breakers = [];
});
afterEach(async () => {
  for (const breaker of breakers) await breaker.stop();
  await installation.redis.flush();
});

/** The real store, except for what a test breaks; counts the questions. */
function asked(changes: Partial<GraphStore> = {}) {
  const count = { health: 0, list: 0 };
  const store: GraphStore = { ...backends[0]!.store, ...changes };
  const { health, list } = store;
  store.health = () => {
    count.health++;
    return health();
  };
  store.list = () => {
    count.list++;
    return list();
  };
  return { store, count };
}

function process(index: number, store: GraphStore, options: Partial<StoreReadingsOptions> = {}) {
  const backend = backends[index]!;
  const breaker = new Breaker('graph administration');
  breakers.push(breaker);
  const { redis, keys, deployments, settings } = backend;
  const thresholds = gateThresholds(settings);
  // Asked anew each time, so that the tests see what is shared between processes.
  const base = { redis, keys, deployments, breaker, thresholds, clock: systemClock, seenMs: 0 };
  return new StoreReadings({ ...base, store, holder: `process-${index}`, ...options });
}

/** A clock on which waits of at most `longest` ms are over as soon as they begin; longer ones never end. */
function hurriedClock(longest: number): Clock {
  let now = systemClock.now();
  const sleep = async (ms: number, signal?: AbortSignal) => {
    await Promise.resolve();
    if (signal?.aborted) throw signal.reason;
    if (ms > longest) await never();
    now += ms;
  };
  return { now: () => now, sleep, every: () => () => {} };
}

const never = () => new Promise<never>(() => {});

describe('readings', () => {
  it('serve one process for a moment without asking Redis, unless a newer one is needed or it was a bad one', async () => {
    const { store, count } = asked();
    const clock = hurriedClock(0);
    const readings = process(0, store, { seenMs: 1000, usableMs: 0, clock });
    const first = await readings.read();
    await installation.redis.flush();
    expect(await readings.read()).toBe(first);
    expect((await readings.read({ newerThan: first.listedAt })).listedAt).toBeGreaterThan(first.listedAt);
    expect(count.list).toBe(2);
    const broken = process(0, asked({ list: () => Promise.reject(new Error('gone')) }).store, {
      seenMs: 1000,
      clock,
    });
    await installation.redis.flush();
    expect((await broken.read()).listing).toBeUndefined();
    await installation.redis.flush();
    expect(await broken.read()).not.toBe(await broken.read());
  });

  it('ask the store once for two processes that need one at the same moment, many times each', async () => {
    const { store, count } = asked();
    const processes = [process(0, store), process(1, store)];
    const readings = await Promise.all(
      Array.from({ length: 40 }, (_, index) => processes[index % 2]!.read()),
    );
    expect(count).toEqual({ health: 1, list: 1 });
    expect(new Set(readings.map(({ listedAt }) => listedAt)).size).toBe(1);
    expect(readings[0]?.listing).toEqual({ databases: [], aliases: [] });
  });

  it('do not let one process that is cut off close the gate for the others', async () => {
    const cutOff = process(0, asked({ health: () => Promise.reject(new Error('no route to host')) }).store);
    const { store, count } = asked();
    const well = process(1, store);
    expect((await cutOff.read()).health).toMatchObject({ reachable: false, problem: 'no route to host' });
    expect(await well.view()).toMatchObject({ open: false });
    expect((await well.read()).health.reachable).toBe(true);
    expect(count.list).toBe(1);
    expect(await well.view()).toMatchObject({ open: true, by: 'process-1' });
    // What somebody else was told lately is known here too, and is not overwritten by who hears nothing.
    expect((await cutOff.read({ newerThan: Number.MAX_SAFE_INTEGER })).health.reachable).toBe(false);
    expect(await well.view()).toMatchObject({ open: true, by: 'process-1' });
  });

  it('ask again when they have had their time', async () => {
    const { store, count } = asked();
    const readings = process(0, store, { usableMs: 30 });
    const first = await readings.read();
    await vi.waitFor(
      async () => expect((await readings.read()).listedAt).toBeGreaterThan(first.listedAt),
      60_000,
    );
    expect(count.list).toBeGreaterThan(1);
  });

  it('ask again for a call that needs a listing which began later, and share that one', async () => {
    const { store, count } = asked();
    const [one, two] = [process(0, store), process(1, store)];
    const { listedAt: newerThan } = await one.read();
    const readings = await Promise.all([one.read({ newerThan }), two.read({ newerThan }), one.read()]);
    expect(readings[0]?.listedAt).toBeGreaterThan(newerThan);
    expect(count.list).toBe(2);
  });

  it('do not answer a call with a listing that was under way when it came', async () => {
    const held: (() => void)[] = [];
    const { health } = backends[0]!.store;
    const holding = () => new Promise<void>((resolve) => held.push(resolve)).then(health);
    const readings = process(0, asked({ health: holding }).store);
    const first = readings.read();
    await vi.waitFor(() => expect(held).toHaveLength(1), 60_000);
    const newerThan = await backends[0]!.deployments.serverTime();
    const second = readings.read({ newerThan });
    held[0]?.();
    const { listedAt } = await first;
    expect(listedAt).toBeLessThanOrEqual(newerThan);
    await vi.waitFor(() => expect(held).toHaveLength(2), 60_000);
    held[1]?.();
    expect((await second).listedAt).toBeGreaterThan(newerThan);
  });

  it('do not wait for ever for a process that died while it took one', async () => {
    const dead = process(0, asked({ health: never }).store, { clock: { ...systemClock, sleep: never } });
    void dead.read();
    const { redis, keys } = backends[1]!;
    await vi.waitFor(async () => expect(await redis.get(keys.readingLease)).toBe('process-0'), 60_000);
    const { store, count } = asked();
    const living = process(1, store, { clock: hurriedClock(1000) });
    expect((await living.read()).listing).toBeDefined();
    expect((await living.read()).listing).toBeDefined();
    expect(count.list).toBe(1);
  });

  it('go on when Redis is emptied', async () => {
    const { store, count } = asked();
    const readings = process(0, store);
    await readings.read();
    await installation.redis.flush();
    expect(await readings.view()).toBeUndefined();
    expect((await readings.read()).listing).toBeDefined();
    expect(count.list).toBe(2);
  });

  it('are not overwritten by one that was asked for earlier', async () => {
    let answer = () => {};
    const slow = () =>
      new Promise<never>((_, reject) => {
        answer = () => reject(new Error('late'));
      });
    const sleeper = process(0, asked({ health: slow }).store);
    const late = sleeper.read();
    const { redis, keys } = backends[1]!;
    await vi.waitFor(async () => expect(await redis.get(keys.readingLease)).toBe('process-0'), 60_000);
    const newer = await process(1, asked().store, { clock: hurriedClock(1000) }).read();
    answer();
    expect((await late).health).toMatchObject({ reachable: false, problem: 'late' });
    expect((await sleeper.read()).listedAt).toBe(newer.listedAt);
  });

  it('are not shared when their taker slept over them', async () => {
    const { redis, keys, deployments } = backends[0]!;
    const cache = new ReadingCache({ redis, keys, holder: 'sleeper', usableMs: 3000, leaseMs: 15_000 });
    const now = await deployments.serverTime();
    const view: GateView = {
      ...{ at: now, by: 'sleeper', open: true, reason: null, percent: {} },
      ...{ databases: 0, maxDatabases: 50, server: null, aliases: 0 },
    };
    const health = { reachable: true, writable: true, percent: {} };
    await cache.publish({ listedAt: now - 16_000, health }, view);
    expect(await cache.newest()).toBeUndefined();
    await cache.publish({ listedAt: now, health }, view);
    expect(await cache.newest()).toEqual({ listedAt: now, health });
  });

  it('keep the newest one in short for people', async () => {
    await process(0, asked().store).read();
    const view = await process(1, asked().store).view();
    expect(view).toMatchObject({ by: 'process-0', open: true, reason: null, databases: 0, maxDatabases: 50 });
    expect(view?.percent).toMatchObject({ heap: 0 });
  });
});

describe('the gate', () => {
  const gateOf = (readings: StoreReadings, log: Logger = silentLogger) =>
    new Gate({ readings, thresholds: gateThresholds(backends[0]!.settings), log });

  it('is open on a store that is well, and names once what the store does not measure', async () => {
    const lines: string[] = [];
    const log = { ...silentLogger, info: (line: string) => void lines.push(line) } as unknown as Logger;
    const gate = gateOf(process(0, asked().store), log);
    expect(await gate.read()).toMatchObject({ open: true, room: { existing: [] } });
    expect(await gate.read()).toMatchObject({ open: true });
    expect(lines).toEqual([
      'gate: this store offers no page cache measure; pagecache_threshold_percent is left out',
    ]);
  });

  it('closes within ten seconds when the store hangs, and asks it one question at a time', async () => {
    const { store, count } = asked({ health: never });
    const clock = hurriedClock(10_000);
    const readings = process(0, store, { clock, usableMs: 1 });
    const before = clock.now();
    const closed = { open: false, reason: 'the store does not answer: it has not answered for 10 s' };
    expect(await gateOf(readings).read()).toMatchObject(closed);
    expect(clock.now() - before).toBe(10_000);
    await vi.waitFor(
      async () =>
        expect(await gateOf(readings).read()).toMatchObject({
          reason: 'the store does not answer: it has not answered for 20 s',
        }),
      60_000,
    );
    expect(count).toEqual({ health: 1, list: 0 });
  });

  it.each([
    ['health', 'down'],
    ['list', 'no listing'],
  ] as const)('closes when %s fails', async (question, message) => {
    const fail = () => Promise.reject(new GraphshiftError('STORE_UNREACHABLE', message));
    const readings = process(0, asked({ [question]: fail }).store);
    expect(await gateOf(readings).read()).toMatchObject({
      open: false,
      reason: `the store does not answer: ${message}`,
    });
    await expect(readings.listing()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    // The others ask for themselves.
    expect(await process(1, asked().store).listing()).toEqual({ databases: [], aliases: [] });
  });
});
