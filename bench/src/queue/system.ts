/** The two systems that run jobs, behind one face: Graphshift's pipeline, and BullMQ alone. */

import type { Queue } from 'bullmq';

export type SystemName = 'graphshift' | 'raw';

export interface SystemOptions {
  readonly redisUrl: string;
  /** Jobs at once in the worker. */
  readonly concurrency: number;
  /** Databases that the gate lets in. */
  readonly maxDatabases: number;
}

export interface System {
  readonly queue: Queue;
  /** Sees to it that the job of this number is in the queue. @returns the job's id */
  enqueue(index: number): Promise<string>;
  /** Starts a worker. @returns what stops it */
  work(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** A customer's only snapshot. */
export function snapshotOf(index: number): { customer: string; timestamp: number } {
  return { customer: `customer-n${index}n`, timestamp: 1_700_000_000 };
}
