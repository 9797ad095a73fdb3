/**
 * Deployments in Redis. Every change of a state is one Lua script that checks the expected state, run and epoch,
 * writes the record, appends to the audit stream and names the customer's next head.
 */

import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type DeploymentRecord, deploymentRecord } from '../deployment/record.ts';
import { HEAD_STATES, isEndState, STATES, type State, TRANSITIONS } from '../deployment/states.ts';
import type { Clock } from '../platform/clock.ts';
import { type ErrorRecord, GraphshiftError } from '../platform/errors.ts';
import { deploymentId, type SnapshotName } from '../snapshot/names.ts';
import type { Keys } from './keys.ts';
import { defineScripts, type RunScript } from './scripts.ts';

export interface Discovery extends SnapshotName {
  /** Directory of the snapshot. */
  readonly path: string;
  /** For a snapshot that cannot be loaded: it is recorded dead on arrival. */
  readonly error?: ErrorRecord;
}

export type ClaimResult =
  | { readonly kind: 'claimed'; readonly record: DeploymentRecord }
  | { readonly kind: 'missing' | 'ended' | 'other-run' | 'not-head'; readonly found: string };

/** Fields that a transition writes along; undefined removes a field. */
export type RecordFields = { [Field in keyof DeploymentRecord]?: DeploymentRecord[Field] | undefined };

export interface RoomRequest {
  /** Database that the deployment will fill. */
  readonly database: string;
  /** Names of the databases that the store listed. */
  readonly existing: readonly string[];
  readonly max: number;
  /** Redis server time in ms just before the listing began. */
  readonly listedAt: number;
}

export interface Transition {
  readonly id: string;
  readonly from: readonly State[];
  readonly to: State;
  /** Expected run; left out where a person acts. */
  readonly run?: number;
  /** Expected epoch; left out where no holder is involved. */
  readonly epoch?: number;
  readonly fields?: RecordFields;
  /** For the audit stream. */
  readonly detail?: string;
  readonly room?: RoomRequest;
}

export type TransitionResult =
  | { readonly kind: 'ok'; readonly head: string | undefined; readonly run: number }
  | { readonly kind: 'missing' | 'state' | 'run' | 'fenced' | 'full'; readonly found: string };

export interface ListFilter {
  readonly customer?: string;
  readonly state?: State;
  /** Newest changes first. @default 1000 */
  readonly limit?: number;
}

export interface AuditEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly deployment: string;
  readonly from: string;
  readonly to: string;
  readonly run: number;
  readonly holder: string;
  readonly detail: string;
}

export interface Refusal {
  readonly path: string;
  readonly error: ErrorRecord;
}

export interface RecordedAction {
  /** Who did it. */
  readonly by: string;
  readonly action: string;
  /** What it was done to, such as a queue. */
  readonly target: string;
  /** Deployment whose history it belongs to, and its run, where there is one. */
  readonly deployment?: string;
  readonly run?: number;
}

/** Entries kept in the audit stream; lua/_record.lua keeps as many. */
const AUDIT_LENGTH = 100_000;

/** Records fetched in one round trip. */
const PAGE = 200;

