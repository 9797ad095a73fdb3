/** Parallel sessions and the size of batches: nothing waits for ever, nothing is lost, whatever the graph looks like. */

import fc from 'fast-check';
import neo4j, { type Driver } from 'neo4j-driver';
import { afterEach, describe, expect, it } from 'vitest';
import { type Batch, BatchSize, runsOf, splitBatch } from '../../src/graph-store/neo4j/bolt/batches.ts';
import { ChunkWriter } from '../../src/graph-store/neo4j/bolt/chunk-writer.ts';
import type { GroupPlan } from '../../src/graph-store/neo4j/bolt/plan.ts';
import { placeChunks, readChunks } from '../../src/graph-store/neo4j/bolt/progress-marks.ts';
import { runDisjoint } from '../../src/graph-store/neo4j/bolt/schedule.ts';
import { writeStatement } from '../../src/graph-store/neo4j/bolt/statements.ts';
import { writeMark } from '../../src/graph-store/neo4j/load-mark.ts';
import { databaseName } from '../../src/snapshot/names.ts';
import { expectWhole, loadWhole, useBolt } from './bench.ts';

const T = 1_700_000_000;
const bench = useBolt();
afterEach(async () => {
  if (!bench.neo4j.problem) await bench.drop(T);
});

describe('chunks that run at one time', () => {
  it('have no bucket in common, and each runs once', async () => {
    const task = fc.record({
      rows: fc.nat(100),
      buckets: fc.uniqueArray(fc.nat(7), { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(task, { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        fc.scheduler(),
        async (tasks, workers, scheduler) => {
          const running = new Set<number>();
          const ran: unknown[] = [];
          const all = runDisjoint(tasks, workers, async (one) => {
            for (const bucket of one.buckets) expect(running).not.toContain(bucket);
            for (const bucket of one.buckets) running.add(bucket);
            await scheduler.schedule(Promise.resolve());
            for (const bucket of one.buckets) running.delete(bucket);
            ran.push(one);
          });
          await scheduler.waitFor(all);
          expect(ran).toHaveLength(tasks.length);
          expect(new Set(ran)).toEqual(new Set(tasks));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('end with the first failure', async () => {
    const failing = runDisjoint([{ rows: 1, buckets: [] }], 2, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
  });
});

it('a graph in which everything hangs on a few nodes is loaded by parallel sessions', async () => {
  const path = await bench.write({
    timestamp: T,
    nodes: { Thing: "SELECT i AS id, 'Thing' AS labels FROM range(400) t(i)" },
    relationships: {
      // Every second end is one of three hubs, in both directions; as many rows as make four buckets.
      HANGS_ON: `SELECT CASE WHEN i % 2 = 0 THEN i % 3 ELSE i % 400 END AS s, CASE WHEN i % 2 = 0 THEN i % 400 ELSE i % 3 END AS t,
        'HANGS_ON' AS type FROM range(20_480) t(i)`,
      SELF: "SELECT i % 10 AS s, i % 10 AS t, 'SELF' AS type FROM range(5000) t(i)",
    },
  });
  const settings = { sessions: 4, batchRows: 200 };
  expectWhole(await loadWhole(await bench.open({ path, timestamp: T, epoch: 1 }, settings)));
});

describe('the size of a batch', () => {
  it('halves, grows again slowly and never beyond its limit', () => {
    const size = new BatchSize(1000);
    expect(size.halve(1000)).toBe(true);
    expect(size.rows).toBe(500);
    expect(size.halve(500)).toBe(true);
    for (let batch = 0; batch < 20; batch++) size.succeed();
    expect(size.rows).toBe(275);
    for (let batch = 0; batch < 1000; batch++) size.succeed();
    expect(size.rows).toBe(1000);
    expect(size.halve(50)).toBe(false);
  });

  it('split and cut into runs, a batch keeps every row in its place', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('A', 'B', 'C'), { minLength: 2, maxLength: 40 }),
        fc.nat(1000),
        (labels, from) => {
          const values = labels.map((_, index) => index);
          const batch: Batch = { from, rows: labels.length, columns: [values], labels };
          const parts = splitBatch(batch).flatMap(runsOf);
          expect(parts.flatMap((part) => part.batch.columns[0])).toEqual(values);
          expect(parts.flatMap((part) => part.batch.columns[0]?.map(() => part.labels))).toEqual(labels);
          let next = from;
          for (const part of parts) {
            expect(part.batch.from).toBe(next);
            next += part.batch.rows;
          }
        },
      ),
    );
  });

  it('is halved until the server has the memory, and each row comes once', async () => {
    const path = await bench.write({ timestamp: T, nodes: { Thing: "SELECT 'x' AS id, 'Thing' AS labels" } });
    const load = await bench.open({ path, timestamp: T, epoch: 1 });
    const database = databaseName({ customer: bench.customer, timestamp: T });
    const build = { driver: bench.driver, database, customer: bench.customer, epoch: 1 };
    await writeMark(bench.driver, database, { customer: bench.customer, timestamp: T, run: 1, epoch: 1 });
    const group = {
      kind: 'nodes',
      name: 'Thing',
      chunks: [{ key: 0, part: 0, buckets: [] }],
    } as unknown as GroupPlan;
    await placeChunks(build, { groups: [group], fingerprint: 'test' });
    const size = new BatchSize(1000);
    const writer = new ChunkWriter({ ...build, driver: poorServer(bench.driver, 300), size });
    const ids = Array.from({ length: 1000 }, (_, index) => `t${index}`);
    await writer.write(group, 0, { from: 0, rows: 1000, columns: [ids] }, () =>
      writeStatement('nodes', 'id', ['Thing'], []),
    );
    await writer.close();
    expect(size.rows).toBeLessThanOrEqual(300);
    expect(await bench.number(T, 'MATCH (n:Thing) RETURN count(DISTINCT n.id) AS rows')).toBe(1000);
    expect(await bench.number(T, 'MATCH (n:Thing) RETURN count(n) AS rows')).toBe(1000);
    expect((await readChunks(build)).get(0)?.rows).toBe(1000);
    await load.abort();
  });
});

/** The real server, but that it answers as one without memory to a statement with more rows than it likes. */
function poorServer(driver: Driver, most: number): Driver {
  const poor =
    (run: (...given: unknown[]) => unknown) => (statement: unknown, parameters: { rows?: unknown }) =>
      Number(parameters.rows ?? 0) > most
        ? Promise.reject(neo4jError('Neo.TransientError.General.MemoryPoolOutOfMemoryError'))
        : run(statement, parameters);
  const session = (options: Parameters<Driver['session']>[0]) => {
    const real = driver.session(options);
    const executeWrite = (work: (tx: unknown) => Promise<unknown>) =>
      real.executeWrite((tx) => work({ run: poor(tx.run.bind(tx) as never) }));
    return { executeWrite, close: () => real.close() };
  };
  return { session } as unknown as Driver;
}

function neo4jError(code: string): Error {
  return Object.assign(new neo4j.Neo4jError('no memory left', code, '50N42', 'no memory left'), {
    retriable: true,
  });
}
