/**
 * Every worker's share of the upkeep, idempotent under the customers' epochs: heads without jobs, dead deployments
 * without letters, what retention and crashes left in the store.
 */

import { type Backend, type Cutover, isEndState, messageOf, type Service } from '@graphshift/core';

export interface UpkeepOptions {
  readonly backend: Backend;
  readonly cutover: Cutover;
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
    await this.#attempt('sweep of jobs', () => this.#sweepJobs());
    await this.#attempt('sweep of dead letters', () => this.#sweepLetters());
    await this.#attempt('retention', () => this.#retire());
    await this.#attempt('sweep of leftovers', () => this.#options.cutover.sweepLeftovers(isEndState));
  }

  async #attempt(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#options.backend.log.warn({ err: error }, `upkeep: ${what}: ${messageOf(error)}`);
    }
  }

  async #sweepJobs(): Promise<void> {
    const { deployments, wakeUps } = this.#options.backend;
    const waiting = await deployments.inState('discovered');
    const customers = new Set(waiting.map((id) => id.slice(0, id.lastIndexOf('@'))));
    for (const customer of customers) await deployments.chooseHead(customer);
    for (const record of await deployments.getMany(await deployments.heads())) await wakeUps.ensure(record);
  }

  async #sweepLetters(): Promise<void> {
    const { deployments, letters } = this.#options.backend;
    for (const record of await deployments.getMany(await deployments.inState('dead')))
      await letters.ensure(record);
  }

  async #retire(): Promise<void> {
    const { store, settings } = this.#options.backend;
    const { databases } = await store.list();
    const complete = new Map<string, number>();
    for (const { snapshot, state } of databases) {
      if (snapshot && state === 'complete')
        complete.set(snapshot.customer, (complete.get(snapshot.customer) ?? 0) + 1);
    }
    for (const [customer, count] of complete) {
      if (count > settings.orchestrator.retention) await this.#options.cutover.retire(customer);
    }
  }
}
