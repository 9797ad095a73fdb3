/** What a worker makes of a large snapshot on Neo4j, beside what people write by hand. */

import { execFile } from 'node:child_process';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { siblingModule } from '@graphshift/core';
import { findServerProgram, launchServer } from '../../../scripts/redis-server.mjs';
import type { BenchContext, Benchmark, BenchResult } from '../benchmark.ts';
import { writeGraph } from '../load/snapshot.ts';
import { ROOT } from '../machine.ts';
import { runChild } from '../process-cost.ts';
import { launchNeo4j, PASSWORD } from './server.ts';
import type { Deployed, WorkerCommands } from './worker-commands.ts';

const SCRIPT = join(ROOT, 'bench', 'src', 'neo4j', 'reference.py');
const TIMESTAMP = 1_700_000_000;
const NOTES = [
  'Graphshift: a worker process as `graphshift worker` opens it takes one snapshot from its record to the alias: gate, check of every id and end, rows over Bolt in its loading process, removal of its load label, certificate, counts of the store, cutover. Seconds are from the record to `live`; memory is that of the worker and of its loading process, each at its peak, added.',
  'Plain script: the official Python driver, `UNWIND $rows` of 10,000 maps a transaction in one session, uniqueness constraints made first, rows read by pyarrow batch by batch (bench/src/neo4j/reference.py). No check, no proof, no way back. Seconds are of constraints and rows.',
  'LOAD CSV: `CALL { … } IN TRANSACTIONS OF 10000 ROWS`, with the same constraints; the files are written as CSV before the clock starts, and the server reads them over HTTP from this machine. Its memory is that of the script, not of the server.',
  'One server for all, on the same cores as they, warmed up by a small graph of each; each side has a database of its own, dropped before the next.',
];

type Side = 'graphshift' | 'unwind' | 'load-csv';
type Measured = Deployed;

export const neo4j: Benchmark = {
  name: 'neo4j',
  about:
    'A snapshot taken live on Neo4j over Bolt, beside a plain Python script and LOAD CSV on the same server.',
  sizes: {
    'graph-nodes': {
      says: 'nodes of two labels; there are three relationships a node, of two types',
      default: 1_000_000,
    },
    'warm-up-nodes': {
      says: 'nodes of the graph that each side loads before, for the compiler of the server',
      default: 100_000,
      least: 0,
    },
  },
  repetitions: 1,
  run: runNeo4j,
};

async function runNeo4j(context: BenchContext): Promise<BenchResult> {
  const found = findServerProgram();
  if (!found) throw new Error('the neo4j benchmark needs redis-server or valkey-server on the PATH');
  await requirePython();
  const redis = await launchServer(found.program, { directory: join(context.directory, 'redis') });
  const server = await launchNeo4j(context).catch(async (error: unknown) => {
    await redis.stop();
    throw error;
  });
  const sides = { redisUrl: redis.url, url: server.url, serverPid: server.pid };
  try {
    await warmUp(context, sides);
    const whole = await makeGraph(context, 'whole', context.sizes['graph-nodes'] ?? 1);
    context.say(`${whole.rows} rows written`);
    const measured: Record<Side, Measured[]> = { graphshift: [], unwind: [], 'load-csv': [] };
    for (let repetition = 1; repetition <= context.repetitions; repetition++) {
      for (const side of SIDES) {
        const figures = await measure(context, side, whole, sides);
        measured[side].push(figures);
        context.say(`${repetition} of ${context.repetitions}: ${side}: ${describe(figures)}`);
      }
    }
    return resultOf(measured, whole.rows);
  } finally {
    await server.kill();
    await redis.stop();
  }
}

async function warmUp(context: BenchContext, servers: Servers): Promise<void> {
  const nodes = context.sizes['warm-up-nodes'] ?? 0;
  if (nodes === 0) return;
  const small = await makeGraph(context, 'small', nodes);
  for (const side of SIDES)
    context.say(`warming up: ${side}: ${describe(await measure(context, side, small, servers))}`);
}

function describe({ seconds, serverCpu, clientCpu, peakMemory }: Measured): string {
  const cpu = `${serverCpu.toFixed(1)} + ${clientCpu.toFixed(1)} s CPU of server and client`;
  return `${seconds.toFixed(1)} s, ${cpu}, ${(peakMemory / 1e6).toFixed(0)} MB`;
}

