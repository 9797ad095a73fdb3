/** What a checked and proven load costs beside the store's own COPY. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { siblingModule } from '@graphshift/core';
import type { BenchContext, Benchmark, BenchResult } from '../benchmark.ts';
import { type Cost, runChild } from '../process-cost.ts';
import type { LoadCommands, Loaded } from './load-commands.ts';
import { writeGraph } from './snapshot.ts';

/** The default of `loader_memory_mb`. */
const MEMORY_BYTES = 1024 * 2 ** 20;
const THREADS = 2;

type Measured = Cost & Loaded;

export const load: Benchmark = {
  name: 'load',
  about:
    "A load into the embedded store with every check and its proof, beside the store's own COPY of the same files run by hand.",
  sizes: {
    nodes: {
      says: 'nodes of two labels; there are three relationships a node, of two types',
      default: 1_000_000,
    },
  },
  repetitions: 3,
  run: runLoad,
};

async function runLoad(context: BenchContext): Promise<BenchResult> {
  const { path, rows } = await writeGraph(join(context.directory, 'data'), context.sizes.nodes ?? 1);
  context.say(`${rows} rows written`);
  const measured: Record<'graphshift' | 'copy', Measured[]> = { graphshift: [], copy: [] };
  for (let repetition = 1; repetition <= context.repetitions; repetition++) {
    for (const side of ['graphshift', 'copy'] as const) {
      const found = await measure(context, side, path);
      if (found.rows !== rows) throw new Error(`${side} stored ${found.rows} of ${rows} rows`);
      measured[side].push(found);
      context.say(
        `${repetition} of ${context.repetitions}: ${side}: ${found.cpuSeconds.toFixed(1)} CPU s, ${found.wallSeconds.toFixed(1)} s, ${(found.peakMemory / 2 ** 20).toFixed(0)} MiB`,
      );
    }
  }
  return resultOf(measured.graphshift, measured.copy, rows);
}

async function measure(
  context: BenchContext,
  side: 'graphshift' | 'copy',
  snapshot: string,
): Promise<Measured> {
  const directory = join(context.directory, side);
  const input = { snapshot, directory, memoryBytes: MEMORY_BYTES, threads: THREADS };
  const module = siblingModule(import.meta.url, `${side}-child`);
  const { output, cost } = await runChild<LoadCommands, 'load'>(module, 'load', input, context.signal);
  await rm(directory, { recursive: true, force: true });
  return { ...output, ...cost };
}

function resultOf(subject: readonly Measured[], reference: readonly Measured[], rows: number): BenchResult {
  const both = (figure: (measured: Measured) => number) => ({
    values: subject.map(figure),
    reference: reference.map(figure),
  });
  return {
    subject: 'Graphshift',
    reference: 'COPY by hand',
    rows: [
      {
        what: 'CPU',
        unit: 's',
        ...both(({ cpuSeconds }) => cpuSeconds),
        target: { of: 'ratio', atMost: 1.15 },
      },
      { what: 'rows', unit: 'a second', ...both(({ wallSeconds }) => rows / wallSeconds) },
      { what: 'rows', unit: 'a CPU second', ...both(({ cpuSeconds }) => rows / cpuSeconds) },
      {
        what: 'peak memory of the loading process',
        unit: 'MiB',
        ...both(({ peakMemory }) => peakMemory / 2 ** 20),
      },
    ],
    notes: [],
  };
}
