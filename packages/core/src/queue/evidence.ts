/**
 * What stands in Redis, read without believing any index: for the doctor, which compares one with the other. It reads
 * records by their keys, so that one which every index forgot is seen too. Never writes.
 */

import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type DeploymentRecord, deploymentRecord } from '../deployment/record.ts';
import { STATES, type State } from '../deployment/states.ts';
import { type AuditEntry, AuditStream } from './audit-stream.ts';
import type { Keys } from './keys.ts';

/** What Redis keeps of one customer beside the records. */
export interface CustomerEvidence {
  readonly customer: string;
  /** Id of the deployment that must have a job. */
  readonly head?: string;
  /** Unix time in seconds of the snapshot that older ones are measured by. */
  readonly live?: number;
  /** The newest epoch; 0 before the first claim and after an emptied Redis. */
  readonly epoch: number;
  /** Ids that wait for the head's place. */
  readonly backlog: readonly string[];
  /** Ids of all deployments. */
  readonly history: readonly string[];
}

export interface Reservation {
  readonly database: string;
  /** Redis server time in ms; left out while it is held. */
  readonly releasedAt?: number;
}

export interface RecordsFound {
  readonly records: ReadonlyMap<string, DeploymentRecord>;
  /** Ids of hashes that are no record. */
  readonly unreadable: readonly string[];
}

/** Ids of jobs that are not finished, and those among them that a worker has in hand. */
export interface JobsFound {
  readonly unfinished: ReadonlySet<string>;
  readonly active: ReadonlySet<string>;
  /** In the failed set, where a dead letter stands. */
  readonly failed: ReadonlySet<string>;
}

/** Keys asked for in one round trip, and entries of the audit stream read in one. */
const PAGE = 500;

export class Evidence {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async records(): Promise<RecordsFound> {
    const start = this.#keys.deployment('');
    const found = new Set<string>();
    for await (const keys of this.#redis.scanStream({ match: `${start}*`, count: 1000 }))
      for (const key of keys as string[]) found.add(key.slice(start.length));
    const ids = [...found];
    const records = new Map<string, DeploymentRecord>();
    const unreadable: string[] = [];
    const hashes = await this.#all(ids, (pipeline, id) => pipeline.hgetall(this.#keys.deployment(id)));
    ids.forEach((id, place) => {
      const fields = hashes[place] as Record<string, string>;
      if (Object.keys(fields).length === 0) return;
      const record = parseRecord(fields);
      if (record?.id === id) records.set(id, record);
      else unreadable.push(id);
    });
    return { records, unreadable };
  }

  /** From each id that stands in the set of a state, those states. */
  async index(): Promise<Map<string, State[]>> {
    const index = new Map<string, State[]>();
    const sets = await this.#all(STATES, (pipeline, state) =>
      pipeline.zrange(this.#keys.state(state), '0', '-1'),
    );
    STATES.forEach((state, place) => {
      for (const id of sets[place] as string[]) index.set(id, [...(index.get(id) ?? []), state]);
    });
    return index;
  }

  async customers(): Promise<Map<string, CustomerEvidence>> {
    const names = await this.#redis.zrange(this.#keys.customers, '0', '-1');
    const [hashes, backlogs, histories] = [
      await this.#all(names, (pipeline, name) => pipeline.hgetall(this.#keys.customer(name))),
      await this.#all(names, (pipeline, name) => pipeline.zrange(this.#keys.backlog(name), '0', '-1')),
      await this.#all(names, (pipeline, name) => pipeline.zrange(this.#keys.history(name), '0', '-1')),
    ];
    return new Map(
      names.map((customer, place) => {
        const { head, live, epoch } = hashes[place] as Record<string, string | undefined>;
        const evidence: CustomerEvidence = {
          customer,
          epoch: Number(epoch ?? 0),
          backlog: backlogs[place] as string[],
          history: histories[place] as string[],
          ...(head !== undefined && { head }),
          ...(live !== undefined && { live: Number(live) }),
        };
        return [customer, evidence];
      }),
    );
  }

  async reservations(): Promise<Reservation[]> {
    const fields = await this.#redis.hgetall(this.#keys.reservations);
    return Object.entries(fields).map(([database, value]) =>
      value === 'held' ? { database } : { database, releasedAt: Number(value) },
    );
  }

  /** The whole audit stream, oldest first. */
  async audit(): Promise<AuditEntry[]> {
    return new AuditStream(this.#redis, this.#keys).read({ limit: Number.MAX_SAFE_INTEGER });
  }

  async jobs(queue: Queue): Promise<JobsFound> {
    const ids = async (...states: Parameters<Queue['getRanges']>[0]) =>
      new Set(await queue.getRanges(states, 0, -1));
    return {
      unfinished: await ids('wait', 'delayed', 'prioritized', 'waiting-children', 'active'),
      active: await ids('active'),
      failed: await ids('failed'),
    };
  }

  async #all<Item>(
    items: readonly Item[],
    ask: (pipeline: ReturnType<Redis['pipeline']>, item: Item) => unknown,
  ): Promise<unknown[]> {
    const answers: unknown[] = [];
    for (let start = 0; start < items.length; start += PAGE) {
      const pipeline = this.#redis.pipeline();
      for (const item of items.slice(start, start + PAGE)) ask(pipeline, item);
      for (const [error, answer] of (await pipeline.exec()) ?? []) {
        if (error) throw error;
        answers.push(answer);
      }
    }
    return answers;
  }
}

function parseRecord(fields: Record<string, string>): DeploymentRecord | undefined {
  try {
    return deploymentRecord.safeParse(fields).data;
  } catch {
    // An error field that is no JSON.
    return undefined;
  }
}
