import { type Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { DeploymentRecord } from '../deployment/record.ts';
import { isEndState } from '../deployment/states.ts';
import type { Service } from '../platform/service.ts';
import { DEPLOY_QUEUE, type DeployPayload, deployPayload, jobId, PAYLOAD_VERSION } from './catalogue.ts';
import type { DeploymentStore } from './deployment-store.ts';
import type { Keys } from './keys.ts';

/** Finished jobs that Bull Board still shows. */
const KEPT = { age: 7 * 24 * 3600, count: 1000 };

export interface WakeUpOptions {
  readonly connection: Redis;
  readonly keys: Keys;
  /** Retries after the first attempt; shown as the job's attempts. */
  readonly maxRetries: number;
}

/** Jobs on the queue `deploy`: each only wakes a worker up to read the record. */
export class WakeUps implements Service {
  readonly queue: Queue;
  readonly #maxRetries: number;

  constructor(options: WakeUpOptions) {
    this.queue = new Queue(DEPLOY_QUEUE, { connection: options.connection, prefix: options.keys.prefix });
    this.#maxRetries = options.maxRetries;
    // The connection itself tells of its losses, once; a queue would print each.
    this.queue.on('error', () => {});
  }

  async start(): Promise<void> {
    await this.queue.waitUntilReady();
  }

  async stop(): Promise<void> {
    await this.queue.close();
  }

  /** Sees to it that the record's run has a job, and only one. Does nothing for one that needs none. */
  async ensure(record: DeploymentRecord): Promise<void> {
    if (isEndState(record.state) || record.state === 'discovered') return;
    const id = jobId(record.id, record.run);
    const existing: Job | undefined = await this.queue.getJob(id);
    // BullMQ ignores an id that still stands in a finished set: a job that ended early must go first.
    if (existing && ['completed', 'failed'].includes(await existing.getState())) await existing.remove();
    const payload: DeployPayload = { v: PAYLOAD_VERSION, deployment: record.id, run: record.run };
    await this.queue.add('deploy-snapshot', deployPayload.parse(payload), {
      jobId: id,
      attempts: this.#maxRetries + 1,
      backoff: { type: 'deployment' },
      removeOnComplete: KEPT,
      // What failed for good stands in the dead-letter queue; here its Retry button would do nothing.
      removeOnFail: true,
    });
  }

  /** The same for a customer's head, as a transition names it. */
  async ensureHead(deployments: DeploymentStore, head: string | undefined): Promise<void> {
    const record = head === undefined ? undefined : await deployments.get(head);
    if (record) await this.ensure(record);
  }
}
