/**
 * Deployments in Redis. Every change of a state is one Lua script that checks the expected state, run and epoch,
 * writes the record, appends to the audit stream and names the customer's next head.
 */

import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type DeploymentRecord, deploymentError, deploymentRecord } from '../deployment/record.ts';
import {
  ACTIVE_STATES,
  FORGETTABLE_STATES,
  IDLE_STATES,
  isEndState,
  type State,
  TRANSITIONS,
} from '../deployment/states.ts';
import type { Clock } from '../platform/clock.ts';
import { type ErrorRecord, GraphshiftError } from '../platform/errors.ts';
import { deploymentId, type SnapshotName } from '../snapshot/names.ts';
import { type AuditEntry, type AuditFilter, AuditStream } from './audit-stream.ts';
import { DeploymentReader } from './deployment-reader.ts';
import type { Keys } from './keys.ts';
import { defineScripts, type RunScript } from './scripts.ts';

/** Which of a customer's snapshots goes first, and what becomes of the others. */
export interface Policy {
  readonly order: 'newest-first' | 'in-order' | 'latest-only';
  /** Under `newest-first`: whether a newer snapshot stops the load of an older one. @default false */
  readonly supersedeRunning?: boolean;
}

/** The policy in the words of lua/_head.lua. */
export function orderWords({ order, supersedeRunning = false }: Policy): string {
  if (order === 'in-order') return 'oldest keep';
  if (order === 'latest-only') return 'newest stop';
  return supersedeRunning ? 'newest keep stop' : 'newest keep';
}

/** A record to be made again from what the store knows. */
export interface LostRecord extends SnapshotName {
  readonly path: string;
  readonly state: 'live' | 'replaced' | 'rolled-back';
  readonly fields: RecordFields;
  /** For the audit stream. */
  readonly detail: string;
  /** The epoch of the customer's alias: Redis comes to it at least, whether the record was lost or not. */
  readonly epoch: number;
  /** States in which a record that is there gives way, with a new run. @default none */
  readonly instead?: readonly State[];
}

export interface Discovery extends SnapshotName {
  /** Directory of the snapshot. */
  readonly path: string;
  /** For a snapshot that cannot be loaded: it is recorded dead on arrival. */
  readonly error?: ErrorRecord;
}

export type ClaimResult =
  | { readonly kind: 'claimed'; readonly record: DeploymentRecord }
  | { readonly kind: 'missing' | 'ended' | 'other-run' | 'not-head' | 'unfit'; readonly found: string };

/** Fields that a transition writes along; undefined removes a field. */
export type RecordFields = { [Field in keyof DeploymentRecord]?: DeploymentRecord[Field] | undefined };

export interface RoomRequest {
  /** Database that the deployment will fill. */
  readonly database: string;
  /** Names of the databases that the store listed. */
  readonly existing: readonly string[];
  /** How many it listed beside those, where their names shall not matter. @default 0 */
  readonly unnamed?: number;
  readonly max: number;
  /** Redis server time in ms just before the listing began. */
  readonly listedAt: number;
  /** Loads that all processes together may run; unlimited when left out. */
  readonly maxLoads?: number;
  /** Disk and memory that the load needs of what is free, beside what others in flight have reserved. */
  readonly needs?: RoomNeeds;
}

/** In bytes. */
export interface RoomNeeds {
  /** `free` must not be older than the listing. */
  readonly disk?: { readonly needed: number; readonly free: number };
  /** Of a machine by its name, and of the holder's process, where that has a limit of its own. */
  readonly memory?: { readonly needed: number; readonly free: number; readonly host: string };
  readonly worker?: { readonly needed: number; readonly free: number; readonly holder: string };
}

/** What there was not enough of; `found` is what others have reserved, in bytes. */
export const SHORTAGES = ['no-disk', 'no-memory', 'no-worker-memory'] as const;
export type Shortage = (typeof SHORTAGES)[number];
export type TransitionRefusal = 'missing' | 'state' | 'run' | 'fenced' | 'full' | 'busy' | Shortage;

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
  | { readonly kind: TransitionRefusal; readonly found: string };

/** What is taken from an instance that is lost or must give it up. */
export interface Release {
  readonly id: string;
  /** The instance that must still be its holder. */
  readonly holder: string;
  /** The customer's epoch, which the caller has raised. */
  readonly epoch: number;
  /** Whether the loss of a holder that was at work counts as a crash. */
  readonly lost: boolean;
  readonly reason: string;
}

