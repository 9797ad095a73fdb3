import { beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../platform/clock.ts';
import { silentLogger } from '../platform/log.ts';
import { MemoryBrake } from './memory-brake.ts';
import { Watchdog } from './watchdog.ts';

let now: number;
const clock: Clock = { ...systemClock, now: () => now };
/** What happened, in order. */
let acts: string[];

beforeEach(() => {
  now = 0;
  acts = [];
});

describe('the watchdog', () => {
  const world = { takes: true, fetched: 0, ready: 1 };
  let answer: () => Promise<number>;
  let dog: Watchdog;

  beforeEach(() => {
    Object.assign(world, { takes: true, fetched: 0, ready: 1 });
    answer = async () => world.ready;
    dog = new Watchdog({
      what: 'deployments',
      consumer: world,
      ready: () => answer(),
      restart: async () => void acts.push(`restart at ${now}`),
      onHopeless: () => void acts.push(`end at ${now}`),
      patienceMs: 60_000,
      clock,
      log: silentLogger,
    });
  });

  async function looks(seconds: number, before: () => unknown = () => {}): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 10) {
      now += 10_000;
      before();
      await dog.look();
    }
  }

  it('restarts the consumer when jobs wait beside a free slot, and ends the process when that does not help', async () => {
    await looks(300);
    expect(acts).toEqual(['restart at 70000', 'end at 140000']);
  });

  it.each([
    ['jobs are taken', () => world.fetched++],
    ['nothing waits', () => Object.assign(world, { ready: 0 })],
    ['all slots are taken', () => Object.assign(world, { takes: false })],
    ['nothing waits every now and then', () => Object.assign(world, { ready: (now / 10_000) % 5 })],
    [
      'Redis does not answer',
      () => {
        answer = () => Promise.reject(new Error('away'));
      },
    ],
  ])('does nothing while %s', async (_, before: () => unknown) => {
    await looks(300, before);
    expect(acts).toEqual([]);
  });

  it('restarts anew when a restart has helped for a while', async () => {
    await looks(80);
    world.fetched++;
    await looks(80);
    expect(acts).toEqual(['restart at 70000', 'restart at 160000']);
  });
});

describe('the memory brake', () => {
  it('lets a worker take nothing at its limit, and go on when a tenth of it is free', async () => {
    let bytes = 0;
    const brake = new MemoryBrake({
      limitBytes: 1000 * 1024 * 1024,
      measure: async () => bytes * 1024 * 1024,
      consumer: {
        hold: async (reason) => void acts.push(reason),
        release: async () => void acts.push('go on'),
      },
      clock,
      log: silentLogger,
    });
    for (bytes of [500, 999, 1000, 1200, 950, 901, 899, 950, 1001]) await brake.look();
    expect(acts).toEqual([
      'short of memory: 1000 of 1000 MB are used',
      'go on',
      'short of memory: 1001 of 1000 MB are used',
    ]);
  });
});
