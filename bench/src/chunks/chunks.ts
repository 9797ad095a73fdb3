/** One snapshot shared by many workers: what more workers bring on a real server, and what sharing itself costs. */

import { symlink } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { ChildProcess, siblingModule, writeSnapshot } from '@graphshift/core';
import { findServerProgram, launchServer } from '../../../scripts/redis-server.mjs';
import type { BenchContext, Benchmark, BenchResult, Row } from '../benchmark.ts';
import { launchNeo4j, PASSWORD } from '../neo4j/server.ts';
import { cpuSecondsOf } from '../process-cost.ts';
import type { ChunkCommands } from './chunk-commands.ts';

const TIMESTAMP = 1_700_000_000;
const WORKERS = [1, 2, 4] as const;
const NODE_FILES = 16;
const RELATIONSHIP_FILES = 48;
const BATCH_MS = 500;
const BATCHES_A_CHUNK = 2;
/** Of the time of one worker with its own share, where many have as many shares: an efficiency of 0.9. */
const MOST_TIMES_ONE = 1.11;

const NOTES = [
  'On Neo4j: one snapshot of 64 files over Bolt, loaded by one, two and four worker processes, each as `graphshift worker` opens it; a warm-up load comes before. Seconds are of the whole step `loading`, in which the check, the index, the removal of the load label and the counts are the coordinator’s alone. All of it, the server too, is on the cores of one machine: where the server and the workers have taken what these have, more workers bring nothing. CPU is of the server’s process meanwhile.',
  'Slow store: every batch takes 500 ms, whoever sends it, and nothing else. Each worker has the same share of chunks, so that the time stays the same where sharing costs nothing; a chunk has two batches, half of the chunks come after the barrier. All workers are in one process, each with its own consumer and connections: what is measured is ledger, queue and handing out.',
];

export const chunks: Benchmark = {
  name: 'chunks',
  about: 'One snapshot that several workers load together, beside one worker that loads it alone.',
  sizes: {
    'shared-nodes': { says: 'nodes in 16 files; three relationships each, in 48 files', default: 200_000 },
    'most-workers': { says: 'workers at most on the slow store', default: 32 },
    'chunks-a-worker': { says: 'chunks that each worker has on the slow store', default: 20, least: 2 },
  },
  repetitions: 1,
  run: runChunks,
};

async function runChunks(context: BenchContext): Promise<BenchResult> {
  const found = findServerProgram();
  if (!found) throw new Error('the chunks benchmark needs redis-server or valkey-server on the PATH');
  const redis = await launchServer(found.program, { directory: join(context.directory, 'redis') });
  try {
    const slow = await onSlowStore(context, redis.url);
    const real = await onNeo4j(context, redis.url);
    return {
      subject: 'several workers',
      reference: 'one worker',
      rows: [...real, ...slow],
      notes: NOTES,
    };
  } finally {
    await redis.stop();
  }
}

function start(): ChildProcess<ChunkCommands> {
  return new ChildProcess<ChunkCommands>(siblingModule(import.meta.url, 'chunk-child'), { name: 'worker' });
}

async function onSlowStore(
  { sizes, repetitions, signal, say }: BenchContext,
  redisUrl: string,
): Promise<Row[]> {
  const most = sizes['most-workers'] ?? 1;
  const counts = [1, 2, 4, 8, 16, 32, 64].filter((count) => count <= most);
  const seconds = new Map<number, number[]>(counts.map((count) => [count, []]));
  for (let repetition = 0; repetition < repetitions; repetition++)
    for (const workers of counts) {
      const child = start();
      try {
        const input = {
          redisUrl,
          workers,
          chunksAWorker: sizes['chunks-a-worker'] ?? 1,
          batchesAChunk: BATCHES_A_CHUNK,
          batchMs: BATCH_MS,
        };
        const took = await child.call('scale', input, { signal });
        seconds.get(workers)?.push(took);
        say(`slow store: ${workers} workers with ${workers} shares: ${took.toFixed(1)} s`);
      } finally {
        await child.kill();
      }
    }
  const one = seconds.get(1) ?? [];
  return counts.slice(1).map((workers) => ({
    what: `slow store: time of ${workers} workers with ${workers} shares`,
    unit: 's',
    values: seconds.get(workers) ?? [],
    reference: one,
    ...(workers === 32 && { target: { of: 'ratio', atMost: MOST_TIMES_ONE } as const }),
  }));
}

