/** Each benchmark in a tiny size, from its sources: that it runs to its end and says what it is there to say. */

import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProgram } from '@graphshift/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { neo4jDevProblem } from '../../scripts/neo4j-dev.mjs';

const MAIN = new URL('../src/main.ts', import.meta.url);

interface BenchDocument {
  readonly benchmarks: readonly {
    readonly name: string;
    readonly rows: readonly { readonly what: string; readonly ratio: number; readonly target?: unknown }[];
  }[];
}

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-bench-test-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs the program with its scratch directory in ours. */
async function bench(...values: string[]) {
  const { GDS_PYTHON } = process.env;
  const program = startProgram(MAIN, values, { TMPDIR: directory, ...(GDS_PYTHON && { GDS_PYTHON }) });
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
  const { benchmarks } = JSON.parse(json) as BenchDocument;
  expect(benchmarks.map(({ name }) => name)).toEqual(['load']);
  const rows = new Map(benchmarks[0]?.rows.map((row) => [row.what, row]));
  expect(rows.get('CPU')).toMatchObject({ target: { of: 'ratio', atMost: 1.15 }, ratio: expect.any(Number) });
  expect(rows.get('peak memory of the loading process')?.ratio).toBeGreaterThan(0);
  expect(code).toBe(0);
});

describe('arrow imports', () => {
  const problem = pythonProblem(process.env.GDS_PYTHON ?? 'python3', 'graphdatascience', 'neo4j', 'pyarrow');
  beforeEach((context) => {
    if (problem !== undefined) context.skip(`${problem} (GDS_PYTHON names one)`);
  });

  it('a load beside the official client and the importer, each with every row', async () => {
    const sizes = ['--import-nodes', '300', '--import-warm-up-nodes', '0', '--repetitions', '1', '--json'];
    const { code, text } = await bench('arrow', '--part', 'imports', ...sizes);
    expect(code, text).toBe(0);
    const { benchmarks } = JSON.parse(text.slice(text.indexOf('{\n'))) as BenchDocument;
    const rows = new Map(benchmarks[0]?.rows.map((row) => [row.what, row]));
    const official = rows.get('end to end, beside the official client');
    expect(official).toMatchObject({ target: { of: 'ratio', atMost: 1.05 }, ratio: expect.any(Number) });
    expect(rows.get('end to end, beside the own importer')?.ratio).toBeGreaterThan(0);
  }, 300_000);
});

describe('neo4j', () => {
  const problem = pythonProblem('python3', 'neo4j', 'pyarrow');
  // Said beside the name of the test, in its summary.
  beforeEach((context) => {
    if (problem !== undefined) context.skip(problem);
  });

  it('a worker beside a plain script and LOAD CSV, each with every row', async () => {
    const sizes = ['--graph-nodes', '300', '--warm-up-nodes', '0', '--json'];
    const { code, text } = await bench('neo4j', ...sizes);
    expect(code, text).toBe(0);
    const { benchmarks } = JSON.parse(text.slice(text.indexOf('{\n'))) as BenchDocument;
    const rows = new Map(benchmarks[0]?.rows.map((row) => [row.what, row]));
    const script = rows.get('time beside the plain script');
    expect(script).toMatchObject({ target: { of: 'ratio', atMost: 0.333 }, ratio: expect.any(Number) });
    expect(rows.get('time beside LOAD CSV')?.ratio).toBeGreaterThan(0);
    expect(rows.get('CPU of server and client beside the plain script')?.ratio).toBeGreaterThan(0);
    // A server, and six processes one after the other.
  }, 300_000);
});

describe('chunks', () => {
  const problem = process.env.GRAPHSHIFT_TEST_NEO4J_PROBLEM || neo4jDevProblem();
  beforeEach((context) => {
    if (problem) context.skip(problem);
  });

  it('several workers beside one, on Neo4j and on the slow store', async () => {
    const sizes = ['--shared-nodes', '300', '--most-workers', '2', '--chunks-a-worker', '2', '--json'];
    const { code, text } = await bench('chunks', ...sizes);
    expect(code, text).toBe(0);
    const { benchmarks } = JSON.parse(text.slice(text.indexOf('{\n'))) as BenchDocument;
    const rows = new Map(benchmarks[0]?.rows.map((row) => [row.what, row]));
    expect(rows.get('slow store: time of 2 workers with 2 shares')?.ratio).toBeGreaterThan(0);
    expect(rows.get('neo4j: rows by 4 workers')?.ratio).toBeGreaterThan(0);
    // A server, and twenty processes one after the other.
  }, 300_000);
});

describe('arrow', () => {
  const problem = pythonProblem('python3', 'pyarrow');
  beforeEach((context) => {
    if (problem !== undefined) context.skip(problem);
  });

  it('puts beside those of pyarrow, in every shape', async () => {
    const { code, text } = await bench('arrow', '--part', 'put', '--mebibytes', '8', '--repetitions', '1');
    expect(code, text).toBe(0);
    for (const shape of ['1 MiB', '8 MiB', '10,000 nodes'])
      expect(text).toMatch(
        new RegExp(
          `\\| rate, ${shape} a batch \\(MB/s\\) +\\| [\\d.,]+ +\\| [\\d.,]+ +\\| [\\d.]+ +\\| ratio ≥ 0.8`,
        ),
      );
  }, 120_000);

  it('memory of a worker whose rows go to a sink, every one of them', async () => {
    const values = ['--part', 'memory', '--snapshot-megabytes', '2'];
    const { code, text } = await bench('arrow', ...values);
    expect(code, text).toBe(0);
    expect(text).toMatch(/\| peak memory of worker and loading process \(MB\) +\| [\d.]+ .*\| ≤ 512/);
    // A server, Redis, and a worker with its loading process.
  }, 300_000);
});

/** Why a benchmark with Neo4j and this Python cannot run here, else undefined. */
function pythonProblem(python: string, ...packages: string[]): string | undefined {
  const server = process.env.GRAPHSHIFT_TEST_NEO4J_PROBLEM || neo4jDevProblem();
  if (server) return server;
  const { status } = spawnSync(python, ['-c', `import ${packages.join(', ')}`]);
  return status === 0 ? undefined : `no ${python} with the packages ${packages.join(', ')}`;
}

it('removes its scratch directories', async () => {
  const left = (await readdir(directory)).filter((name) => name.startsWith('graphshift-'));
  expect(left).toEqual([]);
});
