/**
 * The running processes of an installation. Each beats every ten seconds while it lives and removes itself when it
 * stops; one that has missed three beats is lost, and forgotten after a day. Beats are judged by Redis's clock. Every
 * instance has an epoch, which whoever recovers it raises: no late beat brings it back.
 */

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import {
  type Condition,
  conditionOf,
  DEFAULT_TIMES,
  type HeartbeatTimes,
  MARKS,
  type Mark,
} from './condition.ts';
import type { Keys } from './keys.ts';
import { defineScripts, type RunScript } from './scripts.ts';

export const INSTANCE_KINDS = ['producer', 'worker', 'dashboard', 'up'] as const;
/** `up` is producer, worker and dashboard in one process. */
export type InstanceKind = (typeof INSTANCE_KINDS)[number];

export const BEAT_EVERY_MS = 10_000;
/** Beats that may be missed before nobody counts on an instance any more. */
const MISSED = 3;
const FORGOTTEN_AFTER_MS = 24 * 3600 * 1000;

const count = z.coerce.number().int().nonnegative();

const words = z
  .string()
  .default('')
  .transform((text) => text.split(' ').filter((word) => word !== ''));

const scanFacts = z.object({
  /** Seconds between two scans. */
  interval: z.number(),
  /** As configured. */
  roots: z.array(z.string()),
});

const instanceRecord = z.object({
  kind: z.enum(INSTANCE_KINDS),
  host: z.string(),
  pid: count,
  version: z.string(),
  /** `stopping` takes nothing new. */
  state: z.enum(['running', 'stopping']),
  /** Loads that it can run at once. */
  capacity: count,
  /** Deployments in hand. */
  active: count,
  /** Milliseconds that its slots were busy since it started, all slots together. */
  busyMs: count,
  uptimeMs: count,
  /** Server time in ms. */
  startedAt: count,
  /** Grows when it is recovered. */
  epoch: count.default(1),
  /** How often it beats. */
  everyMs: count.default(BEAT_EVERY_MS),
  /** Ids of the deployments that it has in hand. */
  deployments: words,
  /** Chunks of shared loads that it has in hand, each as `<deployment>#<number>`. */
  chunks: words,
  /** What it alone does for all: `status-writer`, `audit-lease`. */
  leases: words,
  /** Resident memory in bytes, that of its loading processes with it. */
  memory: count.default(0),
  /** The longest that its event loop was late since the beat before, in milliseconds. */
  loopDelayMs: z.coerce.number().nonnegative().default(0),
  /** How late the beat came, in milliseconds. */
  lateMs: count.default(0),
  /** How often its watchdog has restarted its consumer. */
  restarts: count.default(0),
  /** Why it takes no work up just now; empty when it does. */
  paused: z.string().default(''),
  /** What monitors or a person have found it to be; a beat takes all but `failed` and `recovered` back. */
  mark: z.enum(MARKS).optional(),
  /** Server time in ms. */
  markedAt: count.optional(),
  /** Since when it may claim nothing and no beat of it counts; server time in ms. */
  fencedAt: count.optional(),
  /** What a producer scans. */
  scan: z
    .string()
    .transform((text) => scanFacts.parse(JSON.parse(text)))
    .optional(),
});

export interface Instance extends z.infer<typeof instanceRecord> {
  readonly id: string;
  /** Milliseconds since its last beat. */
  readonly silentMs: number;
  /** It beats as often as it should, or has missed two beats at most. */
  readonly living: boolean;
  readonly condition: Condition;
}

/** What one beat says. */
export type Beat = Omit<
  z.input<typeof instanceRecord>,
  'startedAt' | 'scan' | 'deployments' | 'chunks' | 'leases' | 'mark' | 'markedAt' | 'fencedAt'
> & {
  readonly id: string;
  readonly deployments?: readonly string[];
  readonly chunks?: readonly string[];
  readonly scan?: z.infer<typeof scanFacts>;
};

/**
 * `ok`: it counts; `before` is what monitors had marked the instance as. `recovered`: what it held is others' by now, and
 * its process must end. `forgotten`: it was silent for a day, in which it may have been recovered.
 */
export type BeatAnswer =
  | { readonly kind: 'ok'; readonly before: Mark | undefined }
  | { readonly kind: 'recovered' | 'forgotten' };

export interface MarkRequest {
  readonly id: string;
  readonly mark: Mark;
  /** It is left alone where it has beaten since. @default 0 */
  readonly silentMs?: number;
  /** It may claim nothing from now on, and no beat of it counts. @default false */
  readonly fence?: boolean;
  /** Takes note that it holds nothing any more. @default false */
  readonly empty?: boolean;
}

/** `marked` is answered to one of all who ask for the same. */
export interface MarkAnswer {
  readonly kind: 'marked' | 'known' | 'alive' | 'missing';
  readonly silentMs: number;
  readonly epoch: number;
}

