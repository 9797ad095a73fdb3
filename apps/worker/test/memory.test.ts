/** A worker short of memory by its own limit, measured in a real process. */

import { BusyMeter, systemClock } from '@graphshift/core';
import { MemoryStore } from '@graphshift/testkit';
import { afterEach, expect, it } from 'vitest';
import { createWorker } from '../src/worker.ts';
import { openSystem, type System } from './system.ts';

let system: System;
afterEach(() => system.stop());

it('takes nothing, also when it is started again, says why, and leaves the work to one that has room', async () => {
  const store = new MemoryStore({ contentOf: (path) => path });
  // The least there is, and less than this process takes.
  system = await openSystem({ 'resilience.worker_memory_limit_mb': 128 }, store);
  const meter = new BusyMeter(systemClock);
  const full = await system.work({ instance: 'full', meter });
  expect(meter.paused).toMatch(/^short of memory: \d{3,} of 128 MB are used$/);
  await full.stop();
  await full.start();
  expect(meter.paused).toMatch(/^short of memory/);
  const id = await system.drop('acme', 1_700_000_000);
  const roomy = await system.installation.open({}, store);
  const other = await createWorker({ backend: roomy, instance: 'roomy', upkeepMs: 100_000 });
  expect(await system.backend.wakeUps.queue.getWaitingCount()).toBe(1);
  await other.start();
  try {
    await system.reaches(id, 'live');
  } finally {
    await other.stop();
  }
  const audit = await system.backend.deployments.audit({ deployment: id });
  const claims = audit.filter(({ detail }) => detail.startsWith('claimed')).map(({ holder }) => holder);
  expect(claims).toEqual(['roomy']);
});
