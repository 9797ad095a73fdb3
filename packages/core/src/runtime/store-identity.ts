/**
 * Which graph store the records in Redis are about. The first producer or worker writes it down; who comes with another store is
 * refused, since two stores under one set of records would each lose what the other one has.
 */

import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Settings } from '../config/settings.ts';
import type { GraphStore } from '../graph-store/graph-store.ts';
import { embeddedDirectory } from '../graph-store/open-store.ts';
import type { Clock } from '../platform/clock.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { heartbeatTimes } from '../queue/condition.ts';
import { redactUrl } from '../queue/connection.ts';
import { Instances } from '../queue/instances.ts';
import type { Keys } from '../queue/keys.ts';

const knownStore = z.object({ id: z.string(), url: z.string(), host: z.string(), since: z.string() });
export type KnownStore = z.infer<typeof knownStore>;

export interface StoreIdentityOptions {
  readonly settings: Settings;
  /** From which a relative directory of the store is taken. */
  readonly directory: string;
  readonly redis: Redis;
  readonly keys: Keys;
  /** Started. */
  readonly store: GraphStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export class StoreIdentity {
  readonly #options: StoreIdentityOptions;
  #told = '';

  constructor(options: StoreIdentityOptions) {
    this.#options = options;
  }

  /** This process's own store, or undefined where it cannot be told apart from others. */
  async own(): Promise<KnownStore | undefined> {
    const { store, settings, directory, clock } = this.#options;
    const id = await store.id?.();
    if (id === undefined) return undefined;
    const embedded = embeddedDirectory(settings, directory);
    const url = embedded === undefined ? redactUrl(settings.store.url) : `embedded:${embedded}`;
    return { id, url, host: hostname(), since: new Date(clock.now()).toISOString() };
  }

  /** The one that the records are about, or undefined where nobody wrote it down yet. */
  async known(): Promise<KnownStore | undefined> {
    const { redis, keys } = this.#options;
    const text = await redis.get(keys.store);
    return text === null ? undefined : knownStore.parse(JSON.parse(text));
  }

  /** @param founds write it down where nobody has @throws STORE_OTHER */
  async check(founds: boolean): Promise<void> {
    const own = await this.own();
    if (!own) return;
    const { redis, keys } = this.#options;
    if (founds) await redis.set(keys.store, JSON.stringify(own), 'NX');
    const known = await this.known();
    if (!known || known.id === own.id) return;
    if (!founds || (await this.#isInUse())) throw this.#refusal(known, own);
    await this.adopt();
  }

  /** Writes it down again where Redis lost it, and says it once in the log where it is another by now. */
  async keep(): Promise<void> {
    try {
      await this.check(true);
    } catch (error) {
      if (!(error instanceof GraphshiftError) || error.code !== 'STORE_OTHER') throw error;
      if (this.#told !== error.message) this.#options.log.error(`${error.message}. ${error.action}`);
      this.#told = error.message;
    }
  }

  /** From now on the records are about this process's store. */
  async adopt(): Promise<void> {
    const own = await this.own();
    const { redis, keys } = this.#options;
    if (own) await redis.set(keys.store, JSON.stringify(own));
  }

  /** Where nothing is live and nobody is at work, there is nothing to lose. */
  async #isInUse(): Promise<boolean> {
    const { redis, keys, settings } = this.#options;
    if ((await redis.zcard(keys.state('live'))) > 0) return true;
    const instances = await new Instances(redis, keys, heartbeatTimes(settings)).list();
    return instances.some(({ living }) => living);
  }

  #refusal(known: KnownStore, own: KnownStore): GraphshiftError {
    const { settings } = this.#options;
    const where = `redis ${redactUrl(settings.redis.url)}, prefix ${settings.redis.prefix}`;
    return new GraphshiftError(
      'STORE_OTHER',
      `${where}, has the records of another store: ${known.url} (as ${known.host} wrote down at ${known.since}), and not ${own.url} on ${own.host}`,
      { details: { known, own } },
    );
  }
}
