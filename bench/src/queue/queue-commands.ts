import type { SystemName, SystemOptions } from './system.ts';

export interface Effort {
  /** Of the process that did it. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

export interface JobRange {
  /** Number of the first job. */
  readonly from: number;
  readonly count: number;
}

/** What a process of either system is asked; one of them produces, another works. */
export type QueueCommands = {
  open: { input: SystemOptions & { readonly system: SystemName }; output: undefined };
  /** Enqueues jobs one after the other. */
  enqueue: { input: JobRange; output: Effort };
  /** Starts a worker, waits until no job is left, and stops it. */
  drain: { input: undefined; output: Effort };
  /** Starts a worker that stays. */
  work: { input: undefined; output: undefined };
  /** Enqueues one job at a time, each when the one before has ended. Milliseconds from enqueueing to the end. */
  latencies: { input: JobRange; output: number[] };
};
