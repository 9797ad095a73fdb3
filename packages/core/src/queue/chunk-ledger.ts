/**
 * Who has which chunk of a shared load. The truth about what is loaded is in the database: a ledger that is lost is made
 * again from there, and one that is wrong costs a look at a chunk that is whole already.
 */

import type { Redis } from 'ioredis';
import { asGraphshiftError, type ErrorRecord, GraphshiftError } from '../platform/errors.ts';
import type { Keys } from './keys.ts';
import { defineScripts, type RunScript } from './scripts.ts';

/** A load under a holder's epoch: whoever takes it over has another one, and what is said under this is refused. */
export interface LedgerOf {
  readonly deployment: string;
  readonly run: number;
  readonly epoch: number;
}

/** `over`: the load has ended or failed, or somebody else coordinates it. `missing`: its ledger is not there. */
export type LedgerRefusal = 'over' | 'missing';

export interface LedgerView {
  readonly kind: 'ok';
  /** Chunks that are whole. */
  readonly done: number;
  /** Chunks that nobody has, and that somebody has. */
  readonly todo: number;
  readonly taken: number;
  /** Rows that have come in since the ledger was opened. */
  readonly rows: number;
  /** Why the load has failed. */
  readonly fatal: GraphshiftError | undefined;
  /** Instances that have a chunk in hand. */
  readonly holders: readonly string[];
}

export interface TakenChunk extends LedgerOf {
  readonly kind: 'taken';
  readonly chunk: number;
  /** Of this taking. */
  readonly holder: string;
  readonly work: string;
  readonly plan: string;
  /** How often it has failed. */
  readonly tries: number;
}

/** `none`: nothing is free. `done`, `busy`: of a chunk that was asked for by its number. */
export type TakeAnswer =
  | TakenChunk
  | { readonly kind: LedgerRefusal | 'none' | 'done' | 'busy' }
  | { readonly kind: 'early'; readonly delayMs: number };

/** `lost`: it was not told of in time, and somebody else may have it. */
export type KeepAnswer = 'ok' | 'lost' | LedgerRefusal;

export type ChunkEnd =
  | { readonly kind: 'done'; readonly rows: number }
  | { readonly kind: 'back'; readonly delayMs: number }
  | { readonly kind: 'failed'; readonly delayMs: number }
  | { readonly kind: 'fatal'; readonly error: ErrorRecord };

/** Ledgers that nobody looks at go by themselves: a coordinator that comes back makes another one. */
const KEPT_MS = 3_600_000;

/** How long a chunk is its taker's without a word of it. */
export const CHUNK_LEASE_MS = 30_000;

/** Between the name of an instance and what tells its takings apart. */
const TAKING = '#';

export class ChunkLedger {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #script: RunScript;
  readonly #leaseMs: number;
  #takings = 0;

  /** @param leaseMs how long a chunk is its taker's without a word of it. @default 30_000 */
  constructor(redis: Redis, keys: Keys, leaseMs: number = CHUNK_LEASE_MS) {
    this.#redis = redis;
    this.#keys = keys;
    this.#script = defineScripts(redis);
    this.#leaseMs = leaseMs;
  }

