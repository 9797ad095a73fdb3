import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Service } from '../platform/service.ts';
import { CHUNK_QUEUE, type ChunkPayload, chunkJobId, chunkPayload } from './catalogue.ts';
import type { Keys } from './keys.ts';

/** Finished jobs that Bull Board still shows, and those that failed, whose chunks were tried again. */
const KEPT = { age: 24 * 3600, count: 1000 };

export interface ChunkJobsOptions {
  readonly connection: Redis;
  readonly keys: Keys;
}

/** Jobs on the queue `chunks`: each only asks a worker to take its chunk from the ledger. */
export class ChunkJobs implements Service {
  readonly queue: Queue;

  constructor({ connection, keys }: ChunkJobsOptions) {
    this.queue = new Queue(CHUNK_QUEUE, { connection, prefix: keys.prefix });
    // The connection itself tells of its losses, once; a queue would print each.
    this.queue.on('error', () => {});
  }

  async start(): Promise<void> {
    await this.queue.waitUntilReady();
  }

  async stop(): Promise<void> {
    await this.queue.close();
  }

  /** @param offer counts the jobs that the chunk has had. @returns the job's id */
  async add(payload: ChunkPayload, offer: number): Promise<string> {
    const { deployment, kind, name, chunk, chunks } = payload;
    const jobId = chunkJobId(payload, offer);
    const title = `${deployment} ${kind}/${name}, chunk ${chunk + 1} of ${chunks}`;
    await this.queue.add(title, chunkPayload.parse(payload), {
      jobId,
      removeOnComplete: KEPT,
      removeOnFail: KEPT,
    });
    return jobId;
  }

  /** Takes a job away, unless a worker has it in hand: that one learns from the ledger. */
  async remove(id: string): Promise<void> {
    await this.queue.remove(id).catch(() => 0);
  }

  /** Whether it waits or is in hand. */
  async exists(id: string): Promise<boolean> {
    const job = await this.queue.getJob(id);
    return job !== undefined && !['completed', 'failed', 'unknown'].includes(await job.getState());
  }
}
