import { type Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { DeploymentRecord } from '../deployment/record.ts';
import { isEndState } from '../deployment/states.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';
import { DEPLOY_QUEUE, type DeployPayload, deployPayload, jobId, PAYLOAD_VERSION } from './catalogue.ts';
import type { DeploymentStore } from './deployment-store.ts';
import type { Keys } from './keys.ts';
import { countReady } from './ready-jobs.ts';

/** Finished jobs that Bull Board still shows. */
const KEPT = { age: 7 * 24 * 3600, count: 1000 };

export interface WakeUpOptions {
  readonly connection: Redis;
  readonly keys: Keys;
  /** Retries after the first attempt; shown as the job's attempts. */
  readonly maxRetries: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Jobs on the queue `deploy`: each only wakes a worker up to read the record. */
export class WakeUps implements Service {
  readonly queue: Queue;
  readonly #maxRetries: number;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #connection: Redis;
  readonly #keys: Keys;

  constructor(options: WakeUpOptions) {
    this.queue = new Queue(DEPLOY_QUEUE, { connection: options.connection, prefix: options.keys.prefix });
    this.#maxRetries = options.maxRetries;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#connection = options.connection;
    this.#keys = options.keys;
    // The connection itself tells of its losses, once; a queue would print each.
    this.queue.on('error', () => {});
  }

  async start(): Promise<void> {
    await this.queue.waitUntilReady();
  }

  async stop(): Promise<void> {
    await this.queue.close();
  }

  /**
   * Sees to it that the record's run has a job, and only one. Does nothing for one that needs none.
   * @returns whether a job was added
   */
  async ensure(record: DeploymentRecord): Promise<boolean> {
    if (isEndState(record.state) || record.state === 'discovered') return false;
    const id = jobId(record.id, record.run);
    const existing: Job | undefined = await this.queue.getJob(id);
    // BullMQ ignores an id that still stands in a finished set: a job that ended early must go first.
    const ended = existing !== undefined && ['completed', 'failed'].includes(await existing.getState());
    // Another sweep may have been quicker: then the job stands anew, locked perhaps, and all is well.
    if (ended) await existing.remove().catch(() => {});
    const waits = record.state === 'waiting' || record.state === 'retrying';
    const delay = waits ? Math.max(0, (record.dueAt ?? 0) - this.#clock.now()) : 0;
    if (existing && !ended) return false;
    const payload: DeployPayload = { v: PAYLOAD_VERSION, deployment: record.id, run: record.run };
    await this.queue.add('deploy-snapshot', deployPayload.parse(payload), {
      jobId: id,
      delay,
      attempts: this.#maxRetries + 1,
      backoff: { type: 'deployment' },
      removeOnComplete: KEPT,
      // What failed for good stands in the dead-letter queue; here its Retry button would do nothing.
      removeOnFail: true,
    });
    this.#log.info({ deploymentId: record.id, run: record.run }, `enqueued ${record.id}, run ${record.run}`);
    return true;
  }

  /** Takes the job of a run away, unless a worker has it in hand: that one learns from the record. */
  async remove(deployment: string, run: number): Promise<void> {
    // Locked jobs cannot be removed; they end by themselves.
    await this.queue.remove(jobId(deployment, run)).catch(() => 0);
  }

  /**
   * Takes the job of a run away although a worker may have it in hand: its lock goes first, so that the worker's renewals
   * and its end are refused.
   * @returns whether a lock was there
   */
  async takeAway(deployment: string, run: number): Promise<boolean> {
    const id = jobId(deployment, run);
    const locked = (await this.#connection.del(this.#keys.jobLock(DEPLOY_QUEUE, id))) === 1;
    await this.remove(deployment, run);
    return locked;
  }

  /**
   * Jobs that a worker with a free slot should have taken by now, or brought back after their holder was lost; none while
   * somebody has paused the queue.
   * @param overdueMs delayed ones count when they have been due for so long
   */
  async ready(overdueMs: number): Promise<number> {
    const dueBefore = this.#clock.now() - overdueMs;
    return countReady({ queue: this.queue, connection: this.#connection, keys: this.#keys, dueBefore });
  }

  /** Whether the record's run has a job that is not finished. */
  async exists(record: DeploymentRecord): Promise<boolean> {
    const job: Job | undefined = await this.queue.getJob(jobId(record.id, record.run));
    return job !== undefined && !['completed', 'failed'].includes(await job.getState());
  }

  /** Lets a delayed job run now, since what it waited for has come. */
  async hasten(deployments: DeploymentStore, head: string | undefined): Promise<void> {
    await this.ensureHead(deployments, head);
    const record = head === undefined ? undefined : await deployments.get(head);
    const job = record && (await this.queue.getJob(jobId(record.id, record.run)));
    // A job that was promoted or picked up meanwhile needs no help.
    if (await job?.isDelayed()) await job?.promote().catch(() => {});
  }

  /** The same for a customer's head, as a transition names it. */
  async ensureHead(deployments: DeploymentStore, head: string | undefined): Promise<void> {
    const record = head === undefined ? undefined : await deployments.get(head);
    if (record) await this.ensure(record);
  }
}