interface Measured {
  readonly rate: number;
  /** Of what the cores had meanwhile, in percent. */
  readonly server: number;
  readonly workers: number;
}

async function onNeo4j(context: BenchContext, redisUrl: string): Promise<Row[]> {
  const { say, repetitions, directory } = context;
  const root = join(directory, 'snapshots');
  const path = await writeFiles(root, context.sizes['shared-nodes'] ?? 1);
  const server = await launchNeo4j(context);
  try {
    const measured = new Map<number, Measured[]>(WORKERS.map((count) => [count, []]));
    let turn = 0;
    const measure = async (workers: number) => {
      const customer = `bench-n${++turn}n`;
      await symlink(dirname(path), join(root, customer));
      const found = await loadBy(context, workers, {
        ...{ redisUrl, prefix: `real-${turn}`, url: server.url, password: PASSWORD, root },
        ...{ leastBytes: 1_000_000, customer, timestamp: TIMESTAMP, serverPid: server.pid },
      });
      const { rate, server: share } = found;
      say(`neo4j: ${workers} workers: ${Math.round(rate)} rows/s, server ${share.toFixed(0)} % of the cores`);
      return found;
    };
    await measure(2);
    for (let repetition = 0; repetition < repetitions; repetition++)
      for (const workers of WORKERS) measured.get(workers)?.push(await measure(workers));
    return neo4jRows(measured);
  } finally {
    await server.kill();
  }
}

function neo4jRows(measured: ReadonlyMap<number, readonly Measured[]>): Row[] {
  const values = (workers: number, field: keyof Measured) =>
    (measured.get(workers) ?? []).map((found) => found[field]);
  return WORKERS.slice(1).flatMap((workers): Row[] => [
    {
      what: `neo4j: rows by ${workers} workers`,
      unit: 'a second',
      values: values(workers, 'rate'),
      reference: values(1, 'rate'),
    },
    {
      what: `neo4j: CPU of the server with ${workers} workers, of all cores`,
      unit: '%',
      values: values(workers, 'server'),
      reference: values(1, 'server'),
    },
    {
      what: `neo4j: CPU of ${workers} workers, of all cores`,
      unit: '%',
      values: values(workers, 'workers'),
      reference: values(1, 'workers'),
    },
  ]);
}

type RealInput = ChunkCommands['deploy']['input'] & { readonly serverPid: number };

async function loadBy({ signal }: BenchContext, workers: number, input: RealInput): Promise<Measured> {
  const children = Array.from({ length: workers }, start);
  const caller = start();
  try {
    for (const child of children) await child.call('work', input, { signal });
    const before = { cpu: cpuSecondsOf(input.serverPid), at: performance.now() };
    const { seconds, rows } = await caller.call('deploy', input, { signal });
    const wall = (performance.now() - before.at) / 1000;
    const serverCpu = cpuSecondsOf(input.serverPid) - before.cpu;
    let workerCpu = 0;
    for (const child of children) workerCpu += await child.call('rest', undefined, { signal });
    const share = (cpu: number) => (100 * cpu) / (wall * availableParallelism());
    return { rate: rows / seconds, server: share(serverCpu), workers: share(workerCpu) };
  } finally {
    for (const child of [...children, caller]) await child.kill();
  }
}

async function writeFiles(root: string, nodes: number): Promise<string> {
  const person = (from: number, to: number) =>
    `SELECT 'p' || i AS id, 'Person' AS labels, 'Person number ' || i AS name, i % 90 AS age FROM range(${from}, ${to}) t(i)`;
  const end = (salt: number) => `'p' || CAST(hash(i, ${salt}) % ${nodes} AS BIGINT)`;
  const knows = (from: number, to: number) =>
    `SELECT ${end(1)} AS source, ${end(2)} AS target, 'KNOWS' AS type, i AS since FROM range(${from}, ${to}) t(i)`;
  return writeSnapshot(root, {
    customer: 'bench',
    timestamp: TIMESTAMP,
    nodes: { Person: cut(nodes, NODE_FILES, person) },
    relationships: { KNOWS: cut(nodes * 3, RELATIONSHIP_FILES, knows) },
  });
}

function cut(rows: number, files: number, select: (from: number, to: number) => string): string[] {
  return Array.from({ length: files }, (_, file) =>
    select(Math.floor((rows * file) / files), Math.floor((rows * (file + 1)) / files)),
  );
}
