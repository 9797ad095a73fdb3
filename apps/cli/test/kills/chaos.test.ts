/**
 * Random histories of real processes: snapshots come, workers are killed in the middle of whatever they do, twice in a
 * row, Redis is killed, emptied or thrown back, people roll back and pin; then everything comes to rest, and the doctor, a
 * reader and the aliases judge. `KILL_SEEDS` says how many histories, `KILL_SEED` where they begin.
 */

import { type Program, type Random, randomOf } from '@graphshift/testkit';
import { afterEach, expect, it, vi } from 'vitest';
import { PATIENCE, Stage } from './stage.ts';

const FIRST_SEED = Number(process.env.KILL_SEED ?? 1);
const SEEDS = Array.from({ length: Number(process.env.KILL_SEEDS ?? 2) }, (_, index) => FIRST_SEED + index);
/** Of an ordinary run; many seeds are for long histories. */
const ROUNDS = process.env.KILL_SEEDS ? 10 : 6;
const CUSTOMERS = ['amber', 'birch', 'cedar'] as const;
type Customer = (typeof CUSTOMERS)[number];

let stage: Stage;
afterEach(() => stage.close());

class History {
  readonly #random: Random;
  readonly #newest = new Map<Customer, number>();
  /** Customers that a rollback has touched: what is live there in the end is a matter of moments. */
  readonly touched = new Set<string>();
  readonly did: string[] = [];
  #workers: Program[] = [];

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  async begin(): Promise<void> {
    this.#workers = await Promise.all([stage.healthy(), stage.healthy()]);
    await stage.victim({ runs: 'producer', deployments: {} });
    for (const customer of CUSTOMERS) await this.#write(customer);
    await stage.reach(new Map(CUSTOMERS.map((customer) => [`${customer}@${this.newest(customer)}`, 'live'])));
  }

  newest(customer: Customer): number {
    return this.#newest.get(customer) ?? 1_700_000_000;
  }

  async #write(customer: Customer): Promise<void> {
    const timestamp = this.newest(customer) + 100;
    this.#newest.set(customer, timestamp);
    await stage.write(customer, timestamp);
  }

  async #killWorker(): Promise<void> {
    const index = this.#random.whole(0, this.#workers.length - 1);
    const victim = this.#workers[index];
    if (victim) await stage.kill(victim);
    this.#workers[index] = await stage.healthy();
  }

  async round(): Promise<void> {
    const customer = this.#random.pick(CUSTOMERS);
    await this.#write(customer);
    const act = this.#random.pick([
      'worker',
      'worker',
      'both',
      'redis',
      'flush',
      'rewind',
      'rollback',
      'pin',
    ] as const);
    this.did.push(`${customer} ${this.newest(customer)}, ${act}`);
    const { redis } = stage.installation;
    const rewind = act === 'rewind' ? await redis.remember() : undefined;
    await this.#steps(this.#random.whole(0, 9));
    if (act === 'worker') await this.#killWorker();
    if (act === 'both') for (let count = 0; count < 2; count++) await this.#killWorker();
    if (act === 'redis') {
      await redis.kill();
      await redis.restart();
    }
    if (act === 'flush') await redis.flush();
    await rewind?.();
    if (act === 'rollback')
      await this.#person(customer, () => stage.backend.operations.rollback({ customer, by: 'test' }));
    if (act === 'pin') {
      await this.#person(customer, () => stage.backend.operations.pin(customer, 'test'));
      await this.#person(customer, () => stage.backend.operations.unpin(customer, 'test'));
    }
  }

  /** What a person asks for may be refused, as where another changed the alias at the same moment. */
  async #person(customer: string, act: () => Promise<unknown>): Promise<void> {
    this.touched.add(customer);
    await act().catch((error: unknown) => this.did.push(String(error)));
  }

  /** Waits until so many more transitions were made by anybody, or nothing is under way any more. */
  async #steps(count: number): Promise<void> {
    const { deployments } = stage.backend;
    const length = async () => (await deployments.audit({ limit: 100_000 })).length;
    const before = await length();
    await vi
      .waitFor(async () => expect(await length()).toBeGreaterThanOrEqual(before + count), {
        timeout: 5_000,
        interval: 10,
      })
      .catch(() => {});
  }
}

it.each(SEEDS)(
  'comes to rest after random kills, seed %i',
  async (seed) => {
    stage = await Stage.open();
    const history = new History(seed);
    await history.begin();
    const reader = await stage.read(CUSTOMERS, (customer) => history.touched.has(customer));
    for (let round = 0; round < ROUNDS; round++) await history.round();
    const told = `seed ${seed}: ${history.did.join('; ')}`;
    await vi.waitFor(async () => {
      const waiting = await stage.unfinished();
      expect(waiting, told).toEqual([]);
    }, PATIENCE);
    await stage.heals(told);
    const { complaints, answers } = await reader.stop();
    expect(complaints, told).toEqual([]);
    expect(answers).toBeGreaterThan(20);
    for (const customer of CUSTOMERS) {
      const alias = await stage.backend.store.alias(customer);
      if (!history.touched.has(customer))
        expect([customer, alias?.properties.snapshot], told).toEqual([customer, history.newest(customer)]);
      expect(alias?.properties.pin, told).toBeUndefined();
    }
  },
  300_000,
);
