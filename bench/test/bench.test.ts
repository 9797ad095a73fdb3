/** Each benchmark in a tiny size, from its sources: that it runs to its end and says what it is there to say. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProgram } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

const MAIN = new URL('../src/main.ts', import.meta.url);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-bench-test-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs the program with its scratch directory in ours. */
async function bench(...values: string[]) {
  const program = startProgram(MAIN, values, { TMPDIR: directory });
  const code = await program.ended();
  return { code, text: program.lines.join('\n') };
}

it('queue: deployments beside jobs, and its section alone is replaced', async () => {
  const results = join(directory, 'RESULTS.md');
  const sizes = ['--deployments', '20', '--latencies', '5', '--repetitions', '1', '--results', results];
  const { code, text } = await bench('queue', ...sizes);
  expect(text).toMatch(
    /\| CPU of worker and Redis a job \(ms\) +\| [\d.]+ +\| [\d.]+ +\| [\d.]+ +\| ratio ≤ 5/,
  );
  expect(text).toMatch(/\| enqueue to end, median \(ms\) +\| [\d.]+ +\| [\d.]+ +\| [\d.]+ +\| ≤ 12/);
  expect(code).toBe(0);
  const kept = await readFile(results, 'utf8');
  expect(kept).toContain('## queue\n');
  expect(kept).toContain('20 deployments, 5 latencies, 1 repetition in turns');
  expect(kept).toMatch(
    /node \d.*redis \d.*bullmq \d.*@duckdb\/node-api \d.*@ladybugdb\/core \d.*graphshift /,
  );
});

it('load: rows beside COPY by hand', async () => {
  const { code, text } = await bench('load', '--nodes', '500', '--repetitions', '1', '--json');
  const json = text.slice(text.indexOf('{\n'));
  const { benchmarks } = JSON.parse(json) as {
    benchmarks: { name: string; rows: { what: string; ratio: number; target?: unknown }[] }[];
  };
  expect(benchmarks.map(({ name }) => name)).toEqual(['load']);
  const rows = new Map(benchmarks[0]?.rows.map((row) => [row.what, row]));
  expect(rows.get('CPU')).toMatchObject({ target: { of: 'ratio', atMost: 1.15 }, ratio: expect.any(Number) });
  expect(rows.get('peak memory of the loading process')?.ratio).toBeGreaterThan(0);
  expect(code).toBe(0);
});

it('removes its scratch directories', async () => {
  const left = (await readdir(directory)).filter((name) => name.startsWith('graphshift-'));
  expect(left).toEqual([]);
});
