/** Two minutes of the crash suite. `CHAOS_SEED` gives the same faults again. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FAULT_KINDS } from '../src/faults.ts';
import { closingLine, runSuite } from '../src/suite.ts';

const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);

it(`keeps every invariant through two minutes of faults, seed ${SEED}`, async () => {
  const said: string[] = [];
  const totals = await runSuite({
    seed: SEED,
    minutes: 2,
    faults: Number.MAX_SAFE_INTEGER,
    kinds: FAULT_KINDS,
    restMs: 120_000,
    evidence: join(tmpdir(), 'graphshift-chaos'),
    say: (line) => said.push(line),
  });
  process.stdout.write(`${closingLine(totals)}\n`);
  for (const reason of totals.leftOut) process.stdout.write(`left out: ${reason}\n`);
  expect(totals.failures, closingLine(totals)).toEqual([]);
  expect(Object.values(totals.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(5);
  expect(totals.reads).toBeGreaterThan(100);
}, 900_000);
