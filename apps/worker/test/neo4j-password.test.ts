/** A password that is changed on a real Neo4j while a deployment is under way. */

import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useNeo4j } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSystem, type System } from './system.ts';

const NEXT = 'the-next-one-1';
const PATIENT_MS = 300_000;

/** Its password is everybody's. */
const server = useNeo4j({ own: true });
const customer = server.name('acme');
let directory: string;
let passwordFile: string;
let system: System;

beforeAll(async () => {
  if (server.problem) return;
  directory = await mkdtemp(join(tmpdir(), 'graphshift-password-'));
  passwordFile = join(directory, 'password');
  await writeFile(passwordFile, `${server.password}\n`);
  system = await openSystem({
    'store.url': server.url,
    'store.username': server.user,
    'store.password_file': passwordFile,
    'store.bookkeeping_database': server.name('books'),
    'orchestrator.heap_threshold_percent': 100,
    'resilience.circuit_breaker_timeout': 1,
  });
  await system.work();
});
afterAll(async () => {
  await system?.stop();
  if (directory) await rm(directory, { recursive: true });
});

it(
  'lets a deployment wait, without an attempt, until the file has the new one, and costs no restart',
  async () => {
    const gated = system.holdAt('gated');
    const id = await system.drop(customer, 1_700_000_000);
    await gated.reached;
    await server.run('system', 'ALTER CURRENT USER SET PASSWORD FROM $old TO $next', {
      old: server.password,
      next: NEXT,
    });
    gated.release();
    const waiting = await system.reaches(id, 'waiting');
    expect(waiting.reason).toMatch(/unauthorized|incorrect authentication details too many times/);
    expect(waiting.attempts).toBe(0);
    await writeFile(`${passwordFile}.new`, `${NEXT}\n`);
    await rename(`${passwordFile}.new`, passwordFile);
    const live = await system.reaches(id, 'live');
    expect([live.attempts, await system.people(customer)]).toEqual([0, 20]);
    const history = await system.history(id);
    expect(history).toContain('waiting');
    expect(history).not.toContain('retrying');
  },
  PATIENT_MS,
);
