import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchArguments } from './arguments.ts';
import { type Benchmark, titleOf } from './benchmark.ts';
import { findingOf } from './figures.ts';
import { describeMachine, type Machine } from './machine.ts';
import { type BenchRun, keepResults, tableOf } from './results.ts';

export interface RunOptions {
  /**
   * Of this process: its TMPDIR becomes the directory of the benchmarks, with which all goes that a worker killed in the
   * middle of a load left.
   */
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Takes lines of progress. */
  say(line: string): void;
  /** Takes what was asked for. */
  print(text: string): void;
}

/** Runs the benchmarks one after the other; what one has found is printed and kept before the next begins. */
export async function runBenchmarks(asked: BenchArguments, options: RunOptions): Promise<void> {
  const machine = describeMachine();
  const directory = await mkdtemp(join(tmpdir(), 'graphshift-bench-'));
  options.environment.TMPDIR = directory;
  const runs: BenchRun[] = [];
  try {
    for (const benchmark of asked.benchmarks) {
      const run = await runOne(benchmark, asked, { ...options, directory, machine });
      runs.push(run);
      if (!asked.json) options.print(`\n${titleOf(benchmark)}\n\n${tableOf(run.result).join('\n')}\n`);
      if (asked.results === undefined) continue;
      await keepResults(asked.results, run);
      options.say(`kept in ${asked.results}`);
    }
    if (asked.json) options.print(`${JSON.stringify(documentOf(runs, machine), null, 2)}\n`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runOne(
  benchmark: Benchmark,
  asked: BenchArguments,
  options: RunOptions & { directory: string; machine: Machine },
): Promise<BenchRun> {
  const { environment, signal, say, machine } = options;
  const directory = join(options.directory, titleOf(benchmark).replace(' ', '-'));
  await mkdir(directory);
  const names = Object.keys(benchmark.sizes);
  const sizes = Object.fromEntries(names.map((name) => [name, asked.sizes[name] ?? 1]));
  const repetitions = asked.repetitions ?? benchmark.repetitions;
  const startedAt = performance.now();
  const result = await benchmark.run({
    sizes,
    repetitions,
    directory,
    environment,
    signal,
    say: (line) => say(`${titleOf(benchmark)}: ${line}`),
  });
  const seconds = (performance.now() - startedAt) / 1000;
  await rm(directory, { recursive: true, force: true });
  return { benchmark, result, sizes, repetitions, seconds, machine, at: new Date().toISOString() };
}

function documentOf(runs: readonly BenchRun[], machine: Machine): unknown {
  return {
    ...machine,
    benchmarks: runs.map(({ benchmark, result, sizes, repetitions, seconds }) => ({
      name: benchmark.name,
      part: benchmark.part,
      sizes,
      repetitions,
      seconds,
      rows: result.rows.map(findingOf).map(({ row, subject, reference, ratio, holds }) => ({
        what: row.what,
        unit: row.unit,
        subject,
        reference,
        ratio,
        target: row.target,
        holds,
      })),
    })),
  };
}
