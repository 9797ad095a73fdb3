import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/** BullMQ keeps due times of delayed jobs in ms times this, to have room for their order. */
const DELAYED_SCALE = 0x1000;

const ORPHANS_LOOKED_AT = 100;

export interface ReadyQuestion {
  readonly queue: Queue;
  readonly connection: Redis;
  readonly keys: Keys;
  /** Milliseconds since 1970: delayed jobs that were due before are counted. */
  readonly dueBefore: number;
}

/**
 * Jobs of a queue that a consumer with a free slot should have taken by now, or brought back after their holder was lost;
 * none while somebody has paused the queue.
 */
export async function countReady({ queue, connection, keys, dueBefore }: ReadyQuestion): Promise<number> {
  if (await queue.isPaused()) return 0;
  const waiting = await queue.getWaitingCount();
  const delayed = await connection.zcount(keys.delayedJobs(queue.name), '-inf', dueBefore * DELAYED_SCALE);
  // In hand, without a lock any more; of the first so many.
  const active = await queue.getRanges(['active'], 0, ORPHANS_LOOKED_AT - 1);
  if (active.length === 0) return waiting + delayed;
  const locked = await connection.exists(...active.map((id) => keys.jobLock(queue.name, id)));
  return waiting + delayed + active.length - locked;
}
