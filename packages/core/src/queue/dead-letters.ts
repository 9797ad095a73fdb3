/**
 * Dead letters: one failed job `<deployment>~<run>` each on a queue of their own. The letter is a projection of the
 * record's state `dead`; Bull Board's Retry button on it redrives the deployment.
 */

import { type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { DeploymentRecord } from '../deployment/record.ts';
import { REVIVABLE_STATES } from '../deployment/states.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { within } from '../platform/deadline.ts';
import { ERRORS, GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';
import { DEAD_LETTER_QUEUE, deadLetterPayload, jobId, PAYLOAD_VERSION, parseJobId } from './catalogue.ts';
import { complainOnce } from './connection.ts';
import type { DeploymentStore } from './deployment-store.ts';
import type { Keys } from './keys.ts';
import { countReady } from './ready-jobs.ts';
import { RetiredWorker } from './retired-worker.ts';
import type { WakeUps } from './wake-ups.ts';

export interface DeadLetterOptions {
  readonly connection: Redis;
  readonly keys: Keys;
  readonly deployments: DeploymentStore;
  readonly wakeUps: WakeUps;
  readonly log: Logger;
}

export class DeadLetters implements Service {
  readonly queue: Queue;
  readonly #options: DeadLetterOptions;

  constructor(options: DeadLetterOptions) {
    this.#options = options;
    this.queue = new Queue(DEAD_LETTER_QUEUE, {
      connection: options.connection,
      prefix: options.keys.prefix,
    });
    // The connection itself tells of its losses, once; a queue would print each.
    this.queue.on('error', () => {});
  }

  async start(): Promise<void> {
    await this.queue.waitUntilReady();
  }

  async stop(): Promise<void> {
    await this.queue.close();
  }

  /** Puts the letter of a dead deployment there, unless it is there. @returns whether it was put there */
  async ensure(record: DeploymentRecord): Promise<boolean> {
    if (record.state !== 'dead') return false;
    const id = jobId(record.id, record.run);
    const existing = await this.queue.getJob(id);
    if (existing) {
      if (!(await existing.isCompleted())) return false;
      // A letter whose redrive ended without effect has completed; the record is dead still, so it stands again.
      await existing.remove();
    }
    const code = record.error?.code ?? 'INTERNAL';
    const payload = deadLetterPayload.parse({
      v: PAYLOAD_VERSION,
      deployment: record.id,
      run: record.run,
      code,
      message: record.error?.message ?? record.reason ?? 'no error was recorded',
      action: ERRORS[code].action,
      class: ERRORS[code].class,
      customer: record.customer,
      timestamp: record.timestamp,
      step: record.error?.step,
      at: record.error?.at,
      cause: record.error?.cause,
      stack: record.error?.stack,
    });
    await this.queue.add(code, payload, {
      jobId: id,
      attempts: 1,
      removeOnComplete: { age: 24 * 3600, count: 1000 },
    });
    // Started over meanwhile: a letter for it would stand there for ever.
    const now = await this.#options.deployments.get(record.id);
    if (now?.state === 'dead' && now.run === record.run) return true;
    await this.queue.remove(id).catch(() => 0);
    return false;
  }

  /** Letters that the desk should have taken by now; none while somebody has paused their queue. */
  async ready(): Promise<number> {
    const { connection, keys } = this.#options;
    return countReady({ queue: this.queue, connection, keys, dueBefore: 0 });
  }

  /** Takes away the letters of runs that were started over or given up by somebody who died before doing so. */
  async removeAnswered(): Promise<void> {
    const standing = await this.queue.getRanges(['failed'], 0, -1);
    const runs = new Map(standing.map((letter) => [letter, parseJobId(letter)]));
    const ids = [...new Set([...runs.values()].flatMap((named) => named?.deployment ?? []))];
    const records = new Map<string, DeploymentRecord>(
      (await this.#options.deployments.getMany(ids)).map((record) => [record.id, record]),
    );
    for (const [letter, named] of runs) {
      const record = named && records.get(named.deployment);
      if (!record || (record.state === 'dead' && record.run === named.run)) continue;
      await this.#remove(letter);
    }
  }

  /**
   * Starts a deployment over with fresh attempts.
   * @returns the record as it stands then: `queued`, or `superseded` when a newer snapshot is live
   * @throws NOT_FOUND, CONFLICT when it is in a state that cannot be started over
   */
  async redrive(id: string, by: string): Promise<DeploymentRecord> {
    const { deployments, wakeUps } = this.#options;
    const before = await deployments.get(id);
    if (!before) throw new GraphshiftError('NOT_FOUND', `there is no deployment ${id}`);
    await this.#leave(before, 'discovered', `started over by ${by}`);
    const after = await deployments.get(id);
    if (!after) throw new GraphshiftError('NOT_FOUND', `deployment ${id} is gone`);
    await wakeUps.ensureHead(deployments, await deployments.chooseHead(after.customer));
    return after;
  }

  /** Gives a dead deployment up. @throws NOT_FOUND, CONFLICT when it is not dead */
  async discard(id: string, by: string): Promise<void> {
    const before = await this.#options.deployments.get(id);
    if (!before) throw new GraphshiftError('NOT_FOUND', `there is no deployment ${id}`);
    await this.#leave(before, 'cancelled', `discarded by ${by}`);
  }

  async #leave(record: DeploymentRecord, to: 'discovered' | 'cancelled', detail: string): Promise<void> {
    const from = to === 'discovered' ? REVIVABLE_STATES : (['dead', 'quarantined'] as const);
    const result = await this.#options.deployments.transition({
      id: record.id,
      from,
      to,
      run: record.run,
      fields: { reason: to === 'cancelled' ? detail : undefined },
      detail,
    });
    if (result.kind !== 'ok') {
      const message = `deployment ${record.id} is ${result.found}; only ${from.join(', ')} can be ${to === 'discovered' ? 'started over' : 'discarded'}`;
      throw new GraphshiftError('CONFLICT', message);
    }
    this.#options.log.info({ deployment: record.id, run: record.run }, `${record.id}: ${detail}`);
    await this.#remove(jobId(record.id, record.run));
  }

  async #remove(letter: string): Promise<void> {
    // One that Bull Board is retrying right now is locked; it completes by itself.
    await this.queue.remove(letter).catch(() => 0);
  }
}

