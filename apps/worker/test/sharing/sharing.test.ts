/** One snapshot, several workers: who loads, what people see of it, and how it ends when it must. */

import { appendFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import { useNeo4j } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Ground, PATIENCE, type Size } from './ground.ts';

const SIZE: Size = { people: 3000, files: 4 };
const T = 1_700_000_000;

const server = useNeo4j({ own: true, maxDatabases: 50 });
let ground: Ground;

beforeAll(async () => {
  if (server.problem) return;
  ground = await Ground.open(server);
  await Promise.all([ground.work(), ground.work()]);
}, 300_000);
afterAll(() => ground?.close());

/** Waits until some rows are in. */
async function underWay(customer: string, rows = 1): Promise<void> {
  await vi.waitFor(
    async () => expect((await ground.written(customer, T)) ?? 0).toBeGreaterThanOrEqual(rows),
    PATIENCE,
  );
}

it('is loaded by the workers together, and everybody sees how far it is and who loads', async () => {
  await ground.write('together', T, SIZE);
  const id = await ground.discover('together', T);
  const seen = new Set<string>();
  let most = 0;
  await vi.waitFor(async () => {
    const { state, chunks, chunksTotal, loaders = '' } = await ground.record(id);
    for (const loader of loaders.split(' ')) if (loader !== '') seen.add(loader);
    if (chunksTotal) expect(chunks).toBeLessThanOrEqual(chunksTotal);
    const jobs = await ground.backend.chunkJobs.queue.getJobs(['waiting', 'active', 'delayed']);
    most = Math.max(most, jobs.length);
    expect(state).toBe('live');
  }, PATIENCE);
  await ground.expectExact('together', T, SIZE);
  const record = await ground.record(id);
  expect(record.chunksTotal).toBeGreaterThan(6);
  expect(record.chunks).toBe(record.chunksTotal);
  // Each worker says of itself what it has loaded of another's.
  const helped = ground.workers.map(
    ({ lines }) => lines.filter((line) => /loaded chunk \d+ of \d+/.test(line)).length,
  );
  expect(Math.max(...helped)).toBeGreaterThan(0);
  expect(seen.size).toBe(2);
  // No heartbeats here, so two chunk jobs are twice the workers that are known.
  expect(most).toBeLessThanOrEqual(2);
  const [job] = await ground.backend.chunkJobs.queue.getCompleted();
  expect(job?.name).toMatch(/^together@1700000000 (nodes\/Person|relationships\/KNOWS), chunk \d+ of \d+$/);
  expect(job?.data).toMatchObject({ customer: 'together', timestamp: T, run: 1, deployment: id });
  expect(job?.data.files.length).toBeGreaterThan(0);
  expect(await ground.backend.redis.keys('*ledger*')).toEqual([]);
}, 300_000);

it('ends for everybody when it is cancelled, and what was built goes', async () => {
  await ground.write('cancelled', T, SIZE);
  const id = await ground.discover('cancelled', T);
  await underWay('cancelled');
  await ground.backend.operations.cancel(id, 'test');
  await vi.waitFor(async () => {
    const { databases } = await ground.backend.store.list({ customer: 'cancelled' });
    expect(databases).toEqual([]);
    expect(await ground.backend.chunkJobs.queue.getJobCounts('waiting', 'active')).toEqual({
      waiting: 0,
      active: 0,
    });
  }, PATIENCE);
  expect((await ground.record(id)).state).toBe('cancelled');
}, 300_000);

it('is a dead letter that names file and column when a chunk cannot be read, whoever finds out', async () => {
  const path = await ground.write('broken', T, SIZE);
  const file = join(path, 'relationships', 'KNOWS', '5.parquet');
  const id = await ground.discover('broken', T);
  await underWay('broken');
  // A page is damaged when it is too late for the check: size and time stay what they were.
  await damage(file);
  const { error } = await ground.reaches(id, 'dead');
  expect(error?.message).toMatch(/relationships\/KNOWS\/5\.parquet/);
  expect(['FILE_UNREADABLE', 'SNAPSHOT_CHANGED']).toContain(error?.code);
}, 300_000);

it('goes on from the database when Redis was emptied', async () => {
  await ground.write('emptied', T, SIZE);
  await ground.discover('emptied', T);
  await underWay('emptied', SIZE.people / 2);
  await ground.installation.redis.flush();
  const before = (await ground.written('emptied', T)) ?? 0;
  const id = await ground.discover('emptied', T);
  const { epoch } = await ground.reaches(id, 'live');
  expect(epoch).toBeGreaterThan(1);
  await ground.expectExact('emptied', T, SIZE);
  expect(before).toBeGreaterThan(0);
}, 300_000);

it('comes to its end with one worker, which makes a ledger that was lost again', async () => {
  await ground.write('forgotten', T, SIZE);
  const [one] = ground.workers;
  if (one) await ground.kill(one);
  const id = await ground.discover('forgotten', T);
  await underWay('forgotten');
  const { redis, keys } = ground.backend;
  await redis.del(keys.ledger(id));
  await ground.reaches(id, 'live');
  await ground.expectExact('forgotten', T, SIZE);
  expect((await ground.record(id)).attempts).toBe(0);
  expect(await ground.backend.chunkJobs.queue.getJobCounts('waiting', 'active')).toEqual({
    waiting: 0,
    active: 0,
  });
}, 300_000);

/** Bytes in the middle of a file become others. */
async function damage(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(64, 0xff), 0, 64, Math.floor(size / 3));
  } finally {
    await handle.close();
  }
  await appendFile(file, '');
}
