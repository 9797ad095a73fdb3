/**
 * Every worker's share of the upkeep, idempotent under the customers' epochs: heads without jobs, dead deployments
 * without letters, what retention and crashes left in the store.
 */

import {
  alignRecords,
  type Backend,
  deploymentId,
  LOST_EARLIER,
  messageOf,
  type Retention,
  recoverCustomer,
  type Service,
  type StoreListing,
  wasLive,
} from '@graphshift/core';

export interface UpkeepOptions {
  readonly backend: Backend;
  readonly retention: Retention;
  /** Absolute directories in which snapshots stand. */
  readonly roots: readonly string[];
  /** @default 10_000 */
  readonly intervalMs?: number;
}

export class Upkeep implements Service {
  readonly #options: UpkeepOptions;
  #cancel: (() => void) | undefined;
  #pass: Promise<void> = Promise.resolve();

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#cancel) return;
    this.#cancel = this.#options.backend.clock.every(this.#options.intervalMs ?? 10_000, () => {
      this.#pass = this.pass();
      return this.#pass;
    });
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#pass;
  }

  /** One pass; a part that fails is logged and left to the next pass. */
  async pass(): Promise<void> {
    await this.#attempt('name of the store', () => this.#options.backend.identity.keep());
    await this.#attempt('sweep of jobs', () => this.#sweepJobs());
    await this.#attempt('sweep of dead letters', () => this.#sweepLetters());
    await this.#attempt('upkeep of the store', () => this.#tidyStore());
  }

  /** One listing for everything that is decided here; what is dropped is looked at again under the customer's epoch. */
  async #tidyStore(): Promise<void> {
    const { retention } = this.#options;
    const listing = await this.#options.backend.store.list();
    await this.#attempt('records of live deployments', () => this.#align(listing));
    for (const customer of retention.crowded(listing))
      await this.#attempt(`retention of ${customer}`, async () => void (await retention.retire(customer)));
    await this.#attempt('records of dropped databases', () => retention.markGone(listing));
    await this.#attempt('sweep of leftovers', () => retention.sweepLeftovers(listing));
    await this.#attempt('what is known of dropped databases', () => this.#forgetGone(listing));
  }

  async #forgetGone(listing: StoreListing): Promise<void> {
    const { store, log } = this.#options.backend;
    for (const database of (await store.tidy?.(listing)) ?? [])
      log.info({ database }, `forgot ${database}, which is gone`);
  }

  async #attempt(what: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#options.backend.log.warn({ err: error }, `upkeep: ${what}: ${messageOf(error)}`);
    }
  }

  async #sweepJobs(): Promise<void> {
    const { deployments, wakeUps } = this.#options.backend;
    // By customer: snapshots may wait by the hundred thousand.
    for (const customer of await deployments.customersWaiting())
      await this.#attempt(`head of ${customer}`, async () => void (await deployments.chooseHead(customer)));
    for (const record of await deployments.getMany(await deployments.heads()))
      await this.#attempt(`job of ${record.id}`, () => wakeUps.ensure(record));
  }

  async #sweepLetters(): Promise<void> {
    const { deployments, letters } = this.#options.backend;
    for (const record of await deployments.getMany(await deployments.inState('dead')))
      await this.#attempt(`letter of ${record.id}`, () => letters.ensure(record));
    await this.#attempt('letters that were answered', () => letters.removeAnswered());
  }

  /** Records follow the aliases, where a crash came between an alias and its records, or Redis lost the last of them. */
  async #align({ aliases, databases: all }: StoreListing): Promise<void> {
    const { deployments, wakeUps, store } = this.#options.backend;
    const { roots } = this.#options;
    const live = new Set(await deployments.inState('live'));
    const off = aliases.filter(
      ({ customer, properties }) => !live.delete(`${customer}@${properties.snapshot}`),
    );
    const forgotten = await this.#forgotten(aliases, all);
    const customers = [...off.map(({ customer }) => customer), ...[...live].map(customerOf), ...forgotten];
    for (const customer of new Set(customers)) {
      const { databases, aliases: fresh } = await store.list({ customer });
      const [alias] = fresh;
      if (!alias) continue;
      if (!(await deployments.get(`${customer}@${alias.properties.snapshot}`)))
        await recoverCustomer({ ...this.#options.backend, roots }, alias, databases);
      await wakeUps.ensureHead(deployments, await alignRecords(deployments, alias));
    }
  }

  /** Customers with a database that was live before, and whose record says that it never was. */
  async #forgotten(
    aliases: StoreListing['aliases'],
    databases: StoreListing['databases'],
  ): Promise<string[]> {
    const byCustomer = new Map(aliases.map((alias) => [alias.customer, alias]));
    const ids = databases.flatMap(({ state, snapshot }) => {
      const alias = snapshot && byCustomer.get(snapshot.customer);
      return state === 'complete' && alias && wasLive(alias, snapshot.timestamp)
        ? [deploymentId(snapshot)]
        : [];
    });
    const records = await this.#options.backend.deployments.getMany(ids);
    return records.filter(({ state }) => LOST_EARLIER.includes(state)).map(({ customer }) => customer);
  }
}

function customerOf(id: string): string {
  return id.slice(0, id.lastIndexOf('@'));
}
