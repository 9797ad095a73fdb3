import { type Installation, makeInstallation } from '@graphshift/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Backend } from '../runtime/backend.ts';
import { LearnedFactors } from './learned-factors.ts';

let installation: Installation;
let backend: Backend;
let learned: LearnedFactors;

beforeAll(async () => {
  installation = await makeInstallation();
  backend = await installation.open();
  learned = new LearnedFactors(backend.redis, backend.keys);
});
beforeEach(() => installation.redis.flush());
afterAll(() => installation.remove());

const SMALL = 5_000_000;
const LARGE = 5_000_000_000;
const read = async (content: number, kind = 'embedded', now?: number) =>
  learned.read(kind, content, now ?? (await backend.deployments.serverTime()));

describe('what loads teach', () => {
  it('brings the factor to the outcome, quickly at first and steadily then', async () => {
    expect(await read(SMALL)).toEqual({ disk: 1, memory: 1, seconds: 1 });
    let before = 1;
    for (let load = 0; load < 12; load += 1) {
      await learned.learn('embedded', SMALL, { disk: 4 });
      const { disk } = await read(SMALL);
      expect(disk).toBeGreaterThan(before);
      expect(disk).toBeLessThan(4);
      if (load === 0) expect(disk).toBeCloseTo(2, 2);
      before = disk;
    }
    expect(before).toBeGreaterThan(3.8);
    expect(await read(SMALL)).toMatchObject({ memory: 1, seconds: 1 });
  });

  it('stays between a tenth and ten times, whatever one load says', async () => {
    const mad = { disk: 1e12, seconds: 1e-12 };
    for (let load = 0; load < 30; load += 1) await learned.learn('embedded', SMALL, mad);
    const { disk, seconds } = await read(SMALL);
    expect([disk, seconds]).toEqual([expect.closeTo(10, 2), expect.closeTo(0.1, 2)]);
  });

  it('holds for its store and size, and for the sizes near it that nothing is known of', async () => {
    await learned.learn('embedded', SMALL, { memory: 4 });
    await learned.learn('embedded', LARGE, { memory: 0.25 });
    expect((await read(SMALL * 10)).memory).toBeCloseTo(2, 2);
    expect((await read(LARGE * 100)).memory).toBeCloseTo(0.5, 2);
    expect((await read(SMALL, 'neo4j')).memory).toBe(1);
  });

  it('is forgotten after ninety days, and takes a bounded place in Redis', async () => {
    for (let content = 1; content < 1e15; content *= 5) await learned.learn('neo4j', content, { disk: 2 });
    expect(await backend.redis.hlen(backend.keys.capacity)).toBe(8);
    expect(await backend.redis.pttl(backend.keys.capacity)).toBeGreaterThan(89 * 24 * 3600 * 1000);
    const later = (await backend.deployments.serverTime()) + 91 * 24 * 3600 * 1000;
    expect((await read(SMALL, 'neo4j', later)).disk).toBe(1);
  });

  it('takes what another version or nobody wrote for nothing', async () => {
    const field = 'embedded:6:disk';
    for (const text of ['', 'x', 'null', '{}', '{"factor":1e9,"at":1}', '{"factor":"2","loads":[]}']) {
      await backend.redis.hset(backend.keys.capacity, field, text);
      expect((await read(SMALL)).disk).toBe(1);
      await learned.learn('embedded', SMALL, { disk: 4 });
      expect((await read(SMALL)).disk).toBeCloseTo(2, 2);
    }
  });
});
