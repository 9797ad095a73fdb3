/** The reading of the store that all processes share, in Redis. */

import type { Redis } from 'ioredis';
import type { Keys } from '../queue/keys.ts';
import { defineScripts, type RunScript } from '../queue/scripts.ts';
import type { GateView, StoreReading } from './reading.ts';

/** Readings of another version of the program are not understood, and taken again. */
const VERSION = 1;

export interface ReadingCacheOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Names this process on the lease. */
  readonly holder: string;
  /** How long a reading may be used. */
  readonly usableMs: number;
  /** How long the one that takes a reading keeps the others from it. */
  readonly leaseMs: number;
}

export class ReadingCache {
  readonly #options: ReadingCacheOptions;
  readonly #script: RunScript;

  constructor(options: ReadingCacheOptions) {
    this.#options = options;
    this.#script = defineScripts(options.redis);
  }

  /** The shared reading, while it may be used. */
  async newest(): Promise<StoreReading | undefined> {
    const { redis, keys } = this.#options;
    const text = await redis.hget(keys.reading, 'reading');
    if (text === null) return undefined;
    const { version, reading } = JSON.parse(text) as { version: number; reading: StoreReading };
    return version === VERSION ? reading : undefined;
  }

  /** Whether it is this process's turn to ask the store. */
  async lease(): Promise<boolean> {
    const { redis, keys, holder, leaseMs } = this.#options;
    return (await redis.set(keys.readingLease, holder, 'PX', leaseMs, 'NX')) === 'OK';
  }

  /** Shares a reading, and gives back the lease where this process has it. */
  publish(reading: StoreReading, view: GateView): Promise<void> {
    return this.#publish(JSON.stringify({ version: VERSION, reading }), reading, view);
  }

  /** Gives the lease back after a question that got no answer, and tells of it where nobody has got one lately. */
  complain(reading: StoreReading, view: GateView): Promise<void> {
    return this.#publish('', reading, view);
  }

  async #publish(text: string, { listedAt }: StoreReading, view: GateView): Promise<void> {
    const { keys, usableMs, leaseMs, holder } = this.#options;
    await this.#script(
      'publish-reading-3',
      [keys.reading, keys.readingLease, keys.gate],
      [text, listedAt, usableMs, leaseMs, holder, JSON.stringify(view)],
    );
  }

  async view(): Promise<GateView | undefined> {
    const text = await this.#options.redis.get(this.#options.keys.gate);
    return text === null ? undefined : (JSON.parse(text) as GateView);
  }
}
