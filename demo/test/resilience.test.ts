/** The resilience demo to its end, in its quick form: what it shows must have happened. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Program, startProgram, startRedis, type TestRedis } from '@graphshift/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseResilienceArguments } from '../src/resilience/arguments.ts';

const MAIN = new URL('../src/resilience/main.ts', import.meta.url);

let redis: TestRedis;
let directory: string;
beforeEach(async () => {
  redis = await startRedis();
  directory = await mkdtemp(join(tmpdir(), 'graphshift-demo-resilience-'));
});
afterEach(async () => {
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
});

function run(...values: string[]): Program {
  return startProgram(MAIN, values, { REDIS_URL: redis.url }, directory);
}

describe('the resilience demo', () => {
  it('shows a breaker open and close, a worker recovered, and EMERGENCY and back, and leaves no process behind', async () => {
    const program = run('--quick');
    const code = await program.ended();
    const text = program.lines.join('\n');
    expect(code, text).toBe(0);
    expect(text).toMatch(/HEARTBEAT_TIMEOUT +300 +5\n/);
    expect(text).toMatch(/the breaker of graph \w+ opened in /);
    expect(text).toMatch(/it still waits: attempts used before (\d+), now \1\n/);
    expect(text).toContain('every breaker is closed');
    expect(text).toMatch(/killed \S+ in the middle of loading beta@/);
    expect(text).toMatch(/redistribute: jobs of new runs: 1/);
    const levels = [...text.matchAll(/health ([A-Z]+), score/g)].map(([, level]) => level);
    expect(levels).toEqual(['HEALTHY', 'HEALTHY', 'HEALTHY', 'CRITICAL', 'EMERGENCY', 'HEALTHY']);
    expect(text).toMatch(/recovered: release done, redistribute done, verify done, reset done/);
    expect(text).not.toContain(directory);
    await redis.assertNoClients();
  }, 600_000);

  it('ends its processes when it is interrupted', async () => {
    const program = run();
    await program.line(/all four beat/);
    expect(await program.end('SIGINT')).toBe(130);
    await redis.assertNoClients();
  }, 300_000);

  it('refuses what it does not know in one line', () => {
    expect(parseResilienceArguments(['--quick'])).toMatchObject({ quick: true, help: false });
    expect(() => parseResilienceArguments(['--fast'])).toThrow(
      /^Unknown option '--fast'; usage: npm run demo:resilience \[-- --quick\]$/,
    );
  });
});
