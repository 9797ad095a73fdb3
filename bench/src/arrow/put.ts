/** How fast record batches go to a Flight server: our client, and that of pyarrow. */

import { join } from 'node:path';
import { siblingModule } from '@graphshift/core';
import type { BenchContext, Benchmark, BenchResult, Row } from '../benchmark.ts';
import { ROOT } from '../machine.ts';
import { cpuSecondsOf, runChild } from '../process-cost.ts';
import type { PutCommands, PutCost } from './put-commands.ts';
import { askPython, launchSink, requirePyarrow, type Sink } from './sink.ts';

const SCRIPT = join(ROOT, 'bench', 'src', 'arrow', 'put.py');
const MIB = 2 ** 20;
/** Batches that stand in memory, and go in turns. */
const IN_FILE = 8;

const NOTES = [
  'Graphshift: a `put` of `packages/flight`, with all its bounds: eight batches without an answer, 8 MiB with the transport.',
  'pyarrow: `write_batch` of its Flight client, which is the one in C++, as fast as it goes; a thread of its own reads the answers (bench/src/arrow/put.py). Nothing else bounds it than the windows of HTTP/2.',
  'The batches stand in memory before the clock starts, and 64 MiB have gone over the same connection. Each client is a process of its own; the server is one for both, a Flight server in pyarrow that throws each batch away and answers it. Server and client share the cores, so a rate is that of the slower of the two; the CPU is of the client alone.',
];

interface Shape {
  readonly name: string;
  readonly says: string;
  readonly streams: number;
  /** Whether the target is asked of it. */
  readonly judged: boolean;
}

const SHAPES: readonly Shape[] = [
  { name: `${MIB}-bytes`, says: '1 MiB a batch', streams: 1, judged: true },
  { name: `${8 * MIB}-bytes`, says: '8 MiB a batch', streams: 1, judged: true },
  { name: '10000-nodes', says: '10,000 nodes a batch', streams: 1, judged: true },
  { name: '10000-nodes', says: '10,000 nodes a batch, two connections', streams: 2, judged: false },
];

export const put: Benchmark = {
  name: 'arrow',
  part: 'put',
  about: 'Record batches put to a Flight server that throws them away, beside the Flight client of pyarrow.',
  sizes: { mebibytes: { says: 'MiB of batches in each put, of each shape', default: 2048, least: 1 } },
  repetitions: 7,
  run: runPut,
};

type Side = 'graphshift' | 'pyarrow';
type Measured = PutCost & { readonly bytes: number; readonly serverCpu: number };

async function runPut(context: BenchContext): Promise<BenchResult> {
  await requirePyarrow();
  const sink = await launchSink([SCRIPT, 'serve']);
  try {
    const rows: Row[] = [];
    for (const shape of SHAPES) rows.push(...(await measureShape(context, sink, shape)));
    return { subject: 'Graphshift', reference: 'pyarrow', rows, notes: NOTES };
  } finally {
    await sink.kill();
  }
}

async function measureShape(context: BenchContext, sink: Sink, shape: Shape): Promise<Row[]> {
  const batches = await writeBatches(context, shape);
  const measured: Record<Side, Measured[]> = { graphshift: [], pyarrow: [] };
  for (let repetition = 1; repetition <= context.repetitions; repetition++)
    for (const side of ['graphshift', 'pyarrow'] as const) {
      const found = await measure(context, side, sink, batches);
      measured[side].push(found);
      context.say(`${shape.says}: ${repetition} of ${context.repetitions}: ${side}: ${describe(found)}`);
    }
  return rowsOf(shape, measured);
}

interface Batches {
  readonly file: string;
  readonly count: number;
  readonly bytes: number;
  readonly streams: number;
}

async function writeBatches({ directory, sizes, signal }: BenchContext, shape: Shape): Promise<Batches> {
  const { name, streams } = shape;
  const file = join(directory, `${name}.arrow`);
  const messages = await askPython<number[]>([SCRIPT, 'write', file, name, String(IN_FILE)], signal);
  const mean = messages.reduce((sum, size) => sum + size, 0) / messages.length;
  const count = Math.max(1, Math.floor(((sizes.mebibytes ?? 1) * MIB) / mean / streams)) * streams;
  return { file, streams, count, bytes: count * mean };
}

async function measure(
  { signal }: BenchContext,
  side: Side,
  { port, pid }: Sink,
  { file, count, bytes, streams }: Batches,
): Promise<Measured> {
  const before = cpuSecondsOf(pid);
  const cost =
    side === 'graphshift'
      ? await runChild<PutCommands, 'put'>(
          siblingModule(import.meta.url, 'put-child'),
          'put',
          { port, file, batches: count, streams },
          signal,
        ).then(({ output }) => output)
      : await askPython<PutCost>([SCRIPT, 'put', port, file, count, streams].map(String), signal);
  return { ...cost, bytes, serverCpu: cpuSecondsOf(pid) - before };
}

function describe({ seconds, cpuSeconds, bytes, serverCpu }: Measured): string {
  const perGigabyte = (value: number) => ((value * 1e9) / bytes).toFixed(2);
  return `${(bytes / seconds / 1e6).toFixed(0)} MB/s, ${perGigabyte(cpuSeconds)} s CPU/GB, ${perGigabyte(serverCpu)} of the server`;
}

function rowsOf({ says, judged }: Shape, { graphshift, pyarrow }: Record<Side, readonly Measured[]>): Row[] {
  const both = (figure: (measured: Measured) => number) => ({
    values: graphshift.map(figure),
    reference: pyarrow.map(figure),
  });
  return [
    {
      what: `rate, ${says}`,
      unit: 'MB/s',
      ...both(({ bytes, seconds }) => bytes / seconds / 1e6),
      ...(judged && { target: { of: 'ratio', atLeast: 0.8 } }),
    },
    {
      what: `CPU of the client, ${says}`,
      unit: 's/GB',
      ...both(({ bytes, cpuSeconds }) => (cpuSeconds * 1e9) / bytes),
    },
  ];
}
