/** What a worker needs of memory while a snapshot many times as large goes through it over Arrow Flight. */

import { join } from 'node:path';
import { ChildProcess, siblingModule } from '@graphshift/core';
import { buildNeo4jDev, launchNeo4jDev, neo4jDevProblem } from '../../../scripts/neo4j-dev.mjs';
import { findServerProgram, launchServer } from '../../../scripts/redis-server.mjs';
import type { BenchContext, Benchmark, BenchResult } from '../benchmark.ts';
import { ROOT } from '../machine.ts';
import { PASSWORD } from '../neo4j/server.ts';
import type { WorkerCommands } from '../neo4j/worker-commands.ts';
import { type LargeSnapshot, writeLargeSnapshot } from './large-snapshot.ts';
import { type PeakMemory, watchMemory } from './resident-memory.ts';
import { launchSink, requirePyarrow, type Sink } from './sink.ts';

const SCRIPT = join(ROOT, 'bench', 'src', 'arrow', 'gds-sink.py');
const NAME = { customer: 'bench', timestamp: 1_700_000_000 };
const LIMIT_MB = 512;
/** Of the JVM. */
const HEAP_MB = 512;

const NOTES = [
  'A worker process as `graphshift worker` opens it takes the snapshot from its record on: gate, every check of files, ids and ends, content hash, and the rows over Arrow Flight in its loading process, with the settings as they are by default. Bolt goes to the development Neo4j; Arrow Flight goes to a server in pyarrow that speaks the import protocol and throws the rows away (bench/src/arrow/gds-sink.py). It ends where the server is told to build: all rows were sent by then, and it has counted as many as the files have.',
  'Memory is resident memory by /proc of the worker process and of every process that it started: what each had at its own peak, which the kernel keeps, added. Pages that both share, such as those of Node itself, count twice. Nothing holds the processes to a limit; the peak is what is judged.',
];

export const memory: Benchmark = {
  name: 'arrow',
  part: 'memory',
  about: 'A large snapshot through a worker over Arrow Flight, into a server that throws the rows away.',
  sizes: {
    'snapshot-megabytes': { says: 'MB of Parquet that are written for it, about', default: 10_000 },
  },
  repetitions: 1,
  run: runMemory,
};

interface Measured extends PeakMemory {
  /** From the start of the worker to the last row. */
  readonly seconds: number;
  /** Bytes of the columns that came. */
  readonly bytes: number;
}

async function runMemory(context: BenchContext): Promise<BenchResult> {
  await requirePyarrow();
  const problem = neo4jDevProblem();
  if (problem !== undefined) throw new Error(`the benchmark needs the development Neo4j: ${problem}`);
  const root = join(context.directory, 'data');
  const snapshot = await writeLargeSnapshot(root, NAME, context.sizes['snapshot-megabytes'] ?? 1);
  const { nodes, relationships, bytes } = snapshot;
  context.say(`${(bytes / 1e9).toFixed(2)} GB written: ${nodes} nodes, ${relationships} relationships`);
  const measured: Measured[] = [];
  for (let repetition = 1; repetition <= context.repetitions; repetition++) {
    const directory = join(context.directory, `servers-${repetition}`);
    const found = await withServers(directory, context, (servers) =>
      passThrough(context, snapshot, { ...servers, root }),
    );
    context.say(`${repetition} of ${context.repetitions}: ${describe(found)}`);
    measured.push(found);
  }
  return resultOf(snapshot, measured);
}

interface Servers {
  readonly redisUrl: string;
  readonly url: string;
  /** Of Neo4j. */
  readonly serverPid: number;
  readonly sink: Sink;
}

/** Redis, a Neo4j for Bolt and a sink for Arrow Flight, as long as `work` takes. */
async function withServers<T>(
  directory: string,
  { signal, say }: BenchContext,
  work: (servers: Servers) => Promise<T>,
): Promise<T> {
  const found = findServerProgram();
  if (!found) throw new Error('the benchmark needs redis-server or valkey-server on the PATH');
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const redis = await launchServer(found.program, { directory: join(directory, 'redis') });
    ends.push(() => redis.stop());
    const build = await buildNeo4jDev({ say, signal });
    const data = join(directory, 'neo4j');
    const neo4j = await launchNeo4jDev(build, { data, password: PASSWORD, heapMb: HEAP_MB, signal });
    ends.push(() => neo4j.kill());
    const sink = await launchSink([SCRIPT]);
    ends.push(() => sink.kill());
    return await work({ redisUrl: redis.url, url: neo4j.url, serverPid: neo4j.pid, sink });
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function passThrough(
  { signal }: BenchContext,
  snapshot: LargeSnapshot,
  { sink, ...servers }: Servers & { readonly root: string },
): Promise<Measured> {
  const module = siblingModule(import.meta.url.replace('/arrow/', '/neo4j/'), 'worker-child');
  const worker = new ChildProcess<WorkerCommands>(module, { name: 'worker' });
  const seen = new AbortController();
  const peak = watchMemory(worker.pid ?? 0, seen.signal);
  const before = performance.now();
  try {
    const flight = `grpc://127.0.0.1:${sink.port}`;
    const deployed = worker.call('deploy', { ...servers, ...NAME, password: PASSWORD, flight }, { signal });
    // It never gets so far: the server builds for ever.
    const built = await Promise.race([sink.says('BUILT'), deployed.then(() => '')]);
    const seconds = (performance.now() - before) / 1000;
    seen.abort();
    const came = JSON.parse(built) as { node: number; relationship: number; bytes: number };
    // The mark of the load is a node of the import.
    if (came.node !== snapshot.nodes + 1 || came.relationship !== snapshot.relationships)
      throw new Error(`the sink got ${built} of ${JSON.stringify(snapshot)}`);
    return { ...(await peak), seconds, bytes: came.bytes };
  } finally {
    seen.abort();
    await worker.kill();
  }
}

function describe({ seconds, bytes, together, each }: Measured): string {
  const megabytes = (value: number) => `${(value / 1e6).toFixed(0)} MB`;
  return `${megabytes(bytes)} of rows in ${seconds.toFixed(0)} s; ${megabytes(together)} at one moment, and ${each.map(megabytes).join(' + ')} at their peaks`;
}

function resultOf(snapshot: LargeSnapshot, measured: readonly Measured[]): BenchResult {
  const each = (figure: (one: Measured) => number) => measured.map(figure);
  return {
    subject: 'Graphshift',
    reference: '',
    rows: [
      {
        what: 'peak memory of worker and loading process',
        unit: 'MB',
        values: each((one) => one.each.reduce((sum, peak) => sum + peak, 0) / 1e6),
        target: { of: 'median', atMost: LIMIT_MB },
      },
      { what: 'the most of it at one moment', unit: 'MB', values: each(({ together }) => together / 1e6) },
      { what: 'Parquet', unit: 'GB', values: each(() => snapshot.bytes / 1e9) },
      { what: 'columns that came to the server', unit: 'GB', values: each(({ bytes }) => bytes / 1e9) },
      { what: 'rows', unit: 'million', values: each(() => (snapshot.nodes + snapshot.relationships) / 1e6) },
      {
        what: 'from the start of the worker to the last row',
        unit: 's',
        values: each(({ seconds }) => seconds),
      },
    ],
    notes: NOTES,
  };
}