/** A name that no other process has or had, in records, audit and logs: `<host>-<pid>-<random>`. */
export function makeInstanceId(): string {
  return `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
}

/** Share of the time of its slots, 0 to 1, in which they were busy since it started; null where it has none. */
export function busyShare({ busyMs, capacity, uptimeMs }: Instance): number | null {
  if (capacity === 0) return null;
  return uptimeMs === 0 ? 0 : Math.min(1, busyMs / (capacity * uptimeMs));
}

export class Instances {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #script: RunScript;
  readonly #times: HeartbeatTimes;

  /** @param times by which conditions are judged. @default the documented ones */
  constructor(redis: Redis, keys: Keys, times: HeartbeatTimes = DEFAULT_TIMES) {
    this.#redis = redis;
    this.#keys = keys;
    this.#script = defineScripts(redis);
    this.#times = times;
  }

  /** @param quietMs since its last beat by its own clock. @default 0 */
  async beat(beat: Beat, quietMs = 0): Promise<BeatAnswer> {
    const { id, uptimeMs, scan, epoch = 1, deployments = [], chunks = [], ...fields } = beat;
    const lists = { deployments: deployments.join(' '), chunks: chunks.join(' ') };
    const texts = { ...lists, ...(scan && { scan: JSON.stringify(scan) }) };
    const pairs = Object.entries({ ...fields, ...texts }).flat();
    const [kind, before] = (await this.#script(
      'beat-2',
      [this.#keys.instances, this.#keys.instance(id)],
      [
        this.#keys.prefix,
        id,
        Math.round(Number(uptimeMs)),
        FORGOTTEN_AFTER_MS,
        String(epoch),
        Math.round(quietMs),
        ...pairs.map(String),
      ],
    )) as [BeatAnswer['kind'], string];
    return kind === 'ok' ? { kind, before: MARKS.find((mark) => mark === before) } : { kind };
  }

  /** Takes an instance that stops off the list. */
  async leave(id: string): Promise<void> {
    await this.#redis.multi().zrem(this.#keys.instances, id).del(this.#keys.instance(id)).exec();
  }

  /** Marks an instance as what it was found to be, unless it has beaten since. Idempotent. */
  async mark(request: MarkRequest): Promise<MarkAnswer> {
    const { id, mark, silentMs = 0, fence = false, empty = false } = request;
    const [kind, silent, epoch] = (await this.#script(
      'mark-instance-2',
      [this.#keys.instances, this.#keys.instance(id)],
      [id, mark, Math.round(silentMs), fence ? '1' : '', empty ? '1' : ''],
    )) as [MarkAnswer['kind'], string, string];
    return { kind, silentMs: Number(silent), epoch: Number(epoch) };
  }

  /** Gives up what an instance alone does for all. @returns names of the leases that it had */
  async freeLeases(id: string): Promise<string[]> {
    const { statusWriter, auditLease } = this.#keys;
    const leases = { 'status-writer': statusWriter, 'audit-lease': auditLease };
    const freed: string[] = [];
    for (const [name, key] of Object.entries(leases))
      if ((await this.#script('release-lease-1', [key], [id])) === 1) freed.push(name);
    return freed;
  }

  /** All that are known, the silent ones too, by kind and name. */
  async list(): Promise<Instance[]> {
    const found = await this.#since(0);
    return found.sort((a, b) => (`${a.kind} ${a.id}` < `${b.kind} ${b.id}` ? -1 : 1));
  }

  /** Those that have not beaten for so long, the longest first. */
  async silentFor(ms: number): Promise<Instance[]> {
    return this.#since(ms);
  }

  async find(id: string): Promise<Instance | undefined> {
    const beat = await this.#redis.zscore(this.#keys.instances, id);
    return beat === null ? undefined : (await this.#read([id, beat], await this.#now()))[0];
  }

  async #since(silentMs: number): Promise<Instance[]> {
    const now = await this.#now();
    const last = silentMs === 0 ? '+inf' : String(now - silentMs);
    const beats = await this.#redis.zrange(this.#keys.instances, '-inf', last, 'BYSCORE', 'WITHSCORES');
    return this.#read(beats, now);
  }

  /** @param beats id, time of its last beat, id, … */
  async #read(beats: readonly string[], now: number): Promise<Instance[]> {
    const pipeline = this.#redis.pipeline();
    const found: { id: string; silentMs: number }[] = [];
    for (let index = 0; index < beats.length; index += 2) {
      const id = beats[index] ?? '';
      found.push({ id, silentMs: Math.max(0, now - Number(beats[index + 1])) });
      pipeline.hgetall(this.#keys.instance(id));
    }
    const answers = (await pipeline.exec()) ?? [];
    return found.flatMap(({ id, silentMs }, index) => {
      // One that left between the two questions, or beats in a way that only a newer version understands.
      const parsed = instanceRecord.safeParse(answers[index]?.[1]);
      if (!parsed.success) return [];
      const living = silentMs < parsed.data.everyMs * MISSED && parsed.data.fencedAt === undefined;
      const condition = conditionOf({ ...parsed.data, silentMs }, this.#times);
      return [{ ...parsed.data, id, silentMs, living, condition }];
    });
  }

  async #now(): Promise<number> {
    const [seconds, microseconds] = (await this.#redis.time()) as [number | string, number | string];
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }
}