export class DeploymentStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #script: RunScript;

  constructor(redis: Redis, keys: Keys, clock: Clock) {
    this.#redis = redis;
    this.#keys = keys;
    this.#clock = clock;
    this.#script = defineScripts(redis);
  }

  /** Records a snapshot, once. `head` is the customer's head afterwards, which must have a job. */
  async discover(snapshot: Discovery): Promise<{ created: boolean; head: string | undefined }> {
    const { customer, timestamp, path, error } = snapshot;
    const id = deploymentId(snapshot);
    const [created, head] = (await this.#script(
      'discover-2',
      [this.#keys.deployment(id), this.#keys.customer(customer)],
      [
        this.#keys.prefix,
        id,
        customer,
        timestamp,
        path,
        this.#clock.now(),
        error ? JSON.stringify({ ...error, at: this.#clock.now(), step: 'discovered' }) : '',
      ],
    )) as [number, string];
    return { created: created === 1, head: head || undefined };
  }

  /** Takes a deployment up for work under a new epoch of its customer. */
  async claim(id: string, run: number, holder: string, epochFloor: number): Promise<ClaimResult> {
    const customer = id.slice(0, id.lastIndexOf('@'));
    const [kind, found] = (await this.#script(
      'claim-2',
      [this.#keys.deployment(id), this.#keys.customer(customer)],
      [this.#keys.prefix, id, run, holder, this.#clock.now(), epochFloor],
    )) as [string, string | number];
    if (kind !== 'claimed') {
      return { kind: kind as 'missing' | 'ended' | 'other-run' | 'not-head', found: String(found) };
    }
    return { kind, record: await this.#mustGet(id) };
  }

  /**
   * Moves a deployment along one edge of the table; the only way a state changes.
   * @throws INTERNAL for an edge that the table does not have
   */
  async transition(change: Transition): Promise<TransitionResult> {
    for (const from of change.from) {
      if (!TRANSITIONS[from].includes(change.to)) {
        throw new GraphshiftError('INTERNAL', `no transition leads from ${from} to ${change.to}`);
      }
    }
    const customer = change.id.slice(0, change.id.lastIndexOf('@'));
    const revive = change.to === 'discovered';
    const [kind, found, run] = (await this.#script(
      'transition-3',
      [this.#keys.deployment(change.id), this.#keys.customer(customer), this.#keys.reservations],
      [
        this.#keys.prefix,
        change.id,
        JSON.stringify(change.from),
        change.run ?? '',
        change.epoch ?? '',
        change.to,
        this.#clock.now(),
        JSON.stringify(encodeFields(change.fields ?? {})),
        change.detail ?? '',
        change.room ? JSON.stringify(change.room) : '',
        revive ? '1' : '',
        isEndState(change.to) ? '1' : '',
      ],
    )) as [string, string, string];
    if (kind === 'ok') return { kind, head: found || undefined, run: Number(run) };
    return { kind: kind as 'missing' | 'state' | 'run' | 'fenced' | 'full', found };
  }

  /** Writes progress and the like. @returns false when somebody else holds the deployment by now */
  async note(held: Pick<DeploymentRecord, 'id' | 'run' | 'epoch'>, fields: RecordFields): Promise<boolean> {
    const pairs = Object.entries(encodeFields(fields)).flatMap(([field, value]) =>
      value === false ? [] : [field, value],
    );
    if (pairs.length === 0) return true;
    return (
      (await this.#script('note-1', [this.#keys.deployment(held.id)], [held.run, held.epoch, ...pairs])) === 1
    );
  }

  /** The customer's newest epoch; 0 before the first claim. */
  async currentEpoch(customer: string): Promise<number> {
    return Number((await this.#redis.hget(this.#keys.customer(customer), 'epoch')) ?? 0);
  }

  /** A new epoch for somebody who changes the customer's alias or databases by hand. */
  async raiseEpoch(customer: string, epochFloor: number): Promise<number> {
    return Number(await this.#script('raise-epoch-1', [this.#keys.customer(customer)], [epochFloor]));
  }

  /** Chooses the head again and returns it. */
  async chooseHead(customer: string): Promise<string | undefined> {
    const head = await this.#script(
      'choose-head-1',
      [this.#keys.customer(customer)],
      [this.#keys.prefix, customer, this.#clock.now()],
    );
    return (head as string) || undefined;
  }

  async get(id: string): Promise<DeploymentRecord | undefined> {
    const fields = await this.#redis.hgetall(this.#keys.deployment(id));
    return Object.keys(fields).length === 0 ? undefined : deploymentRecord.parse(fields);
  }

  async getMany(ids: readonly string[]): Promise<DeploymentRecord[]> {
    const records: DeploymentRecord[] = [];
    for (let start = 0; start < ids.length; start += PAGE) {
      const pipeline = this.#redis.pipeline();
      for (const id of ids.slice(start, start + PAGE)) pipeline.hgetall(this.#keys.deployment(id));
      for (const [error, fields] of (await pipeline.exec()) ?? []) {
        if (error) throw error;
        if (Object.keys(fields as object).length > 0) records.push(deploymentRecord.parse(fields));
      }
    }
    return records;
  }

  /** Which of these ids have a record. */
  async known(ids: readonly string[]): Promise<Set<string>> {
    const found = new Set<string>();
    for (let start = 0; start < ids.length; start += PAGE) {
      const page = ids.slice(start, start + PAGE);
      const pipeline = this.#redis.pipeline();
      for (const id of page) pipeline.exists(this.#keys.deployment(id));
      const answers = (await pipeline.exec()) ?? [];
      page.forEach((id, index) => {
        if (answers[index]?.[1] === 1) found.add(id);
      });
    }
    return found;
  }

  /** Deployments, the latest change first. */
  async list(filter: ListFilter = {}): Promise<DeploymentRecord[]> {
    const limit = filter.limit ?? 1000;
    if (filter.customer !== undefined) {
      const ids = await this.#redis.zrange(this.#keys.history(filter.customer), '0', '-1', 'REV');
      const records = await this.getMany(ids);
      return records.filter((record) => !filter.state || record.state === filter.state).slice(0, limit);
    }
    const states = filter.state ? [filter.state] : STATES;
    const pipeline = this.#redis.pipeline();
    for (const state of states) pipeline.zrange(this.#keys.state(state), '0', String(limit - 1), 'REV');
    const ids = ((await pipeline.exec()) ?? []).flatMap(([, found]) => found as string[]);
    const records = await this.getMany(ids);
    return records.sort((a, b) => b.changedAt - a.changedAt).slice(0, limit);
  }

  /** How many deployments stand in each state. */
  async counts(): Promise<Record<State, number>> {
    const pipeline = this.#redis.pipeline();
    for (const state of STATES) pipeline.zcard(this.#keys.state(state));
    const answers = (await pipeline.exec()) ?? [];
    return Object.fromEntries(
      STATES.map((state, index) => [state, Number(answers[index]?.[1] ?? 0)]),
    ) as Record<State, number>;
  }

  /** Ids of all deployments that must have a job. */
  async heads(): Promise<string[]> {
    return this.#inStates(HEAD_STATES);
  }

  async inState(state: State): Promise<string[]> {
    return this.#inStates([state]);
  }

  async customers(): Promise<string[]> {
    return this.#redis.zrange(this.#keys.customers, '0', '-1');
  }

  /** Names this filling of Redis, making the name the first time: another one later means that Redis was emptied. */
  async incarnation(): Promise<string> {
    await this.#redis.set(this.#keys.incarnation, randomUUID(), 'NX');
    return (await this.#redis.get(this.#keys.incarnation)) ?? '';
  }

  /** Redis's clock in milliseconds, the one that reservations are compared by. */
  async serverTime(): Promise<number> {
    const [seconds, microseconds] = (await this.#redis.time()) as [number | string, number | string];
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }

  /** The audit stream, oldest first. @param limit entries at most, the newest @default 1000 */
  async audit(
    filter: { customer?: string; deployment?: string; since?: number; limit?: number } = {},
  ): Promise<AuditEntry[]> {
    const limit = filter.limit ?? 1000;
    const entries = await this.#redis.xrevrange(
      this.#keys.audit,
      '+',
      filter.since ?? '-',
      'COUNT',
      limit * 10,
    );
    return entries
      .map(([, fields]) => auditEntry(fields))
      .filter((entry) => filter.deployment === undefined || entry.deployment === filter.deployment)
      .filter((entry) => filter.customer === undefined || entry.deployment.startsWith(`${filter.customer}@`))
      .slice(0, limit)
      .reverse();
  }

  /** What a person did elsewhere than through a transition, such as in Bull Board, for the audit stream. */
  async recordAction(entry: RecordedAction): Promise<void> {
    const { by, action, target, deployment = target, run = 0 } = entry;
    const detail = deployment === target ? action : `${action} ${target}`;
    const fields = { at: this.#clock.now(), deployment, from: '', to: '', run, holder: by, detail };
    const pairs = Object.entries(fields).flat().map(String);
    await this.#redis.xadd(this.#keys.audit, 'MAXLEN', '~', AUDIT_LENGTH, '*', ...pairs);
  }

  /** Keeps what cannot be a deployment, until its path is looked at again without a complaint. */
  async setRefusals(root: string, refusals: readonly Refusal[]): Promise<void> {
    const key = this.#keys.refusals(root);
    const transaction = this.#redis.multi().del(key);
    for (const refusal of refusals) transaction.hset(key, refusal.path, JSON.stringify(refusal.error));
    await transaction.sadd(this.#keys.refusedRoots, root).exec();
  }

  async refusals(): Promise<Refusal[]> {
    const found: Refusal[] = [];
    for (const root of await this.#redis.smembers(this.#keys.refusedRoots)) {
      const fields = await this.#redis.hgetall(this.#keys.refusals(root));
      for (const [path, error] of Object.entries(fields))
        found.push({ path, error: JSON.parse(error) as ErrorRecord });
    }
    return found;
  }

  async #inStates(states: readonly State[]): Promise<string[]> {
    const pipeline = this.#redis.pipeline();
    for (const state of states) pipeline.zrange(this.#keys.state(state), '0', '-1');
    return ((await pipeline.exec()) ?? []).flatMap(([, ids]) => ids as string[]);
  }

  async #mustGet(id: string): Promise<DeploymentRecord> {
    const record = await this.get(id);
    if (!record) throw new GraphshiftError('NOT_FOUND', `deployment ${id} has no record`);
    return record;
  }
}

/** Hash fields are text; false stands for a field to remove. */
function encodeFields(fields: RecordFields): Record<string, string | false> {
  return Object.fromEntries(
    Object.entries(fields).map(([field, value]) => {
      if (value === undefined) return [field, false];
      return [field, typeof value === 'object' ? JSON.stringify(value) : String(value)];
    }),
  );
}

function auditEntry(fields: string[]): AuditEntry {
  const entry: Record<string, string> = {};
  for (let index = 0; index < fields.length; index += 2) entry[fields[index] ?? ''] = fields[index + 1] ?? '';
  const { at = '0', deployment = '', from = '', to = '', run = '0', holder = '', detail = '' } = entry;
  return { at: Number(at), deployment, from, to, run: Number(run), holder, detail };
}
