/** What an error in a chunk comes to, and when a worker takes no chunks. */

import { type ErrorCode, GraphshiftError, silentLogger, systemClock } from '@graphshift/core';
import { expect, it } from 'vitest';
import { CHUNK_MEMORY_BYTES, ChunkBrake } from '../../src/chunks/chunk-brake.ts';
import { chunkInWords, endOfFailed } from '../../src/chunks/chunk-end.ts';

const RULES = { maxRetries: 3, base: 2 };
const WHAT = chunkInWords({ chunk: 2, kind: 'nodes', name: 'Person' }, 64);

function end(code: ErrorCode, tries = 0, details = {}) {
  return endOfFailed(new GraphshiftError(code, 'broken', { details }), tries, WHAT, RULES);
}

it('tries a chunk again after the backoff, as often as a deployment', () => {
  const second = end('STORE_UNREACHABLE', 1);
  expect(second.kind).toBe('failed');
  expect(second.kind === 'failed' && second.delayMs).toBeGreaterThanOrEqual(4000);
  expect(end('STORE_UNREACHABLE', 3)).toMatchObject({ kind: 'fatal', error: { code: 'STORE_UNREACHABLE' } });
});

it('ends the load at once by a permanent error, naming the chunk and keeping the details', () => {
  expect(end('FILE_UNREADABLE', 0, { file: 'nodes/Person/3.parquet', column: 'name' })).toMatchObject({
    kind: 'fatal',
    error: {
      message: 'chunk 3 of 64 (nodes/Person): broken',
      details: { file: 'nodes/Person/3.parquet', column: 'name' },
    },
  });
  expect(end('FENCED')).toMatchObject({ kind: 'fatal', error: { code: 'FENCED', message: 'broken' } });
});

it('says nothing against a chunk that was given back, or that this machine cannot load', () => {
  expect(end('ABORTED', 9)).toEqual({ kind: 'back', delayMs: 0 });
  expect(end('ABORTED', 9, { elsewhere: true })).toEqual({ kind: 'back', delayMs: 5000 });
  expect(end('ROOT_UNREADABLE', 9)).toEqual({ kind: 'back', delayMs: 5000 });
});

it('takes no chunks while the machine has no memory for one, and again when it has more than that', async () => {
  const told: boolean[] = [];
  let spare = CHUNK_MEMORY_BYTES - 1;
  const brake = new ChunkBrake({
    consumer: { keepOff: async (off) => void told.push(off) },
    read: async () => ({ total: 8e9, free: 8e9, spare, own: 0 }),
    clock: systemClock,
    log: silentLogger,
  });
  await brake.look();
  spare = CHUNK_MEMORY_BYTES + 1;
  await brake.look();
  expect(told).toEqual([true]);
  spare = CHUNK_MEMORY_BYTES * 2;
  await brake.look();
  expect(told).toEqual([true, false]);
});
