/**
 * The running processes of an installation. Each beats every ten seconds while it lives and removes itself when it
 * stops; one that is silent for thirty seconds is lost, and forgotten after a day.
 */

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Keys } from './keys.ts';
import { defineScripts, type RunScript } from './scripts.ts';

export const INSTANCE_KINDS = ['producer', 'worker', 'dashboard', 'up'] as const;
/** `up` is producer, worker and dashboard in one process. */
export type InstanceKind = (typeof INSTANCE_KINDS)[number];

export const BEAT_EVERY_MS = 10_000;
export const SILENT_AFTER_MS = 30_000;
const FORGOTTEN_AFTER_MS = 24 * 3600 * 1000;

const count = z.coerce.number().int().nonnegative();

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
  readonly living: boolean;
}

/** What one beat says. */
export type Beat = Omit<z.input<typeof instanceRecord>, 'startedAt' | 'scan'> & {
  readonly id: string;
  readonly scan?: z.infer<typeof scanFacts>;
};

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

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#script = defineScripts(redis);
  }

  async beat(beat: Beat): Promise<void> {
    const { id, uptimeMs, scan, ...fields } = beat;
    const pairs = Object.entries({ ...fields, ...(scan && { scan: JSON.stringify(scan) }) }).flat();
    await this.#script(
      'beat-2',
      [this.#keys.instances, this.#keys.instance(id)],
      [this.#keys.prefix, id, Math.round(Number(uptimeMs)), FORGOTTEN_AFTER_MS, ...pairs.map(String)],
    );
  }

  /** Takes an instance that stops off the list. */
  async leave(id: string): Promise<void> {
    await this.#redis.multi().zrem(this.#keys.instances, id).del(this.#keys.instance(id)).exec();
  }

  /** All that are known, the silent ones too, by kind and name. */
  async list(): Promise<Instance[]> {
    const [seconds, microseconds] = (await this.#redis.time()) as [number | string, number | string];
    const now = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
    const beats = await this.#redis.zrange(this.#keys.instances, '0', '-1', 'WITHSCORES');
    const pipeline = this.#redis.pipeline();
    const found: { id: string; silentMs: number }[] = [];
    for (let index = 0; index < beats.length; index += 2) {
      const id = beats[index] ?? '';
      found.push({ id, silentMs: Math.max(0, now - Number(beats[index + 1])) });
      pipeline.hgetall(this.#keys.instance(id));
    }
    const answers = (await pipeline.exec()) ?? [];
    return found
      .flatMap(({ id, silentMs }, index) => {
        // One that left between the two questions, or beats in a way that only a newer version understands.
        const parsed = instanceRecord.safeParse(answers[index]?.[1]);
        return parsed.success ? [{ ...parsed.data, id, silentMs, living: silentMs < SILENT_AFTER_MS }] : [];
      })
      .sort((a, b) => (`${a.kind} ${a.id}` < `${b.kind} ${b.id}` ? -1 : 1));
  }
}
