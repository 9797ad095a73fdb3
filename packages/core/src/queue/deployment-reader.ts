/** What people and processes read of the deployments in Redis. Only `DeploymentStore` changes them. */

import type { ChainableCommander, Redis } from 'ioredis';
import { type DeploymentRecord, deploymentRecord } from '../deployment/record.ts';
import { HEAD_STATES, STATES, type State } from '../deployment/states.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { Keys } from './keys.ts';

export interface ListFilter {
  readonly customer?: string;
  readonly state?: State;
  /** Newest changes first. @default 1000 */
  readonly limit?: number;
}

/** Records fetched in one round trip. */
const PAGE = 200;

export class DeploymentReader {
  protected readonly redis: Redis;
  protected readonly keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.redis = redis;
    this.keys = keys;
  }

  /** The customer's newest epoch; 0 before the first claim. */
  async currentEpoch(customer: string): Promise<number> {
    return Number((await this.redis.hget(this.keys.customer(customer), 'epoch')) ?? 0);
  }

  /** Id of the customer's head, the deployment that must have a job. */
  async headOf(customer: string): Promise<string | undefined> {
    return (await this.redis.hget(this.keys.customer(customer), 'head')) ?? undefined;
  }

  /** @throws CONFLICT for a record that this version cannot read: it must not pass for one that is not there */
  async get(id: string): Promise<DeploymentRecord | undefined> {
    const fields = await this.redis.hgetall(this.keys.deployment(id));
    return Object.keys(fields).length === 0 ? undefined : readRecord(fields as Record<string, string>);
  }

  /** Records that are there and can be read; the others are left out. */
  async getMany(ids: readonly string[]): Promise<DeploymentRecord[]> {
    const records: DeploymentRecord[] = [];
    for (let start = 0; start < ids.length; start += PAGE) {
      const pipeline = this.redis.pipeline();
      for (const id of ids.slice(start, start + PAGE)) pipeline.hgetall(this.keys.deployment(id));
      for (const fields of await answersOf(pipeline)) {
        const record = deploymentRecord.safeParse(fields);
        // One of another version, or none at all: it must not keep the others from being seen.
        if (record.success) records.push(record.data);
      }
    }
    return records;
  }

  /** Which of these ids have a record. */
  async known(ids: readonly string[]): Promise<Set<string>> {
    const found = new Set<string>();
    for (let start = 0; start < ids.length; start += PAGE) {
      const page = ids.slice(start, start + PAGE);
      // Of a page mostly all or none are known: one count of all keys is a tenth of the work of asking for each.
      const count = await this.redis.exists(...page.map((id) => this.keys.deployment(id)));
      if (count === page.length) for (const id of page) found.add(id);
      if (count === page.length || count === 0) continue;
      const pipeline = this.redis.pipeline();
      for (const id of page) pipeline.exists(this.keys.deployment(id));
      const answers = await answersOf(pipeline);
      page.forEach((id, index) => {
        if (answers[index] === 1) found.add(id);
      });
    }
    return found;
  }

  /** Deployments, the latest change first. */
  async list(filter: ListFilter = {}): Promise<DeploymentRecord[]> {
    const limit = filter.limit ?? 1000;
    if (filter.customer !== undefined) {
      const ids = await this.redis.zrange(this.keys.history(filter.customer), '0', '-1', 'REV');
      const records = await this.getMany(ids);
      return records.filter((record) => !filter.state || record.state === filter.state).slice(0, limit);
    }
    const states = filter.state ? [filter.state] : STATES;
    const pipeline = this.redis.pipeline();
    for (const state of states) pipeline.zrange(this.keys.state(state), '0', String(limit - 1), 'REV');
    const ids = (await answersOf(pipeline)).flatMap((found) => found as string[]);
    const records = await this.getMany(ids);
    return records.sort((a, b) => b.changedAt - a.changedAt).slice(0, limit);
  }

  /** How many deployments stand in each state. */
  async counts(): Promise<Record<State, number>> {
    const pipeline = this.redis.pipeline();
    for (const state of STATES) pipeline.zcard(this.keys.state(state));
    const answers = await answersOf(pipeline);
    return Object.fromEntries(STATES.map((state, index) => [state, Number(answers[index] ?? 0)])) as Record<
      State,
      number
    >;
  }

  /** Ids of all deployments that must have a job. */
  async heads(): Promise<string[]> {
    return this.#inStates(HEAD_STATES);
  }

  async inState(state: State): Promise<string[]> {
    return this.#inStates([state]);
  }

  /** Ids of deployments that came into a state before an instant, the oldest first, from an offset on. */
  async arrivedBefore(state: State, before: number, offset: number, limit: number): Promise<string[]> {
    return this.redis.zrange(
      this.keys.state(state),
      '-inf',
      String(before),
      'BYSCORE',
      'LIMIT',
      offset,
      limit,
    );
  }

  /** A customer's records in `live`: one, but for what a crash left. */
  async liveOf(customer: string): Promise<DeploymentRecord[]> {
    const ids = await this.inState('live');
    return this.getMany(ids.filter((id) => id.startsWith(`${customer}@`)));
  }

  async customers(): Promise<string[]> {
    return this.redis.zrange(this.keys.customers, '0', '-1');
  }

  /** Customers for whom something waits to become head. */
  async customersWaiting(): Promise<string[]> {
    const customers = await this.customers();
    const waiting: string[] = [];
    for (let start = 0; start < customers.length; start += PAGE) {
      const page = customers.slice(start, start + PAGE);
      const pipeline = this.redis.pipeline();
      for (const customer of page) pipeline.exists(this.keys.backlog(customer));
      const answers = await answersOf(pipeline);
      waiting.push(...page.filter((_, index) => answers[index] === 1));
    }
    return waiting;
  }

  /** Names this run of the Redis server: another one may have lost its last second. Empty where the server hides it. */
  async serverRun(): Promise<string> {
    return /^run_id:(\w+)/m.exec(await this.redis.info('server'))?.[1] ?? '';
  }

  /** Redis's clock in milliseconds, the one that reservations are compared by. */
  async serverTime(): Promise<number> {
    const [seconds, microseconds] = (await this.redis.time()) as [number | string, number | string];
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }

  async #inStates(states: readonly State[]): Promise<string[]> {
    const pipeline = this.redis.pipeline();
    for (const state of states) pipeline.zrange(this.keys.state(state), '0', '-1');
    return (await answersOf(pipeline)).flatMap((ids) => ids as string[]);
  }
}

function readRecord(fields: Record<string, string>): DeploymentRecord {
  const record = deploymentRecord.safeParse(fields);
  if (record.success) return record.data;
  const [issue] = record.error.issues;
  throw new GraphshiftError(
    'CONFLICT',
    `the record of ${fields.id} cannot be read by this version: ${issue?.path.join('.')}: ${issue?.message}`,
    { cause: record.error },
  );
}

/** The answers of a pipeline, in order. @throws the first error among them, as where Redis went away half-way */
async function answersOf(pipeline: ChainableCommander): Promise<unknown[]> {
  const answers = (await pipeline.exec()) ?? [];
  return answers.map(([error, answer]) => {
    if (error) throw error;
    return answer;
  });
}
