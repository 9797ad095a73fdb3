/** A process of one of the two systems. */

import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { connectRedis, serveParent } from '@graphshift/core';
import { type Queue, QueueEvents } from 'bullmq';
import { ownCpuSeconds } from '../process-cost.ts';
import { openGraphshift } from './graphshift.ts';
import type { Effort, JobRange, QueueCommands } from './queue-commands.ts';
import { openRaw } from './raw.ts';
import type { System } from './system.ts';

const LOOK_EVERY_MS = 20;

let system: System | undefined;
let redisUrl = '';

serveParent<QueueCommands>({
  open: async ({ system: name, ...options }) => {
    redisUrl = options.redisUrl;
    system = await (name === 'graphshift' ? openGraphshift(options) : openRaw(options));
    return undefined;
  },
  enqueue: ({ from, count }) =>
    effortOf(async () => {
      for (let index = from; index < from + count; index++) await opened().enqueue(index);
    }),
  drain: async () => {
    let stop = async () => {};
    const effort = await effortOf(async () => {
      stop = await opened().work();
      while (!(await isEmpty(opened().queue))) await wait(LOOK_EVERY_MS);
    });
    await stop();
    return effort;
  },
  work: async () => {
    await opened().work();
    return undefined;
  },
  latencies: (range) => latencies(opened(), range),
});

function opened(): System {
  if (!system) throw new Error('the system is not open');
  return system;
}

async function effortOf(work: () => Promise<void>): Promise<Effort> {
  const [cpu, wall] = [ownCpuSeconds(), performance.now()];
  await work();
  return { cpuSeconds: ownCpuSeconds() - cpu, wallSeconds: (performance.now() - wall) / 1000 };
}

async function isEmpty(queue: Queue): Promise<boolean> {
  const counts = await queue.getJobCounts('waiting', 'active', 'delayed');
  return Object.values(counts).every((count) => count === 0);
}

async function latencies({ queue, enqueue }: System, { from, count }: JobRange): Promise<number[]> {
  const connection = await connectRedis({ url: redisUrl, blocking: true });
  // From the newest event on: by itself it begins where its first reading does, which may be after the first job.
  const [newest] = await connection.xrevrange(queue.toKey('events'), '+', '-', 'COUNT', 1);
  const events = new QueueEvents(queue.name, {
    connection,
    prefix: String(queue.opts.prefix),
    lastEventId: newest?.[0] ?? '0-0',
  });
  const found: number[] = [];
  for (let index = from; index < from + count; index++) {
    const ended = once(events, 'completed');
    const startedAt = performance.now();
    const id = await enqueue(index);
    const [{ jobId }] = (await ended) as [{ jobId: string }];
    found.push(performance.now() - startedAt);
    if (jobId !== id) throw new Error(`job ${jobId} ended while ${id} was waited for`);
  }
  await events.close();
  connection.disconnect();
  return found;
}
