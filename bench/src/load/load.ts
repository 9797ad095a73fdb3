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

const NOTES = [
  'Graphshift: `openLoad`, `check`, `nodes`, `relationships`, `seal` and `unmark` of the embedded store, as a worker calls them: footers, schemas, nulls, duplicate ids, labels, types and ends are checked before a row is stored, every value is brought to a type that the store keeps exactly, the content is hashed, and the rows of every label and type are counted at each station.',
  'COPY by hand: the tables and one `COPY … FROM` a folder, with LadybugDB reading the same files itself and looking the ends up in its own index, then a checkpoint. No check, no hash, no count. It is fair to it: the columns are of types that it reads as they are, the ids are text as the store keeps every id, no relationship has a float (which LadybugDB compresses slowly and Graphshift therefore does not compress), threads and buffer pool are those of the loader.',
  'CPU is user and system time of everything between the start of the first process and the end of the last: Graphshift pays for two starts of Node, the reference for one. Rows a second are by wall time. The result is the same graph, but for the column `labels` (a list with Graphshift, text by hand) and `type` (stored by hand only).',
];

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
  repetitions: 5,
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
    notes: NOTES,
  };
}
