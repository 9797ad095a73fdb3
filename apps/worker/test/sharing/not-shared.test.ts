/** A store that fills a database from one process alone. */

import { jobId } from '@graphshift/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSystem, type System } from '../system.ts';

let system: System;
beforeAll(async () => {
  system = await openSystem({ 'orchestrator.chunk_min_bytes': 1 });
  await system.work();
});
afterAll(() => system?.stop());

it('loads as ever, and says once that it is not shared', async () => {
  const said: boolean[] = [];
  for (const timestamp of [1_700_000_000, 1_700_000_001]) {
    const id = await system.drop('acme', timestamp);
    await system.reaches(id, 'live');
    const { logs } = await system.backend.wakeUps.queue.getJobLogs(jobId(id, 1));
    expect(logs.join('\n')).toMatch(/checked \d+ rows/);
    said.push(/not shared, though as large as chunk_min_bytes/.test(logs.join('\n')));
  }
  expect(said).toEqual([true, false]);
  expect(await system.backend.chunkJobs.queue.getJobCountByTypes('waiting', 'active', 'completed')).toBe(0);
});
