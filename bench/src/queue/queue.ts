/** What the pipeline costs beside the jobs that it is built on. */

import { join } from 'node:path';
import { ChildProcess, connectRedis, siblingModule } from '@graphshift/core';
import type { Redis } from 'ioredis';
import { findServerProgram, launchServer } from '../../../scripts/redis-server.mjs';
import type { BenchContext, Benchmark, BenchResult } from '../benchmark.ts';
import { quantile } from '../figures.ts';
import { redisCpuSeconds } from '../process-cost.ts';
import type { Effort, QueueCommands } from './queue-commands.ts';
import type { SystemName } from './system.ts';

const NOTES = [
  'Graphshift: a producer process records each snapshot and wakes a worker up (`discover`, `ensureHead`); a worker process as `graphshift worker` opens it, with its log, its desk and its upkeep, takes all steps from the gate to retention. Only the store is another: it lists, counts and moves aliases in memory, and stores no row. Each customer has one snapshot, so that no deployment waits for another.',
  'BullMQ alone: the same payloads, job ids and options through a plain `Queue`, one `add` at a time, and a plain `Worker` of the same concurrency (4), lock and stall times whose handler returns at once. It is the least that a job can cost, not a system that does the same.',
  'CPU is user and system time: of the process between two moments, and of Redis by `INFO cpu` between the same two. Starts of processes are left out, a warm-up comes before. The end is the `completed` event, seen by the producing process, for both; latencies are of one job at a time.',
];

/** Enough for the compiler of both processes to have settled. */
const WARM_UP = 200;
const CONCURRENCY = 4;
/** A phase takes seconds; one that takes this long hangs. */
const TIMEOUT_MS = 180_000;

/** One repetition of one system; CPU is in milliseconds a job, of the process and of Redis together. */
interface Measured {
  readonly enqueueMs: number;
  readonly workMs: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

export const queue: Benchmark = {
  name: 'queue',
  about:
    'Deployments through the real pipeline, with a store that does nothing, beside as many no-op jobs of BullMQ alone.',
  sizes: {
    deployments: { says: 'deployments, each of a customer of its own', default: 1000 },
    latencies: { says: 'deployments one at a time in an idle system', default: 200 },
  },
  repetitions: 5,
  run: runQueue,
};

async function runQueue(context: BenchContext): Promise<BenchResult> {
  const found = findServerProgram();
  if (!found) throw new Error('the queue benchmark needs redis-server or valkey-server on the PATH');
  const server = await launchServer(found.program, { directory: join(context.directory, 'redis') });
  const redis = await connectRedis({ url: server.url });
  const measured: Record<SystemName, Measured[]> = { graphshift: [], raw: [] };
  try {
    for (let repetition = 1; repetition <= context.repetitions; repetition++) {
      for (const system of ['graphshift', 'raw'] as const) {
        const figures = await measure(context, system, server.url, redis);
        measured[system].push(figures);
        const { workMs, perSecond, p50 } = figures;
        context.say(
          `${repetition} of ${context.repetitions}: ${system}: ${Math.round(perSecond)}/s, ${workMs.toFixed(2)} ms CPU a job, ${p50.toFixed(1)} ms from enqueue to end`,
        );
      }
    }
  } finally {
    redis.disconnect();
    await server.stop();
  }
  return resultOf(measured.graphshift, measured.raw);
}

/** Two processes of the system on an empty Redis: one produces, the other works. */
async function measure(
  { sizes, ...context }: BenchContext,
  system: SystemName,
  redisUrl: string,
  redis: Redis,
): Promise<Measured> {
  const { deployments = 1, latencies = 1 } = sizes;
  const limits = { signal: context.signal, timeoutMs: TIMEOUT_MS };
  const warmUp = Math.min(WARM_UP, deployments);
  await redis.flushall();
  const module = siblingModule(import.meta.url, 'queue-child');
  const [producer, worker] = ['producer', 'worker'].map(
    (name) => new ChildProcess<QueueCommands>(module, { name }),
  );
  if (!producer || !worker) throw new Error('no processes');
  try {
    const maxDatabases = warmUp + deployments + latencies + 1;
    const options = { system, redisUrl, concurrency: CONCURRENCY, maxDatabases };
    await Promise.all([producer, worker].map((child) => child.call('open', options, limits)));
    await producer.call('enqueue', { from: 0, count: warmUp }, limits);
    await worker.call('drain', undefined, limits);

    const jobs = { from: warmUp, count: deployments };
    const enqueued = await withRedis(redis, () => producer.call('enqueue', jobs, limits));
    const worked = await withRedis(redis, () => worker.call('drain', undefined, limits));

    await worker.call('work', undefined, limits);
    const alone = { from: warmUp + deployments, count: latencies };
    const times = await producer.call('latencies', alone, limits);
    return {
      enqueueMs: (enqueued.cpuSeconds * 1000) / deployments,
      workMs: (worked.cpuSeconds * 1000) / deployments,
      perSecond: deployments / worked.wallSeconds,
      p50: quantile(times, 0.5),
      p99: quantile(times, 0.99),
    };
  } finally {
    await Promise.all([producer.kill(), worker.kill()]);
  }
}

/** Adds what Redis used meanwhile. */
async function withRedis(redis: Redis, work: () => Promise<Effort>): Promise<Effort> {
  const before = await redisCpuSeconds(redis);
  const effort = await work();
  return { ...effort, cpuSeconds: effort.cpuSeconds + (await redisCpuSeconds(redis)) - before };
}

function resultOf(subject: readonly Measured[], reference: readonly Measured[]): BenchResult {
  const both = (figure: (measured: Measured) => number) => ({
    values: subject.map(figure),
    reference: reference.map(figure),
  });
  return {
    subject: 'Graphshift',
    reference: 'BullMQ alone',
    rows: [
      { what: 'jobs through one worker', unit: 'a second', ...both(({ perSecond }) => perSecond) },
      {
        what: 'CPU of worker and Redis a job',
        unit: 'ms',
        ...both(({ workMs }) => workMs),
        target: { of: 'ratio', atMost: 5 },
      },
      { what: 'CPU of producer and Redis a job', unit: 'ms', ...both(({ enqueueMs }) => enqueueMs) },
      {
        what: 'all CPU a job',
        unit: 'ms',
        ...both(({ workMs, enqueueMs }) => workMs + enqueueMs),
        target: { of: 'ratio', atMost: 5 },
      },
      {
        what: 'enqueue to end, median',
        unit: 'ms',
        ...both(({ p50 }) => p50),
        target: { of: 'median', atMost: 12 },
      },
      { what: 'enqueue to end, 99th of 100', unit: 'ms', ...both(({ p99 }) => p99) },
    ],
    notes: NOTES,
  };
}
