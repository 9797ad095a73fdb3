/** Runs deployments from the queue. The one place where an outcome becomes what BullMQ wants to see. */

import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Outcome } from '../deployment/outcome.ts';
import type { Clock } from '../platform/clock.ts';
import { within } from '../platform/deadline.ts';
import { assertNever, GraphshiftError, messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';
import { BusyMeter } from './busy-meter.ts';
import { DEPLOY_QUEUE, type DeployPayload, deployPayload, isNewerPayload } from './catalogue.ts';
import { complainOnce } from './connection.ts';
import { JobLog } from './job-log.ts';
import type { Keys } from './keys.ts';
import { RetiredWorker } from './retired-worker.ts';
import { type Grace, waitForLoads } from './stop-grace.ts';

/** One wake-up in a handler's hands. */
export interface Pickup {
  readonly payload: DeployPayload;
  /** Aborts when the job's lock is lost or the worker must stop; the reason is a GraphshiftError. */
  readonly signal: AbortSignal;
  /** Shown on the job by Bull Board. */
  progress(value: Record<string, string | number>): Promise<void>;
  /** A line in the job's log. */
  note(line: string): void;
}

export interface QueueTimes {
  /** How long a lock lives without renewal. @default 30_000 */
  readonly lockMs: number;
  /** How often orphans are looked for; an orphan is back after at most lock + 2 × this. @default 10_000 */
  readonly stalledCheckMs: number;
}

export const QUEUE_TIMES: QueueTimes = { lockMs: 30_000, stalledCheckMs: 10_000 };

/** A newer worker takes it within this time, or it comes round again. */
export const NEWER_PAYLOAD_DELAY_MS = 30_000;

/** What a stopping worker still gets from the queue goes to another one at once. */
export const UNTOUCHED_DELAY_MS = 200;

/** How long giving back may take; what is not given back by then comes back when its lock runs out. */
export const GIVE_BACK_LIMIT_MS = 20_000;

export interface ConsumerOptions {
  /** A connection of its own: the worker waits in blocking commands on it. */
  readonly blocking: Redis;
  readonly keys: Keys;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly times?: QueueTimes;
  /** What running loads get when it stops; left out, they are given back at once. */
  readonly grace?: Grace;
  readonly meter?: BusyMeter;
  readonly handle: (pickup: Pickup) => Promise<Outcome>;
}

/**
 * One pickup in hand. A job may be in this process's hands twice: its first try has lost the lock by then, as to an emptied
 * Redis, and has not ended yet. BullMQ's own renewals go by the job's id alone, and the end of the first try would
 * end those of the second, so locks are renewed here.
 */
interface Running {
  readonly job: string;
  readonly deployment: string;
  readonly worker: Worker | undefined;
  readonly controller: AbortController;
  /** Answers 0 when the lock is not its own any more. */
  readonly extend: () => Promise<number>;
  renewedAt: number;
}

export class DeploymentConsumer implements Service {
  readonly #options: ConsumerOptions;
  readonly #running = new Set<Running>();
  readonly #meter: BusyMeter;
  #stopWatching: (() => void) | undefined;
  /** Delays of retries under way, by job id, for BullMQ's backoff strategy to read. */
  readonly #delays = new Map<string, number>();
  #worker: Worker | undefined;
  /** The connection that the worker waits on. */
  #blocking: Redis;
  /** Workers that fetch no more, with what they still have in hand. */
  readonly #retired = new Set<RetiredWorker>();
  #quiet = false;
  #fetched = 0;
  #stopping: Promise<void> | undefined;
  /** Called when nothing is in hand any more. */
  #onIdle: (() => void) | undefined;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#blocking = options.blocking;
    this.#meter = options.meter ?? new BusyMeter(options.clock);
  }

  /** Deployments in hand. */
  get active(): number {
    return this.#running.size;
  }

  /** It has a free slot, and nothing keeps it from taking a job. */
  get takes(): boolean {
    if (!this.#worker || this.#stopping || this.#quiet || this.#meter.paused !== '') return false;
    return this.#running.size < this.#options.concurrency;
  }

  /** Jobs that came from the queue since it started. */
  get fetched(): number {
    return this.#fetched;
  }

  async start(): Promise<void> {
    if (this.#worker) return;
    const { clock } = this.#options;
    const times = this.#options.times ?? QUEUE_TIMES;
    this.#quiet = false;
    this.#meter.paused = '';
    this.#worker = this.#open();
    this.#stopWatching = clock.every(times.lockMs / 4, () => this.#keepLocks(times.lockMs));
    await this.#worker.waitUntilReady();
  }

  /** Takes nothing new from the queue; what is in hand goes on. */
  async quiesce(): Promise<void> {
    this.#quiet = true;
    await this.#worker?.pause(true);
  }

  /** Takes nothing new for the reason given, until `release`; what is in hand goes on. */
  async hold(reason: string): Promise<void> {
    this.#meter.paused = reason;
    await this.#worker?.pause(true);
  }

  /** Takes jobs again after a `hold`. */
  async release(): Promise<void> {
    this.#meter.paused = '';
    if (!this.#quiet && !this.#stopping) await this.#worker?.resume();
  }

  /**
   * Fetches over another connection from now on. What is in hand goes on under the old one, and is given up where that one
   * cannot renew its locks.
   */
  async restart(blocking: Redis): Promise<void> {
    const old = this.#worker;
    if (!old || this.#stopping || this.#quiet) return blocking.disconnect();
    this.#meter.restarts++;
    await old.pause(true);
    const hasWork = () => this.#isWorking(old);
    const retired = new RetiredWorker({
      worker: old,
      connection: this.#blocking,
      hasWork,
      clock: this.#options.clock,
    });
    this.#retired.add(retired);
    void retired.gone.then(() => this.#retired.delete(retired));
    this.#blocking = blocking;
    this.#worker = this.#open();
    if (this.#meter.paused !== '') await this.#worker.pause(true);
  }

  /** Whether a worker has something in hand that it was not told to give up. */
  #isWorking(worker: Worker): boolean {
    return [...this.#running].some(
      (running) => running.worker === worker && !running.controller.signal.aborted,
    );
  }

  #open(): Worker {
    const { keys, concurrency, log } = this.#options;
    const times = this.#options.times ?? QUEUE_TIMES;
    const worker: Worker = new Worker(DEPLOY_QUEUE, (job, token) => this.#process(worker, job, token), {
      connection: this.#blocking,
      prefix: keys.prefix,
      concurrency,
      lockDuration: times.lockMs,
      stalledInterval: times.stalledCheckMs,
      // Crashes are counted in the record: BullMQ's own counter outlives a retry and ignores attempts.
      maxStalledCount: 1_000_000,
      skipLockRenewal: true,
      settings: { backoffStrategy: (_attempts, _type, _error, job) => this.#takeDelay(job?.id ?? '') },
    });
    worker.on('error', complainOnce(log, 'deploy'));
    return worker;
  }

  /**
   * Takes nothing new, lets running loads have their grace, gives back what is left, and waits for it.
   * @throws ABORTED when something could not be given back, as while Redis does not answer
   */
  async stop(): Promise<void> {
    if (!this.#worker) return;
    this.#stopping ??= this.#end(this.#worker);
    await this.#stopping;
  }

  async #end(worker: Worker): Promise<void> {
    const { clock, log, grace } = this.#options;
    await worker.pause(true);
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const inHand = () => [...this.#running].map(({ deployment }) => deployment);
    if (grace && grace.timeoutMs > 0) {
      await waitForLoads(grace, { clock, log, inHand, idle, giveBack: (id) => this.#giveBack(id) });
    }
    for (const deployment of inHand()) this.#giveBack(deployment);
    const closed = await within(clock, GIVE_BACK_LIMIT_MS, worker.close());
    for (const retired of this.#retired) await retired.end();
    this.#stopWatching?.();
    this.#worker = undefined;
    this.#stopping = undefined;
    if (closed !== 'late') return;
    const what = inHand().join(', ') || 'jobs of the queue';
    const message = `not given back within ${GIVE_BACK_LIMIT_MS / 1000} s: ${what}; the next worker takes them up when their locks have run out`;
    // Said here too: what still has to stop may not answer either, and nobody would hear the error.
    log.error(message);
    throw new GraphshiftError('ABORTED', message);
  }

  #takeDelay(id: string): number {
    const delayMs = this.#delays.get(id) ?? 0;
    this.#delays.delete(id);
    return delayMs;
  }

  #giveBack(deployment: string): void {
    for (const running of this.#running) {
      if (running.deployment === deployment)
        running.controller.abort(new GraphshiftError('ABORTED', 'the worker is stopping'));
    }
  }

  /** Renews the locks of what is in hand, and gives up what has none any more. */
  #keepLocks(lockMs: number): void {
    const now = this.#options.clock.now();
    for (const running of this.#running) {
      const age = now - running.renewedAt;
      // While Redis hangs no renewal fails, it only does not come back; the job is somebody else's by then.
      if (age > lockMs) giveUp(running, 'ran out');
      else if (age > lockMs / 4 && !running.controller.signal.aborted) void this.#renew(running);
    }
  }

  async #renew(running: Running): Promise<void> {
    const askedAt = this.#options.clock.now();
    try {
      if ((await running.extend()) === 0) giveUp(running, 'was lost');
      else running.renewedAt = askedAt;
    } catch (error) {
      this.#options.log.debug({ err: error }, `lock of job ${running.job}: ${messageOf(error)}`);
    }
  }

  async #process(worker: Worker, job: Job, token: string | undefined): Promise<unknown> {
    const id = job.id ?? '';
    this.#fetched++;
    if (isNewerPayload(job.data)) {
      return this.#delay(job, token, NEWER_PAYLOAD_DELAY_MS);
    }
    // A fetch that was under way when the worker was told to stop may still bring one.
    if (worker.isPaused()) return this.#delay(job, token, UNTOUCHED_DELAY_MS);
    this.#delays.delete(id);
    const payload = deployPayload.parse(job.data);
    const controller = new AbortController();
    const { lockMs } = this.#options.times ?? QUEUE_TIMES;
    const running: Running = {
      job: id,
      deployment: payload.deployment,
      worker,
      controller,
      extend: () => job.extendLock(token ?? '', lockMs),
      renewedAt: this.#options.clock.now(),
    };
    this.#running.add(running);
    this.#meter.begin(id);
    const jobLog = new JobLog(job, this.#options.clock);
    try {
      const outcome = await this.#options.handle({
        payload,
        signal: controller.signal,
        progress: async (value) => job.updateProgress(value),
        note: (line) => jobLog.add(line),
      });
      if (outcome.kind === 'retry' || outcome.kind === 'dead') this.#meter.fail();
      // Before the job moves on: a removed one has no log any more.
      await jobLog.end();
      return await this.#settle(job, token, outcome);
    } finally {
      await jobLog.end();
      this.#running.delete(running);
      this.#meter.end(id);
      if (this.#running.size === 0) this.#onIdle?.();
    }
  }

  async #settle(job: Job, token: string | undefined, outcome: Outcome): Promise<unknown> {
    switch (outcome.kind) {
      case 'done':
        return { state: outcome.record?.state, note: outcome.note };
      case 'hold':
        return this.#delay(job, token, outcome.delayMs);
      case 'retry':
        this.#delays.set(job.id ?? '', outcome.delayMs);
        throw outcome.error;
      case 'dead': {
        const error = new UnrecoverableError(outcome.error.message);
        if (outcome.error.stack !== undefined) error.stack = outcome.error.stack;
        throw error;
      }
      default:
        return assertNever(outcome);
    }
  }

  #delay(job: Job, token: string | undefined, delayMs: number): Promise<never> {
    return delayJob(this.#options.clock, job, token, delayMs);
  }
}

/** Lets a job in hand come again after this time. @throws what tells BullMQ so, always */
export async function delayJob(
  clock: Clock,
  job: Job,
  token: string | undefined,
  delayMs: number,
): Promise<never> {
  await job.moveToDelayed(clock.now() + delayMs, token);
  throw new DelayedError();
}

function giveUp({ job, controller }: Running, how: string): void {
  controller.abort(new GraphshiftError('FENCED', `the lock of job ${job} ${how}`));
}
