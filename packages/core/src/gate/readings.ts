/**
 * Readings of the graph store, its health and what it holds, shared by all processes for a few seconds: one asks, the
 * others read its answer in Redis. That a process got no answer is its own matter, since it may be cut off alone. Whoever
 * changes an alias or drops a database asks the store itself.
 */

import type { Redis } from 'ioredis';
import type { GraphStore, StoreListing } from '../graph-store/graph-store.ts';
import type { Breaker } from '../platform/breaker.ts';
import type { Clock } from '../platform/clock.ts';
import { withDeadline } from '../platform/deadline.ts';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { DeploymentStore } from '../queue/deployment-store.ts';
import type { Keys } from '../queue/keys.ts';
import type { GateView, StoreReading } from './reading.ts';
import { ReadingCache } from './reading-cache.ts';
import { closedReason, type GateThresholds, limitInWords, roomOf } from './thresholds.ts';

export interface StoreReadingsOptions {
  readonly store: GraphStore;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly deployments: DeploymentStore;
  readonly clock: Clock;
  /** Around the store's administration. */
  readonly breaker: Breaker;
  readonly thresholds: GateThresholds;
  /** Names this process; another one for each process. */
  readonly holder: string;
  /** How long a reading is shared. @default 3000 */
  readonly usableMs?: number;
  /** How long a good reading serves this process more, without asking Redis. @default 1000 */
  readonly seenMs?: number;
}

const USABLE_MS = 3000;
const SEEN_MS = 1000;
/** A store that takes longer to answer is one that does not. */
const ANSWER_MS = 10_000;
/** The one that asks answers within ANSWER_MS, or has died. */
const LEASE_MS = ANSWER_MS + 5000;
/** The others wait this long for its answer, then ask themselves. */
const WAIT_MS = 2000;
const LOOK_AGAIN_MS = 50;
/** A hanging file system keeps a thread for each question: one question is open at a time, for so long. */
const ABANDON_MS = 300_000;

interface Question {
  readonly openedAt: number;
  readonly listedAt: number;
  readonly answer: Promise<StoreReading>;
}

export class StoreReadings {
  readonly #options: StoreReadingsOptions;
  readonly #cache: ReadingCache;
  #flight: Promise<StoreReading> | undefined;
  /** The last reading that this process saw, for callers in quick succession. */
  #seen: { readonly reading: StoreReading; readonly at: number } | undefined;
  #question: Question | undefined;

  constructor(options: StoreReadingsOptions) {
    this.#options = options;
    const { redis, keys, holder, usableMs = USABLE_MS } = options;
    this.#cache = new ReadingCache({ redis, keys, holder, usableMs, leaseMs: LEASE_MS });
  }

  /**
   * A reading that is at most a few seconds old. It comes within some twelve seconds, whatever the store does.
   * @param needs `newerThan`: Redis server time in ms after which the listing must have begun
   * @throws when Redis does not answer
   */
  async read(needs: { readonly newerThan?: number } = {}): Promise<StoreReading> {
    const newerThan = needs.newerThan ?? 0;
    const { clock, seenMs = SEEN_MS } = this.#options;
    const seen = this.#seen;
    if (seen && seen.reading.listedAt > newerThan && clock.now() - seen.at < seenMs) return seen.reading;
    for (;;) {
      const begun = this.#flight === undefined;
      this.#flight ??= this.#obtain(newerThan).finally(() => {
        this.#flight = undefined;
      });
      const reading = await this.#flight;
      this.#seen = reading.listing && { reading, at: clock.now() };
      // One that was under way when this call came may have begun too early for it.
      if (begun || reading.listedAt > newerThan) return reading;
    }
  }

  /**
   * What the store holds, by the same readings.
   * @throws STORE_UNREACHABLE when the store does not answer
   */
  async listing(needs: { readonly newerThan?: number } = {}): Promise<StoreListing> {
    const { listing, health } = await this.read(needs);
    if (listing) return listing;
    throw new GraphshiftError(
      'STORE_UNREACHABLE',
      `the store does not answer: ${health.problem ?? 'no reason'}`,
    );
  }

  /** The newest reading of any process, however old; undefined before the first. */
  view(): Promise<GateView | undefined> {
    return this.#cache.view();
  }

  async #obtain(newerThan: number): Promise<StoreReading> {
    const { clock, breaker } = this.#options;
    // What others read does not show whether this process reaches the store again.
    if (breaker.state === 'half-open') return this.#take();
    const waitUntil = clock.now() + WAIT_MS;
    for (;;) {
      const shared = await this.#cache.newest();
      if (shared && shared.listedAt > newerThan) return shared;
      if ((await this.#cache.lease()) || clock.now() >= waitUntil) return this.#take();
      await clock.sleep(LOOK_AGAIN_MS);
    }
  }

  async #take(): Promise<StoreReading> {
    const { deployments, breaker } = this.#options;
    const askedAt = await deployments.serverTime();
    let reading: StoreReading;
    try {
      reading = await breaker.run(() => this.#answer(askedAt));
    } catch (error) {
      const problem = messageOf(error);
      reading = { listedAt: askedAt, health: { reachable: false, writable: false, percent: {}, problem } };
    }
    const view = this.#viewOf(reading);
    if (reading.listing) await this.#cache.publish(reading, view);
    // Whether it is the store that is away or this process cut off, nobody can tell: others ask for themselves.
    else await this.#cache.complain(reading, view);
    return reading;
  }

  /** @throws STORE_UNREACHABLE when the store takes too long, or what its listing throws */
  async #answer(askedAt: number): Promise<StoreReading> {
    const { clock } = this.#options;
    const open = this.#question;
    const question = open && clock.now() - open.openedAt <= ABANDON_MS ? open : this.#ask(askedAt);
    return withDeadline(clock, ANSWER_MS, question.answer, () => {
      const seconds = Math.round((clock.now() - question.openedAt) / 1000);
      return new GraphshiftError('STORE_UNREACHABLE', `it has not answered for ${seconds} s`);
    });
  }

  #ask(listedAt: number): Question {
    const { clock, store } = this.#options;
    const ask = async (): Promise<StoreReading> => {
      const health = await store.health();
      if (health.reachable) return { listedAt, health, listing: await store.list() };
      // Thrown, so that the breaker counts it.
      throw new GraphshiftError('STORE_UNREACHABLE', health.problem ?? 'it gives no reason');
    };
    const question: Question = { openedAt: clock.now(), listedAt, answer: ask() };
    const close = () => {
      if (this.#question === question) this.#question = undefined;
    };
    question.answer.then(close, close);
    this.#question = question;
    return question;
  }

  #viewOf(reading: StoreReading): GateView {
    const { thresholds, holder } = this.#options;
    const { health, listing } = reading;
    const room = listing && roomOf(health, listing, thresholds.maxDatabases);
    const full =
      room && room.existing.length >= room.max
        ? `the store has ${room.existing.length} of ${limitInWords(room)}`
        : null;
    const reason = closedReason(health, thresholds) ?? full;
    return {
      at: reading.listedAt,
      by: holder,
      open: reason === null,
      reason,
      percent: health.percent,
      databases: room?.existing.length ?? null,
      maxDatabases: room?.max ?? thresholds.maxDatabases,
      server: health.databases ?? null,
      aliases: listing?.aliases.length ?? null,
    };
  }
}
