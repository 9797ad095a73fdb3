/**
 * The only code that changes an alias or drops a database: every change is prepared in the store, then the epoch is
 * checked in Redis, then it is fired. A newer holder of the customer has a higher epoch and ends, in the store, what a
 * lower one prepared, so that whoever sleeps between the check and the fire cannot do harm when it wakes up.
 */

import type {
  AliasChange,
  AliasInfo,
  DatabaseInfo,
  GraphStore,
  TakeOverOptions,
} from '../graph-store/graph-store.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { DeploymentStore } from '../queue/deployment-store.ts';

/** Named points between two steps, where tests stop or kill a process. Production passes nothing. */
export type Checkpoint = (point: string) => Promise<void>;

export interface FencedChangesOptions {
  readonly store: GraphStore;
  readonly deployments: DeploymentStore;
  readonly log: Logger;
  readonly checkpoint?: Checkpoint | undefined;
}

export class FencedChanges {
  readonly #options: FencedChangesOptions;

  constructor(options: FencedChangesOptions) {
    this.#options = options;
  }

  async reach(point: string): Promise<void> {
    await this.#options.checkpoint?.(point);
  }

  /** Ends what lower epochs have under way, then reads the alias. @throws FENCED under an older epoch */
  async takeOver(
    customer: string,
    epoch: number,
    options: TakeOverOptions = {},
  ): Promise<AliasInfo | undefined> {
    return this.#options.store.takeOver(customer, epoch, options);
  }

  /** A new epoch for a person's act, above everything that Redis and the store have seen. */
  async raiseEpoch(customer: string): Promise<number> {
    const { store, deployments } = this.#options;
    return deployments.raiseEpoch(customer, await store.epochFloor(customer));
  }

  /** Upkeep acts under the epoch in force, and takes a new one only where an emptied Redis forgot it. */
  async upkeepEpoch(customer: string): Promise<number> {
    const { store, deployments } = this.#options;
    const [current, floor] = [await deployments.currentEpoch(customer), await store.epochFloor(customer)];
    return current > 0 && current >= floor ? current : deployments.raiseEpoch(customer, floor);
  }

  /** Makes the alias what the change says, under the epoch in its properties. @throws FENCED; nothing was changed */
  async moveAlias(change: AliasChange): Promise<void> {
    const { epoch } = change.properties;
    const prepared = await this.#options.store.prepareAlias(change);
    try {
      await this.reach('cutover.prepared');
      await this.#checkEpoch(change.customer, epoch);
      await this.reach('cutover.checked');
      await prepared.fire();
    } finally {
      await prepared.cancel();
    }
  }

  /** @returns false when a newer holder has taken the customer over, or the alias came to it: it is left alone */
  async drop(customer: string, database: DatabaseInfo, epoch: number): Promise<boolean> {
    const { store, log } = this.#options;
    try {
      const change = await store.prepareDrop(customer, database.name, epoch);
      try {
        await this.reach('drop.prepared');
        await this.#checkEpoch(customer, epoch);
        await change.fire();
      } finally {
        await change.cancel();
      }
    } catch (error) {
      if (error instanceof GraphshiftError && (error.code === 'FENCED' || error.code === 'CONFLICT')) {
        log.warn({ database: database.name, epoch }, `${database.name} is not dropped: ${error.message}`);
        return false;
      }
      throw error;
    }
    log.info(
      { database: database.name, state: database.state, epoch },
      `dropped database ${database.name} (${database.state})`,
    );
    return true;
  }

  async #checkEpoch(customer: string, epoch: number): Promise<void> {
    const current = await this.#options.deployments.currentEpoch(customer);
    if (current === epoch) return;
    throw new GraphshiftError('FENCED', `${customer} is held under epoch ${current}; epoch ${epoch} is over`);
  }
}
