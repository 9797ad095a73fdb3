/** One load in chunks, by several processes: every row once, whoever loads which part. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rejects } from '@graphshift/testkit';
import { afterEach, expect, it } from 'vitest';
import type { LoadOptions } from '../../src/graph-store/graph-store.ts';
import { PieceLoader } from '../../src/graph-store/neo4j/bolt/piece-loader.ts';
import { BOLT_DEFAULTS } from '../../src/graph-store/neo4j/bolt/settings.ts';
import { NODE_LABEL } from '../../src/graph-store/neo4j/bolt/statements.ts';
import { CHUNK_LABEL } from '../../src/graph-store/neo4j/load-mark.ts';
import type { ChunkLoader, ChunkTask, LoadChunk, SharedRound } from '../../src/graph-store/sharing.ts';
import { withDuck } from '../../src/snapshot-source/simulate.ts';
import { expectWhole, loadWhole, until, useBolt } from './bench.ts';

const T = 1_700_000_000;
const SMALL = { batchRows: 100, sessions: 2 };
const ROWS = { Person: 6000, Company: 40, KNOWS: 9000, WORKS_AT: 6000 };

const bench = useBolt();
const loaders: ChunkLoader[] = [];
afterEach(async () => {
  for (const loader of loaders.splice(0)) await loader.close();
  if (!bench.neo4j.problem) await bench.drop(T);
});

/** People in one file of many row groups, companies in small files, relationships in several. */
async function write(): Promise<string> {
  const path = join(bench.directory, bench.customer, String(T));
  await withDuck(async (duck) => {
    await duck.run('SET preserve_insertion_order = true');
    const file = async (folder: string, name: string, select: string) => {
      await mkdir(join(path, folder), { recursive: true });
      const to = join(path, folder, `${name}.parquet`);
      await duck.run(`COPY (${select}) TO '${to}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
    };
    const people = ROWS.Person;
    await file(
      'nodes/Person',
      '0',
      `SELECT i AS id, CASE WHEN i % 10 = 0 THEN 'Person,Employee' ELSE 'Person' END AS labels, 'Person ' || i AS name
       FROM range(${people}) t(i)`,
    );
    for (const part of [0, 1, 2, 3])
      await file(
        'nodes/Company',
        String(part),
        `SELECT ${people} + ${part * 10} + i AS id, 'Company' AS labels FROM range(10) t(i)`,
      );
    for (const part of [0, 1, 2])
      await file(
        'relationships/KNOWS',
        String(part),
        `SELECT (${part} * 3000 + i) % ${people} AS s, hash(i, ${part}) % ${people} AS t, 'KNOWS' AS type FROM range(3000) t(i)`,
      );
    await file(
      'relationships/WORKS_AT',
      '0',
      `SELECT i AS s, ${people} + i % 40 AS t, 'WORKS_AT' AS type FROM range(${people}) t(i)`,
    );
  });
  return path;
}

function task(round: SharedRound, chunk: LoadChunk, path: string, epoch: number): ChunkTask {
  return {
    customer: bench.customer,
    timestamp: T,
    run: epoch,
    epoch,
    path,
    plan: round.plan,
    work: chunk.work,
  };
}

function anotherProcess(): ChunkLoader {
  const { url, user: username, password } = bench.neo4j;
  const settings = { ...BOLT_DEFAULTS, ...SMALL, scratchDirectory: bench.directory };
  const loader = new PieceLoader({ url, username, password }, settings);
  loaders.push(loader);
  return loader;
}

const sharedBy = (run: (round: SharedRound) => Promise<void>): LoadOptions => ({
  sharing: { leastBytes: 64 * 1024, run },
});

async function expectGraph(): Promise<void> {
  const count = (pattern: string) => bench.number(T, `MATCH ${pattern} RETURN count(*) AS rows`);
  expect(await count('(:Person)')).toBe(ROWS.Person);
  expect(await count('(:Employee)')).toBe(ROWS.Person / 10);
  expect(await count('(:Company)')).toBe(ROWS.Company);
  expect(await count('()-[:KNOWS]->()')).toBe(ROWS.KNOWS);
  expect(await count('()-[:WORKS_AT]->()')).toBe(ROWS.WORKS_AT);
  expect(await bench.number(T, 'MATCH (n) WHERE n.id IS NOT NULL RETURN count(DISTINCT n.id) AS rows')).toBe(
    ROWS.Person + ROWS.Company,
  );
  expect(await bench.number(T, `MATCH (n:${NODE_LABEL}) RETURN count(n) AS rows`)).toBe(0);
}

it('is loaded by two processes at one time, and its certificate is exact', async () => {
  const path = await write();
  const seen: LoadChunk[] = [];
  const other = anotherProcess();
  const options = sharedBy(async (round) => {
    seen.push(...round.chunks);
    const half = Math.ceil(round.chunks.length / 2);
    const own = async () => {
      for (const chunk of round.chunks.slice(0, half)) await round.load(chunk);
    };
    const others = async () => {
      for (const chunk of round.chunks.slice(half)) await other.load(task(round, chunk, path, 1));
    };
    await Promise.all([own(), others()]);
    const standing = await round.standing();
    for (const { number, rows } of round.chunks) expect(standing.get(number)).toEqual({ rows, whole: true });
  });
  const load = await bench.open({ path, timestamp: T, epoch: 1 }, SMALL, options);
  const certificate = await loadWhole(load);
  expectWhole(certificate);
  await expectGraph();
  expect(load.chunks).toBe(seen.length);
  // Every row of every file is in one chunk.
  for (const [name, rows] of Object.entries(ROWS))
    expect(seen.filter((chunk) => chunk.name === name).reduce((sum, chunk) => sum + chunk.rows, 0)).toBe(
      rows,
    );
  const people = seen.filter(({ name }) => name === 'Person');
  expect(people.map(({ files }) => files[0]?.from)).toEqual([0, 2048, 4096]);
  // Small files are one chunk.
  expect(seen.filter(({ name }) => name === 'Company').map(({ files }) => files.length)).toEqual([4]);
});

it('goes on with a chunk that another process was killed in, and adds nothing twice', async () => {
  const path = await write();
  const written = () => bench.number(T, `MATCH (c:${CHUNK_LABEL}) RETURN coalesce(sum(c.rows), 0) AS rows`);
  const options = sharedBy(async (round) => {
    for (const [index, chunk] of round.chunks.entries()) {
      // A process for each would take long.
      if (index % 3 > 0) {
        await round.load(chunk);
        continue;
      }
      const loader = anotherProcess();
      const before = await written();
      const ended = loader.load(task(round, chunk, path, 1)).catch((error: Error) => error.message);
      await until(async () => (await written()) > before);
      await loader.close();
      await ended;
      await round.load(chunk);
    }
  });
  const load = await bench.open({ path, timestamp: T, epoch: 1 }, SMALL, options);
  expectWhole(await loadWhole(load));
  await expectGraph();
});

it('is taken over, and who loads chunks for the holder before is fenced', async () => {
  const path = await write();
  let stale: { round: SharedRound; chunk: LoadChunk } | undefined;
  const failing = sharedBy(async (round) => {
    const [first, second] = round.chunks;
    if (first) await round.load(first);
    if (second) stale = { round, chunk: second };
    throw new Error('the first holder gives up');
  });
  const first = await bench.open({ path, timestamp: T, epoch: 1 }, SMALL, failing);
  await first.check();
  await expect(first.nodes()).rejects.toThrow('gives up');
  await first.abort({ resumable: true });
  const whole: number[] = [];
  const options = sharedBy(async (round) => {
    for (const { whole: done } of (await round.standing()).values()) if (done) whole.push(1);
    if (stale) await rejects(anotherProcess().load(task(stale.round, stale.chunk, path, 1)), 'FENCED');
    stale = undefined;
    // Nor does anybody load who would cut the rows otherwise.
    const [chunk] = round.chunks;
    const plan = JSON.stringify({ ...JSON.parse(round.plan), cutBy: 'DuckDB v0' });
    if (chunk) await rejects(anotherProcess().load({ ...task(round, chunk, path, 2), plan }), 'ABORTED');
    for (const chunk of round.chunks) await round.load(chunk);
  });
  const next = await bench.open({ path, timestamp: T, epoch: 2 }, SMALL, options);
  expectWhole(await loadWhole(next));
  expect(whole.length).toBeGreaterThan(0);
  await expectGraph();
});
