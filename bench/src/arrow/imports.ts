/** Whole databases from the same rows, in turns: our load over Arrow Flight, the official client, Neo4j's own importer. */

import { join } from 'node:path';
import type { BenchContext, Benchmark, BenchResult, Row } from '../benchmark.ts';
import { writeGraph } from '../load/snapshot.ts';
import { launchNeo4j } from '../neo4j/server.ts';
import { type Ground, loadByOfficialClient, loadOverArrow, requireOfficialClient } from './end-to-end.ts';
import { type ImporterRun, runImporter, writeCsv } from './importer.ts';
import type { Imported } from './load-commands.ts';

const NOTES = [
  'End to end: `openLoad`, `check`, `nodes`, `relationships`, `seal` and `unmark` of the Neo4j store, as a worker calls them, on the development Neo4j: every check of files, ids and ends, the content hash, the import, and the counts of its certificate. Constraints on ids are left out where it stands beside the official client, which makes none. Memory is that of the process that calls and of its loading process, each at its peak, added.',
  'Official client: `graphdatascience` against the same server, a pyarrow table of each label and type read whole and uploaded (bench/src/arrow/official.py), 10,000 rows a batch as it does by itself, and its last call given the time that it takes. No check, no proof. The start of Python and its imports is left out; our loading process starts within its time.',
  'Own importer: `neo4j-admin database import full` of the same release in a JVM of the same heap, on the same rows as CSV, which were written before. Its time is that of its whole process, and its database is a store on the disk that no server serves yet; ours is online.',
  'One server for both clients, warmed up by a small graph of each; each load has a database of its own, dropped before the next.',
];

interface Measured {
  readonly ours: Imported[];
  readonly indexed: Imported[];
  readonly official: Imported[];
  readonly importer: ImporterRun[];
}

export const imports: Benchmark = {
  name: 'arrow',
  part: 'imports',
  about:
    'Whole databases from Parquet files over Arrow Flight, beside the official Python client on the same server and beside the importer of `neo4j-admin`.',
  sizes: {
    'import-nodes': { says: 'nodes of two labels; there are three relationships a node', default: 1_000_000 },
    'import-warm-up-nodes': {
      says: 'nodes of the graph that each client loads before, for the compiler of the server',
      default: 100_000,
      least: 0,
    },
  },
  repetitions: 3,
  run: runImports,
};

async function runImports(context: BenchContext): Promise<BenchResult> {
  await requireOfficialClient(context);
  const server = await launchNeo4j(context, { flight: true });
  const graphOf = async (name: string, nodes: number): Promise<Ground> => ({
    server,
    name,
    databases: 0,
    ...(await writeGraph(join(context.directory, name), nodes)),
  });
  try {
    const warmUp = context.sizes['import-warm-up-nodes'] ?? 0;
    if (warmUp > 0) {
      const small = await graphOf('small', warmUp);
      tell(context, 'warming up', await loadOverArrow(context, small, true));
      tell(context, 'warming up, official client', await loadByOfficialClient(context, small));
    }
    const ground = await graphOf('whole', context.sizes['import-nodes'] ?? 1);
    const files = await writeCsv(context, ground);
    context.say(`${ground.rows} rows written`);
    const measured: Measured = { ours: [], indexed: [], official: [], importer: [] };
    for (let repetition = 1; repetition <= context.repetitions; repetition++)
      await measureOnce(context, `${repetition} of ${context.repetitions}`, { ground, files, measured });
    return { subject: 'Graphshift', reference: 'beside', rows: rowsOf(measured), notes: NOTES };
  } finally {
    await server.kill();
  }
}

async function measureOnce(
  context: BenchContext,
  turn: string,
  { ground, files, measured }: { ground: Ground; files: readonly string[]; measured: Measured },
): Promise<void> {
  const { ours, official, importer, indexed } = measured;
  ours.push(tell(context, turn, await loadOverArrow(context, ground, false)));
  official.push(tell(context, `${turn}, official client`, await loadByOfficialClient(context, ground)));
  const run = await runImporter(context, files);
  context.say(`${turn}, own importer: ${run.seconds.toFixed(1)} s, ${run.cpuSeconds.toFixed(1)} s CPU`);
  importer.push(run);
  indexed.push(tell(context, `${turn}, with constraints`, await loadOverArrow(context, ground, true)));
}

function tell({ say }: BenchContext, what: string, measured: Imported): Imported {
  const { seconds, serverCpu, clientCpu, peakMemory, steps } = measured;
  const cpu = `${serverCpu.toFixed(1)} + ${clientCpu.toFixed(1)} s CPU of server and client`;
  const each = Object.entries(steps).map(([name, value]) => `${name} ${value.toFixed(1)}`);
  say(`${what}: ${seconds.toFixed(1)} s (${each.join(', ')}), ${cpu}, ${(peakMemory / 1e6).toFixed(0)} MB`);
  return measured;
}

function rowsOf({ ours, indexed, official, importer }: Measured): Row[] {
  const seconds = (runs: readonly { readonly seconds: number }[]) => runs.map((run) => run.seconds);
  const cpu = ({ serverCpu, clientCpu }: Imported) => serverCpu + clientCpu;
  const megabytes = (runs: readonly Imported[]) => runs.map(({ peakMemory }) => peakMemory / 1e6);
  return [
    {
      what: 'end to end, beside the official client',
      unit: 's',
      values: seconds(ours),
      reference: seconds(official),
      target: { of: 'ratio', atMost: 1.05 },
    },
    {
      what: 'CPU of server and client, beside the official client',
      unit: 's',
      values: ours.map(cpu),
      reference: official.map(cpu),
    },
    {
      what: 'peak memory of the client, beside the official one',
      unit: 'MB',
      values: megabytes(ours),
      reference: megabytes(official),
      target: { of: 'ratio', atMost: 0.25 },
    },
    {
      what: 'end to end, beside the own importer',
      unit: 's',
      values: seconds(ours),
      reference: seconds(importer),
      target: { of: 'ratio', atMost: 1.15 },
    },
    {
      what: 'CPU, beside the own importer',
      unit: 's',
      values: ours.map(cpu),
      reference: importer.map(({ cpuSeconds }) => cpuSeconds),
    },
    {
      what: 'the same with constraints on ids, beside the official client',
      unit: 's',
      values: seconds(indexed),
      reference: seconds(official),
    },
  ];
}
