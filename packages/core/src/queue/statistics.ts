/** What the status says about deployments: counts and times that all processes share. */

import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { STATES, type State } from '../deployment/states.ts';
import { CHUNK_QUEUE, DEAD_LETTER_QUEUE, DEPLOY_QUEUE } from './catalogue.ts';
import type { Keys } from './keys.ts';

/** What waits at the gate asks again within a minute, unless the settings say otherwise. */
const GATE_TOLD_MS = 180_000;

export interface StatisticsReading {
  /** Since the installation began. */
  readonly discovered: number;
  /** Arrivals in `live`, rollbacks left out. */
  readonly completed: number;
  /** Arrivals in `dead`: dead letters. */
  readonly failed: number;
  readonly retried: number;
  /** Milliseconds from first claim to live of the newest thousand, newest first. */
  readonly durationsMs: readonly number[];
  /** Deployments in each state now. */
  readonly states: Readonly<Record<State, number>>;
  /** Milliseconds since 1970 of the newest audit entry; undefined before the first. */
  readonly lastActivityAt: number | undefined;
}

export class Statistics {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Everything as it stood at one moment. */
  async read(): Promise<StatisticsReading> {
    const transaction = this.#redis
      .multi()
      .hgetall(this.#keys.stats)
      .lrange(this.#keys.durations, 0, -1)
      .xrevrange(this.#keys.audit, '+', '-', 'COUNT', 1);
    for (const state of STATES) transaction.zcard(this.#keys.state(state));
    const answers = ((await transaction.exec()) ?? []).map(([error, answer]) => {
      if (error) throw error;
      return answer;
    });
    const [stats, durations, newest, ...counts] = answers as [
      Record<string, string>,
      string[],
      [string, string[]][],
      ...number[],
    ];
    const counted = (name: string) => Number(stats[name] ?? 0);
    return {
      discovered: counted('discovered'),
      completed: counted('completed'),
      failed: counted('failed'),
      retried: counted('retried'),
      durationsMs: durations.map(Number),
      states: Object.fromEntries(STATES.map((state, index) => [state, Number(counts[index])])) as Record<
        State,
        number
      >,
      lastActivityAt: entryTime(newest[0]?.[1] ?? []),
    };
  }

  /** Jobs of each queue by BullMQ's states. */
  async jobs(): Promise<Record<string, Record<string, number>>> {
    const found: Record<string, Record<string, number>> = {};
    for (const name of [DEPLOY_QUEUE, CHUNK_QUEUE, DEAD_LETTER_QUEUE]) {
      const queue = new Queue(name, { connection: this.#redis, prefix: this.#keys.prefix });
      queue.on('error', () => {});
      try {
        found[name] = await queue.getJobCounts();
      } finally {
        await queue.close();
      }
    }
    return found;
  }

  /** Why the gate was closed when somebody last asked; undefined when it was open, or that is long ago. */
  async gateClosed(): Promise<string | undefined> {
    const text = await this.#redis.get(this.#keys.gate);
    if (text === null) return undefined;
    const { at, open, reason } = JSON.parse(text) as { at: number; open: boolean; reason: string | null };
    const [seconds] = (await this.#redis.time()) as [number | string, unknown];
    return open || Number(seconds) * 1000 - at > GATE_TOLD_MS ? undefined : (reason ?? undefined);
  }

  /** The instance that writes the status file now. */
  async statusWriter(): Promise<string | undefined> {
    return (await this.#redis.get(this.#keys.statusWriter)) ?? undefined;
  }
}

function entryTime(fields: readonly string[]): number | undefined {
  const index = fields.indexOf('at');
  return index < 0 ? undefined : Number(fields[index + 1]);
}
