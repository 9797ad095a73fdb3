import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

const KEPT_SECONDS = 30 * 24 * 3600;

/** Content hashes of snapshots, remembered for a month by the sizes and times of their files. */
export class ContentHashes {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** @param fingerprint of a listing: sha256 over path, size and modification time of every file */
  async get(fingerprint: string): Promise<string | undefined> {
    return (await this.#redis.get(this.#keys.contentHash(fingerprint))) ?? undefined;
  }

  async set(fingerprint: string, contentHash: string): Promise<void> {
    await this.#redis.set(this.#keys.contentHash(fingerprint), contentHash, 'EX', KEPT_SECONDS);
  }
}