export interface DeskOptions extends DeadLetterOptions {
  readonly letters: DeadLetters;
  /** A connection of its own: the worker waits in blocking commands on it. */
  readonly blocking: Redis;
  /** @default the system's */
  readonly clock?: Clock;
}

/** Arrivals and revivals are a few commands each. */
const CLOSE_MS = 10_000;

const SLOTS = 4;

/** The worker that lets letters arrive in the failed set, and redrives one that somebody retries there. */
export class DeadLetterDesk implements Service {
  readonly #options: DeskOptions;
  readonly #clock: Clock;
  #worker: Worker | undefined;
  /** The connection that the worker waits on. */
  #blocking: Redis;
  /** Workers whose connection hangs, until they have ended. */
  readonly #retired = new Set<RetiredWorker>();
  #inHand = 0;
  #fetched = 0;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#blocking = options.blocking;
  }

  /** It has a free slot. */
  get takes(): boolean {
    return this.#worker !== undefined && this.#inHand < SLOTS;
  }

  /** Letters that came from the queue since it started. */
  get fetched(): number {
    return this.#fetched;
  }

  async start(): Promise<void> {
    if (this.#worker) return;
    this.#worker = this.#open();
    await this.#worker.waitUntilReady();
  }

  /** Fetches over another connection from now on; what the old one has in hand is done again. */
  async restart(blocking: Redis): Promise<void> {
    const old = this.#worker;
    if (!old) return blocking.disconnect();
    const retired = new RetiredWorker({
      worker: old,
      connection: this.#blocking,
      hasWork: () => false,
      clock: this.#clock,
    });
    this.#retired.add(retired);
    void retired.gone.then(() => this.#retired.delete(retired));
    this.#blocking = blocking;
    this.#worker = this.#open();
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    // A connection that hangs must not keep the process; what is in hand is done again elsewhere.
    if (worker) await within(this.#clock, CLOSE_MS, worker.close());
    for (const retired of this.#retired) await retired.end();
  }

  #open(): Worker {
    const worker = new Worker(DEAD_LETTER_QUEUE, (job) => this.#take(job), {
      connection: this.#blocking,
      prefix: this.#options.keys.prefix,
      concurrency: SLOTS,
      // Arrivals and revivals are a few commands each; a stalled one is simply done again.
      maxStalledCount: 1000,
      stalledInterval: 10_000,
    });
    worker.on('error', complainOnce(this.#options.log, 'dead-letter'));
    return worker;
  }

  async #take(job: Job): Promise<string> {
    this.#fetched++;
    this.#inHand++;
    try {
      const letter = deadLetterPayload.parse(job.data);
      if (job.attemptsMade === 0) throw arrival(letter.message, letter.stack);
      return await this.#revive(letter.deployment, letter.run);
    } finally {
      this.#inHand--;
    }
  }

  async #revive(deployment: string, run: number): Promise<string> {
    const { deployments, letters } = this.#options;
    const record = await deployments.get(deployment);
    if (!record) return 'the deployment is gone';
    if (record.state !== 'dead' || record.run !== run)
      return `nothing to do: run ${record.run} is ${record.state}`;
    const after = await letters.redrive(deployment, 'Bull Board');
    return `started over as run ${after.run}: ${after.state}`;
  }
}

/** The original error, so that the failed letter shows its message and stack. */
function arrival(message: string, stack: string | undefined): Error {
  const error = new UnrecoverableError(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