  /** How often whoever has a chunk must tell of it. */
  get tellEveryMs(): number {
    return Math.min(1000, this.#leaseMs / 4);
  }

  /**
   * Makes the ledger of a round anew.
   * @param todo chunks that are not whole, in the order in which they shall be taken
   * @returns false where the load is over
   */
  async open(
    load: LedgerOf,
    plan: string,
    done: number,
    todo: readonly { readonly number: number; readonly work: string }[],
  ): Promise<boolean> {
    const works = todo.flatMap(({ number, work }) => [number, work]);
    return (await this.#run('open-ledger-2', load, [KEPT_MS, plan, done, ...works])) === 'ok';
  }

  async look(load: LedgerOf): Promise<LedgerView | { readonly kind: LedgerRefusal }> {
    const found = (await this.#run('look-at-ledger-2', load, [KEPT_MS])) as (string | number)[];
    const [kind, done, todo, taken, rows, fatal, ...holders] = found;
    if (kind !== 'ok') return { kind: kind as LedgerRefusal };
    return {
      kind,
      done: Number(done),
      todo: Number(todo),
      taken: Number(taken),
      rows: Number(rows),
      fatal: fatal === '' ? undefined : GraphshiftError.fromRecord(JSON.parse(String(fatal)) as ErrorRecord),
      holders: [...new Set(holders.map((holder) => instanceOf(String(holder))))],
    };
  }

  /**
   * Chunks that shall get a job now.
   * @param limit of the chunks that have one, or are in the hands of others than the coordinator
   * @param coordinator its instance
   */
  async offer(
    load: LedgerOf,
    limit: number,
    coordinator: string,
  ): Promise<readonly { readonly chunk: number; readonly offer: number }[]> {
    const found = (await this.#run('offer-chunks-2', load, [limit, `${coordinator}${TAKING}`])) as string[];
    const chosen = [];
    for (let index = 0; index < found.length; index += 2)
      chosen.push({ chunk: Number(found[index]), offer: Number(found[index + 1]) });
    return chosen;
  }

  /** Chunks that have a job, or had one that was lost. */
  async offered({ deployment }: LedgerOf): Promise<number[]> {
    return (await this.#redis.smembers(this.#keys.ledgerOffers(deployment))).map(Number);
  }

  /** The job of a chunk is gone: it may get another one. */
  async withdraw({ deployment }: LedgerOf, chunk: number): Promise<void> {
    await this.#redis.srem(this.#keys.ledgerOffers(deployment), chunk);
  }

  /** @param chunk the one wanted. @default any */
  async take(load: LedgerOf, instance: string, chunk?: number): Promise<TakeAnswer> {
    const { deployment, run, epoch } = load;
    const holder = `${instance}${TAKING}${++this.#takings}`;
    const [kind, value = '', work = '', plan = '', tries = '0'] = (await this.#script(
      'take-chunk-2',
      [this.#keys.ledger(deployment), this.#keys.deployment(deployment)],
      [this.#keys.prefix, run, epoch, chunk ?? '', holder, instance, this.#leaseMs],
    )) as string[];
    if (kind === 'early') return { kind, delayMs: Number(value) };
    if (kind !== 'taken') return { kind: kind as 'over' };
    const taken = { kind, deployment, run, epoch, chunk: Number(value), holder } as const;
    return { ...taken, work, plan, tries: Number(tries) };
  }

  /** Tells that it is being loaded. @param rows that have come in */
  async keep(taken: TakenChunk, rows: number): Promise<KeepAnswer> {
    const values = [taken.chunk, taken.holder, this.#leaseMs, rows];
    return (await this.#run('keep-chunk-2', taken, values)) as KeepAnswer;
  }

  async end(taken: TakenChunk, how: ChunkEnd): Promise<KeepAnswer> {
    return (await this.#run('end-chunk-2', taken, [
      taken.chunk,
      taken.holder,
      how.kind,
      detailOf(how),
    ])) as KeepAnswer;
  }

  /** Forgets it, unless a newer coordinator has made it anew. @returns chunks that still have a job */
  async close({ deployment, epoch }: LedgerOf): Promise<number[]> {
    const offered = await this.#script('close-ledger-1', [this.#keys.ledger(deployment)], [epoch]);
    return (offered as string[]).map(Number);
  }

  #run(name: Parameters<RunScript>[0], load: LedgerOf, values: (string | number)[]): Promise<unknown> {
    const { deployment, run, epoch } = load;
    const keys = [this.#keys.ledger(deployment), this.#keys.deployment(deployment)];
    return this.#script(name, keys, [run, epoch, ...values]);
  }
}

function detailOf(how: ChunkEnd): string | number {
  switch (how.kind) {
    case 'done':
      return how.rows;
    case 'failed':
    case 'back':
      return Math.round(how.delayMs);
    case 'fatal':
      return JSON.stringify(how.error);
  }
}

function instanceOf(holder: string): string {
  return holder.slice(0, holder.lastIndexOf(TAKING));
}

/** Why a chunk's failure ends its load, or undefined where it may be tried again. */
export function fatalError(error: unknown, tries: number, maxRetries: number): GraphshiftError | undefined {
  const known = asGraphshiftError(error);
  return known.class === 'permanent' || tries >= maxRetries ? known : undefined;
}
