import { useNeo4j } from '@graphshift/testkit';
import neo4j from 'neo4j-driver';
import { describe, expect, it } from 'vitest';
import { heapOf, pageCacheOf, readMeasures } from './measures.ts';

const server = useNeo4j({ maxDatabases: 7 });

const usage = (used: number, max = 100) => ({ init: 0, committed: max, used, max });
const pool = (name: string, used: number, kept: number, max?: number) => ({
  name: `java.lang:name=${name},type=MemoryPool`,
  usage: usage(used, max),
  kept: usage(kept, max),
});
const whole = { name: 'java.lang:type=Memory', heap: usage(96) };

describe('the heap', () => {
  it.each([
    [
      'of G1, what its old generation holds now',
      [whole, pool('G1 Eden Space', 50, 0), pool('G1 Old Gen', 41, 40)],
      41,
    ],
    ['of a serial collector, what its last collection left', [whole, pool('Tenured Gen', 99, 12)], 12],
    [
      'of a parallel collector that has not collected yet, what is there',
      [whole, pool('PS Old Gen', 30, 0)],
      30,
    ],
    ['without generations, all of it', [whole, pool('ZHeap', 96, 0)], 96],
    ['where the generation has no limit, all of it', [pool('G1 Old Gen', 41, 40, -1), whole], 96],
  ])('is, %s', (_, beans, percent) => {
    expect(heapOf(beans)).toMatchObject({ percent });
  });

  it('is missing where the JVM names no limit', () => {
    expect(heapOf([{ name: 'java.lang:type=Memory', heap: usage(5, -1) }])).toHaveProperty('missing');
  });
});

describe('the page cache', () => {
  it('is the used share of its pages, as Enterprise tells it', () => {
    expect(
      pageCacheOf([{ name: 'neo4j.metrics:name=neo4j.dbms.page_cache.usage_ratio', ratio: 0.9137 }]),
    ).toEqual({
      percent: 91.4,
    });
  });

  it('is missing on other editions', () => {
    expect(pageCacheOf([])).toHaveProperty('missing');
    expect(pageCacheOf([{ ratio: Number.NaN }])).toHaveProperty('missing');
  });
});

describe('readMeasures', () => {
  it.each([{}, { useBigInt: true }])('reads a server, with a driver of %j', async (config) => {
    const { percent, meaning, missing, databases } = await readMeasures(server.driver(config));
    expect(percent.heap).toBeGreaterThan(0);
    expect(percent.heap).toBeLessThan(100);
    expect(meaning.heap).toContain("server's heap");
    expect(databases?.existing).toBeGreaterThanOrEqual(2);
    if (!server.external) {
      expect(databases).toEqual({ existing: 2, limit: 7 });
      expect(percent).not.toHaveProperty('pagecache');
      expect(missing.pagecache).toContain('page_cache.usage_ratio');
    }
    expect(missing.disk).toBeDefined();
  });

  it('takes the names that the caller has listed', async () => {
    const { databases } = await readMeasures(server.driver(), { databases: ['system', 'a', 'b'] });
    expect(databases?.existing).toBe(3);
  });

  it('throws, and so closes the gate, where the server does not answer', async () => {
    const nobody = neo4j.driver('bolt://127.0.0.1:1', neo4j.auth.basic('neo4j', 'x'), {
      connectionTimeout: 2000,
    });
    await expect(readMeasures(nobody)).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    await nobody.close();
  });
});
