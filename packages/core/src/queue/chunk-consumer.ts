/**
 * Takes jobs from the queue `chunks`, as many at a time as the process has slots that no deployment needs: a process that is
 * busy with deployments takes none.
 */

import { type Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Clock } from '../platform/clock.ts';
import { within } from '../platform/deadline.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';
import type { BusyMeter } from './busy-meter.ts';
import { CHUNK_QUEUE, type ChunkPayload, chunkPayload, isNewerPayload } from './catalogue.ts';
import { complainOnce } from './connection.ts';
import {
  delayJob,
  GIVE_BACK_LIMIT_MS,
  NEWER_PAYLOAD_DELAY_MS,
  QUEUE_TIMES,
  type QueueTimes,
  UNTOUCHED_DELAY_MS,
} from './consume.ts';
import type { Keys } from './keys.ts';

/** One chunk's job in a handler's hands. */
export interface ChunkPickup {
  readonly payload: ChunkPayload;
  /** Aborts when the job's lock is lost or the worker must stop. */
  readonly signal: AbortSignal;
  /** Shown on the job by Bull Board. */
  progress(value: Record<string, string | number>): Promise<void>;
}

export type ChunkOutcome =
  | { readonly kind: 'done'; readonly note: string }
  | { readonly kind: 'later'; readonly delayMs: number }
  /** It is shown; whoever coordinates the load sees to what comes next. */
  | { readonly kind: 'failed'; readonly error: GraphshiftError };

export interface ChunkConsumerOptions {
  /** A connection of its own: the worker waits in blocking commands on it. */
  readonly blocking: Redis;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly log: Logger;
  readonly times?: QueueTimes;
  readonly meter?: BusyMeter;
  /** Chunks that it may load at one time, now. */
  readonly slots: () => number;
  readonly handle: (pickup: ChunkPickup) => Promise<ChunkOutcome>;
}

/** How soon a slot that was freed, or is needed by a deployment, is known. */
const ADJUST_EVERY_MS = 500;

export class ChunkConsumer implements Service {
  readonly #options: ChunkConsumerOptions;
  readonly #running = new Map<string, AbortController>();
  #worker: Worker | undefined;
  #stopAdjusting: (() => void) | undefined;
  /** Why it takes nothing; empty when it does. */
  #held = '';
  #keptOff = false;
  #quiet = false;
  #paused = false;

  constructor(options: ChunkConsumerOptions) {
    this.#options = options;
  }

  /** Chunks in hand. */
  get active(): number {
    return this.#running.size;
  }

  async start(): Promise<void> {
    if (this.#worker) return;
    this.#quiet = false;
    this.#worker = this.#open();
    await this.#worker.waitUntilReady();
    await this.#adjust();
    this.#stopAdjusting = this.#options.clock.every(ADJUST_EVERY_MS, () => this.#adjust());
  }

  /** Takes nothing new; what is in hand goes on. */
  async quiesce(): Promise<void> {
    this.#quiet = true;
    await this.#adjust();
  }

  /** Takes nothing new for the reason given, until `release`. */
  async hold(reason: string): Promise<void> {
    this.#held = reason;
    await this.#adjust();
  }

  /** Takes jobs again after a `hold`. */
  async release(): Promise<void> {
    this.#held = '';
    await this.#adjust();
  }

  /** Takes nothing new while it is kept off, whatever `release` says. */
  async keepOff(off: boolean): Promise<void> {
    this.#keptOff = off;
    await this.#adjust();
  }

  /** Gives what is in hand back, and waits for it: others go on where it stands. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    this.#worker = undefined;
    this.#stopAdjusting?.();
    await worker.pause(true);
    for (const controller of this.#running.values())
      controller.abort(new GraphshiftError('ABORTED', 'the worker is stopping'));
    await within(this.#options.clock, GIVE_BACK_LIMIT_MS, worker.close());
  }

  /** As many at a time as there are slots, and none while there is a reason for it. */
  async #adjust(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const kept = this.#quiet || this.#keptOff || this.#held !== '';
    const slots = kept ? 0 : this.#options.slots();
    if (slots > 0 && worker.concurrency !== slots) worker.concurrency = slots;
    if (slots > 0 === !this.#paused) return;
    this.#paused = slots === 0;
    if (this.#paused) await worker.pause(true);
    else worker.resume();
  }

  #open(): Worker {
    const { keys, blocking, log } = this.#options;
    const times = this.#options.times ?? QUEUE_TIMES;
    this.#paused = this.#options.slots() === 0;
    const worker: Worker = new Worker(CHUNK_QUEUE, (job, token) => this.#process(worker, job, token), {
      connection: blocking,
      prefix: keys.prefix,
      concurrency: Math.max(1, this.#options.slots()),
      lockDuration: times.lockMs,
      stalledInterval: times.stalledCheckMs,
      // The ledger has its own way to find lost holders.
      maxStalledCount: 1_000_000,
      autorun: !this.#paused,
    });
    worker.on('error', complainOnce(log, CHUNK_QUEUE));
    worker.on('lockRenewalFailed', (ids: string[]) => {
      for (const id of ids)
        this.#running.get(id)?.abort(new GraphshiftError('FENCED', `the lock of job ${id} was lost`));
    });
    return worker;
  }

  async #process(worker: Worker, job: Job, token: string | undefined): Promise<unknown> {
    const { handle, meter } = this.#options;
    const id = job.id ?? '';
    if (isNewerPayload(job.data)) return this.#delay(job, token, NEWER_PAYLOAD_DELAY_MS);
    // A fetch that was under way when the worker was told to stop, or its slot was taken, may still bring one.
    if (worker.isPaused() || this.#running.size >= this.#options.slots())
      return this.#delay(job, token, UNTOUCHED_DELAY_MS);
    const payload = chunkPayload.parse(job.data);
    const controller = new AbortController();
    this.#running.set(id, controller);
    const chunk = `${payload.deployment}#${payload.chunk}`;
    meter?.takeChunk(chunk);
    try {
      const outcome = await handle({
        payload,
        signal: controller.signal,
        progress: async (value) => job.updateProgress(value),
      });
      if (outcome.kind === 'later') return await this.#delay(job, token, outcome.delayMs);
      if (outcome.kind === 'failed') throw outcome.error;
      return { note: outcome.note };
    } finally {
      this.#running.delete(id);
      meter?.dropChunk(chunk);
    }
  }

  #delay(job: Job, token: string | undefined, delayMs: number): Promise<never> {
    return delayJob(this.#options.clock, job, token, delayMs);
  }
}
