import { connectRedis, DEPLOY_QUEUE, deploymentId, jobId, makeKeys, QUEUE_TIMES } from '@graphshift/core';
import { Queue, Worker } from 'bullmq';
import { type System, type SystemOptions, snapshotOf } from './system.ts';

/** What a person would write with BullMQ alone for as many jobs of the same kind: same payload, options and times. */
export async function openRaw({ redisUrl, concurrency }: SystemOptions): Promise<System> {
  const { prefix } = makeKeys('raw');
  const connection = await connectRedis({ url: redisUrl });
  const queue = new Queue(DEPLOY_QUEUE, { connection, prefix });
  await queue.waitUntilReady();
  return {
    queue,
    enqueue: async (index) => {
      const deployment = deploymentId(snapshotOf(index));
      const id = jobId(deployment, 1);
      await queue.add(
        'deploy-snapshot',
        { v: 1, deployment, run: 1 },
        {
          jobId: id,
          attempts: 4,
          backoff: { type: 'deployment' },
          removeOnComplete: { age: 7 * 24 * 3600, count: 1000 },
          removeOnFail: true,
        },
      );
      return id;
    },
    work: async () => {
      const blocking = await connectRedis({ url: redisUrl, blocking: true });
      const worker = new Worker(DEPLOY_QUEUE, async () => {}, {
        connection: blocking,
        prefix,
        concurrency,
        lockDuration: QUEUE_TIMES.lockMs,
        stalledInterval: QUEUE_TIMES.stalledCheckMs,
        settings: { backoffStrategy: () => 0 },
      });
      await worker.waitUntilReady();
      return async () => {
        await worker.close();
        blocking.disconnect();
      };
    },
    close: async () => {
      await queue.close();
      connection.disconnect();
    },
  };
}
