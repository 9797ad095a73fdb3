/**
 * What the doctor changes in Redis beside the ways that deployments go: lists, heads, room, stray jobs and letters. Each
 * act looks again in the same step, changes nothing where nothing is off any more, and goes to the audit stream.
 */

import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { isEndState, STATES } from '../deployment/states.ts';
import type { Clock } from '../platform/clock.ts';
import { deploymentId, parseDatabaseName } from '../snapshot/names.ts';
import { isNewerPayload, parseJobId } from './catalogue.ts';
import { type DeploymentStore, orderWords, type Policy } from './deployment-store.ts';
import type { Keys } from './keys.ts';
import { defineScripts, type RunScript } from './scripts.ts';

export interface MendingOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly policy: Policy;
  readonly deployments: DeploymentStore;
  /** Who asks, for the audit stream. */
  readonly by: string;
}

/** What became of a customer's head. */
export interface HeadMended {
  /** The head afterwards, which must have a job. */
  readonly head: string | undefined;
  /** Several deployments are in workers' hands at once: nothing was changed. */
  readonly busy: boolean;
  /** A line for each change. */
  readonly done: readonly string[];
}

/** `held`: a worker has it in hand; `newer`: a newer version made it; `needed`: its deployment needs it. */
export type JobMended = 'removed' | 'gone' | 'held' | 'newer' | 'needed';

/** Released room that is older than this has been seen by every listing that is still used. */
const LISTED_MS = 60_000;

export class Mending {
  readonly #options: MendingOptions;
  readonly #script: RunScript;
  readonly #order: string;

  constructor(options: MendingOptions) {
    this.#options = options;
    this.#script = defineScripts(options.redis);
    this.#order = orderWords(options.policy);
  }

  /** Lists a deployment where its record says, and one without a record nowhere. @returns a line for each change */
  async lists(id: string): Promise<string[]> {
    const { keys, clock, by } = this.#options;
    const customer = id.slice(0, id.lastIndexOf('@'));
    const values = [keys.prefix, id, customer, clock.now(), JSON.stringify(STATES), by];
    return (await this.#script(
      'mend-lists-2',
      [keys.deployment(id), keys.customer(customer)],
      values,
    )) as string[];
  }

  /**
   * Makes one of a customer's deployments its head, and sets what the older snapshots are measured by.
   * @param underWay ids that were seen in a state of a head
   * @param live timestamp of the one deployment that was seen live
   */
  async customer(
    customer: string,
    underWay: readonly string[],
    live: number | undefined,
  ): Promise<HeadMended> {
    const { keys, clock, by } = this.#options;
    const [head, busy, ...done] = (await this.#script(
      'mend-customer-1',
      [keys.customer(customer)],
      [keys.prefix, customer, clock.now(), this.#order, JSON.stringify(underWay), live ?? '', by],
    )) as [string, string, ...string[]];
    return { head: head || undefined, busy: busy !== '', done };
  }

  /** Gives room back that no deployment under way holds, and forgets what was given back long ago. */
  async room(database: string): Promise<'released' | 'forgotten' | undefined> {
    const { keys, clock, by } = this.#options;
    const snapshot = parseDatabaseName(database);
    const id = snapshot ? deploymentId(snapshot) : '';
    const values = [keys.prefix, database, id, clock.now(), LISTED_MS, by];
    const done = (await this.#script('free-room-1', [keys.reservations], values)) as string;
    return done === '' ? undefined : (done as 'released' | 'forgotten');
  }

  /** Takes a job away that no deployment needs, or a letter of none. */
  async job(queue: Queue, id: string): Promise<JobMended> {
    const job = await queue.getJob(id);
    if (!job) return 'gone';
    if (isNewerPayload(job.data)) return 'newer';
    const named = parseJobId(id);
    const record = named && (await this.#options.deployments.get(named.deployment));
    if (record && record.run === named.run && !isEndState(record.state)) return 'needed';
    // One that a worker has in hand is locked.
    const removed = await queue.remove(id).catch(() => 0);
    if (removed === 0) return (await queue.getJob(id)) ? 'held' : 'gone';
    const deployment = named?.deployment ?? id;
    const action = `doctor: took job ${id} off the queue ${queue.name}`;
    await this.#options.deployments.recordAction({ by: this.#options.by, action, target: deployment });
    return 'removed';
  }
}