export type ReleaseResult =
  /** The run that is over; the next one has begun. */
  | { readonly kind: 'ok'; readonly run: number }
  | { readonly kind: 'missing' | 'other' | 'ended' | 'fenced'; readonly found: string };

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

/** A claimed deployment is idle until it has passed the gate. */
const HELD_STATES: readonly State[] = [...IDLE_STATES, ...ACTIVE_STATES];

/** Entries kept in the audit stream; lua/_record.lua keeps as many. */
const AUDIT_LENGTH = 100_000;

export class DeploymentStore extends DeploymentReader {
  readonly #clock: Clock;
  readonly #script: RunScript;
  readonly #order: string;
  readonly #auditStream: AuditStream;

  constructor(redis: Redis, keys: Keys, clock: Clock, policy: Policy = { order: 'newest-first' }) {
    super(redis, keys);
    this.#clock = clock;
    this.#script = defineScripts(redis);
    this.#order = orderWords(policy);
    this.#auditStream = new AuditStream(redis, keys);
  }

  /** Records a snapshot, once. `head` is the customer's head afterwards, which must have a job. */
  async discover(snapshot: Discovery): Promise<{ created: boolean; head: string | undefined }> {
    const { customer, timestamp, path, error } = snapshot;
    const id = deploymentId(snapshot);
    const [created, head] = (await this.#script(
      'discover-2',
      [this.keys.deployment(id), this.keys.customer(customer)],
      [
        this.keys.prefix,
        id,
        customer,
        timestamp,
        path,
        this.#clock.now(),
        error
          ? JSON.stringify(deploymentError(error, { ...snapshot, state: 'discovered' }, this.#clock.now()))
          : '',
        this.#order,
      ],
    )) as [number, string];
    return { created: created === 1, head: head || undefined };
  }

  /** Makes a lost record again, unless it is there and need not give way. `head` is the customer's head afterwards. */
  async restore(lost: LostRecord): Promise<{ created: boolean; head: string | undefined }> {
    const { customer, timestamp, path, state, detail } = lost;
    const id = deploymentId(lost);
    const fields = Object.fromEntries(
      Object.entries(encodeFields(lost.fields)).filter(([, value]) => value !== false),
    );
    const [created, head] = (await this.#script(
      'restore-2',
      [this.keys.deployment(id), this.keys.customer(customer)],
      [
        this.keys.prefix,
        id,
        customer,
        timestamp,
        path,
        this.#clock.now(),
        state,
        JSON.stringify(fields),
        detail,
        this.#order,
        JSON.stringify(lost.instead ?? []),
        lost.epoch,
      ],
    )) as [number, string];
    return { created: created === 1, head: head || undefined };
  }

