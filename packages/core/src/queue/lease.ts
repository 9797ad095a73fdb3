import type { Redis } from 'ioredis';
import { defineScripts, type RunScript } from './scripts.ts';

export interface LeaseOptions {
  readonly redis: Redis;
  readonly key: string;
  /** Who asks, such as an instance's id. */
  readonly holder: string;
  /** How long it lasts without renewal. */
  readonly ttlMs: number;
}

/** Something that one process at a time may do. It passes on when its holder has not renewed it for its time. */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #script: RunScript;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#script = defineScripts(options.redis);
  }

  /** Takes it or renews it. @returns whether the caller holds it now */
  async take(): Promise<boolean> {
    const { key, holder, ttlMs } = this.#options;
    return (await this.#script('take-lease-1', [key], [holder, ttlMs])) === 1;
  }

  /** Gives it up; one that has passed on stays where it is. */
  async release(): Promise<void> {
    await this.#script('release-lease-1', [this.#options.key], [this.#options.holder]);
  }
}
