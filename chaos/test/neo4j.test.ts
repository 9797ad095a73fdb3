/** Some faults against a Neo4j server: its process killed, its links cut, the workers killed and frozen. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { neo4jDevProblem } from '../../scripts/neo4j-dev.mjs';
import type { FaultKind } from '../src/faults.ts';
import { closingLine, runSuite } from '../src/suite.ts';

const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const KINDS: readonly FaultKind[] = ['kill', 'freeze', 'flush', 'cut', 'hold', 'blackhole', 'store-kill'];
const FAULTS = 8;

const problem = process.env.GRAPHSHIFT_TEST_NEO4J_PROBLEM || neo4jDevProblem();

it(`keeps every invariant on a Neo4j server, seed ${SEED}`, async (context) => {
  if (problem) context.skip(problem);
  const totals = await runSuite({
    seed: SEED,
    store: 'neo4j',
    minutes: 10,
    faults: FAULTS,
    kinds: KINDS,
    first: ['store-kill', 'freeze'],
    plain: true,
    restMs: 120_000,
    evidence: join(tmpdir(), 'graphshift-chaos', 'neo4j'),
    say: () => {},
  });
  process.stdout.write(`${closingLine(totals)}\n`);
  expect(totals.failures, closingLine(totals)).toEqual([]);
  expect(totals.faults['store-kill']).toBeGreaterThan(0);
  expect(totals.reads).toBeGreaterThan(20);
}, 900_000);