  /**
   * Removes the record of a deployment that ended before an instant and whose snapshot is gone.
   * @param before milliseconds since 1970
   * @returns false when it has changed since, or is in a state that is kept
   */
  async forget(id: string, before: number): Promise<boolean> {
    const customer = id.slice(0, id.lastIndexOf('@'));
    const keys = [this.keys.deployment(id), this.keys.customer(customer)];
    const values = [this.keys.prefix, id, JSON.stringify(FORGETTABLE_STATES), before];
    return (await this.#script('forget-2', keys, values)) === 1;
  }

  /** Takes a deployment up for work under a new epoch of its customer. */
  async claim(id: string, run: number, holder: string, epochFloor: number): Promise<ClaimResult> {
    const customer = id.slice(0, id.lastIndexOf('@'));
    const [kind, found] = (await this.#script(
      'claim-2',
      [this.keys.deployment(id), this.keys.customer(customer)],
      [this.keys.prefix, id, run, holder, this.#clock.now(), epochFloor],
    )) as [string, string | string[]];
    if (kind !== 'claimed') {
      return { kind: kind as Exclude<ClaimResult['kind'], 'claimed'>, found: String(found) };
    }
    return { kind, record: recordOf(found as string[]) };
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
      [this.keys.deployment(change.id), this.keys.customer(customer), this.keys.reservations],
      [
        this.keys.prefix,
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
        this.#order,
      ],
    )) as [string, string, string];
    if (kind === 'ok') return { kind, head: found || undefined, run: Number(run) };
    return { kind: kind as TransitionRefusal, found };
  }

  /** Takes a deployment away from an instance: nobody holds it then, and it begins a new run, in one step. */
  async release({ id, holder, epoch, lost, reason }: Release): Promise<ReleaseResult> {
    const customer = id.slice(0, id.lastIndexOf('@'));
    const keys = [this.keys.deployment(id), this.keys.customer(customer)];
    const values = [this.keys.prefix, id, holder, epoch, this.#clock.now(), lost ? '1' : '', reason];
    const [kind, found] = (await this.#script('release-2', keys, values)) as [string, string];
    if (kind === 'ok') return { kind, run: Number(found) };
    return { kind: kind as Exclude<ReleaseResult['kind'], 'ok'>, found };
  }

  /**
   * Writes progress and the like, also none at all to ask whether the deployment is still held.
   * @returns false when somebody else holds it by now, or ended it
   */
  async note(held: Pick<DeploymentRecord, 'id' | 'run' | 'epoch'>, fields: RecordFields): Promise<boolean> {
    const pairs = Object.entries(encodeFields(fields)).flatMap(([field, value]) =>
      value === false ? [] : [field, value],
    );
    const values = [held.run, held.epoch, JSON.stringify(HELD_STATES), ...pairs];
    return (await this.#script('note-1', [this.keys.deployment(held.id)], values)) === 1;
  }

  /** A new epoch for somebody who changes the customer's alias or databases by hand. */
  async raiseEpoch(customer: string, epochFloor: number): Promise<number> {
    return Number(await this.#script('raise-epoch-1', [this.keys.customer(customer)], [epochFloor]));
  }

  /** Chooses the head again and returns it. */
  async chooseHead(customer: string): Promise<string | undefined> {
    const head = await this.#script(
      'choose-head-1',
      [this.keys.customer(customer)],
      [this.keys.prefix, customer, this.#clock.now(), this.#order],
    );
    return (head as string) || undefined;
  }

  /** Names this filling of Redis, making the name the first time: another one later means that Redis was emptied. */
  async incarnation(): Promise<string> {
    await this.redis.set(this.keys.incarnation, randomUUID(), 'NX');
    return (await this.redis.get(this.keys.incarnation)) ?? '';
  }

  /** The newest entries of the audit stream, oldest first. */
  async audit(filter: AuditFilter = {}): Promise<AuditEntry[]> {
    return this.#auditStream.read(filter);
  }

  /** What a person did elsewhere than through a transition, such as in Bull Board, for the audit stream. */
  async recordAction(entry: RecordedAction): Promise<void> {
    const { by, action, target, deployment = target, run = 0 } = entry;
    const detail = deployment === target ? action : `${action} ${target}`;
    const fields = { at: this.#clock.now(), deployment, from: '', to: '', run, holder: by, detail };
    const pairs = Object.entries(fields).flat().map(String);
    await this.redis.xadd(this.keys.audit, 'MAXLEN', '~', AUDIT_LENGTH, '*', ...pairs);
  }

  /** Keeps what cannot be a deployment, until its path is looked at again without a complaint. */
  async setRefusals(root: string, refusals: readonly Refusal[]): Promise<void> {
    const key = this.keys.refusals(root);
    const transaction = this.redis.multi().del(key);
    for (const refusal of refusals) transaction.hset(key, refusal.path, JSON.stringify(refusal.error));
    await transaction.sadd(this.keys.refusedRoots, root).exec();
  }

  async refusals(): Promise<Refusal[]> {
    const found: Refusal[] = [];
    for (const root of await this.redis.smembers(this.keys.refusedRoots)) {
      const fields = await this.redis.hgetall(this.keys.refusals(root));
      for (const [path, error] of Object.entries(fields))
        found.push({ path, error: JSON.parse(error) as ErrorRecord });
    }
    return found;
  }
}

/** A record as a script returns its hash: field, value, field, value … */
function recordOf(pairs: readonly string[]): DeploymentRecord {
  const fields: Record<string, string> = {};
  for (let index = 0; index < pairs.length; index += 2) fields[pairs[index] ?? ''] = pairs[index + 1] ?? '';
  return deploymentRecord.parse(fields);
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