const SIDES: readonly Side[] = ['graphshift', 'unwind', 'load-csv'];

interface Graph {
  readonly root: string;
  readonly path: string;
  readonly rows: number;
}

async function makeGraph({ directory }: BenchContext, name: string, nodes: number): Promise<Graph> {
  const root = join(directory, name);
  return { root, ...(await writeGraph(root, nodes)) };
}

let deployed = 0;

/** The snapshot under the name of a customer that nobody has loaded yet. */
async function newCustomer({ root, path }: Graph): Promise<string> {
  const customer = `bench-n${++deployed}n`;
  await symlink(dirname(path), join(root, customer));
  return customer;
}

interface Servers {
  readonly redisUrl: string;
  /** Of Neo4j. */
  readonly url: string;
  readonly serverPid: number;
}

async function measure(context: BenchContext, side: Side, graph: Graph, servers: Servers): Promise<Measured> {
  const found =
    side === 'graphshift'
      ? await deploy(context, graph, servers)
      : await byHand(context, side, servers, graph.path);
  if (found.rows !== graph.rows) throw new Error(`${side} stored ${found.rows} of ${graph.rows} rows`);
  return found;
}

async function deploy({ signal }: BenchContext, graph: Graph, servers: Servers): Promise<Measured> {
  const module = siblingModule(import.meta.url, 'worker-child');
  const customer = await newCustomer(graph);
  const input = { ...servers, root: graph.root, password: PASSWORD, customer, timestamp: TIMESTAMP };
  const { output } = await runChild<WorkerCommands, 'deploy'>(module, 'deploy', input, signal);
  return output;
}

async function byHand(
  { directory, signal }: BenchContext,
  side: Exclude<Side, 'graphshift'>,
  { url, serverPid }: Servers,
  path: string,
): Promise<Measured> {
  const scratch = join(directory, 'csv');
  await mkdir(scratch);
  const { stdout } = await promisify(execFile)(
    'python3',
    [SCRIPT, side, url, PASSWORD, 'by-hand', path, scratch, String(serverPid)],
    { signal },
  );
  await rm(scratch, { recursive: true });
  return JSON.parse(stdout) as Measured;
}

async function requirePython(): Promise<void> {
  try {
    await promisify(execFile)('python3', ['-c', 'import neo4j, pyarrow']);
  } catch (cause) {
    throw new Error('the neo4j benchmark needs python3 with the packages neo4j and pyarrow', { cause });
  }
}

function resultOf(measured: Readonly<Record<Side, readonly Measured[]>>, rows: number): BenchResult {
  const { graphshift, unwind } = measured;
  const seconds = (side: Side) => measured[side].map((figures) => figures.seconds);
  const perSecond = (side: Side) => seconds(side).map((value) => rows / value);
  const cpu = ({ serverCpu, clientCpu }: Measured) => serverCpu + clientCpu;
  const megabytes = (figures: readonly Measured[]) => figures.map(({ peakMemory }) => peakMemory / 1e6);
  return {
    subject: 'Graphshift',
    reference: 'by hand',
    rows: [
      {
        what: 'time beside the plain script',
        unit: 's',
        values: seconds('graphshift'),
        reference: seconds('unwind'),
        target: { of: 'ratio', atMost: 0.333 },
      },
      {
        what: 'time beside LOAD CSV',
        unit: 's',
        values: seconds('graphshift'),
        reference: seconds('load-csv'),
      },
      {
        what: 'rows beside the plain script',
        unit: 'a second',
        values: perSecond('graphshift'),
        reference: perSecond('unwind'),
      },
      {
        what: 'CPU of server and client beside the plain script',
        unit: 's',
        values: graphshift.map(cpu),
        reference: unwind.map(cpu),
      },
      {
        what: 'CPU of the server alone',
        unit: 's',
        values: graphshift.map(({ serverCpu }) => serverCpu),
        reference: unwind.map(({ serverCpu }) => serverCpu),
      },
      {
        what: 'peak memory of worker and loading process, beside the plain script',
        unit: 'MB',
        values: megabytes(graphshift),
        reference: megabytes(unwind),
        target: { of: 'median', atMost: 400 },
      },
    ],
    notes: NOTES,
  };
}
