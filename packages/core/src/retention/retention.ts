/** Which databases go, and when: what retention no longer keeps, what rollbacks left, and what crashes left behind. */

import type { FencedChanges } from '../cutover/fenced-changes.ts';
import type { DeploymentRecord } from '../deployment/record.ts';
import type { State } from '../deployment/states.ts';
import type { AliasInfo, DatabaseInfo, GraphStore, StoreListing } from '../graph-store/graph-store.ts';
import type { Clock } from '../platform/clock.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { DeploymentStore } from '../queue/deployment-store.ts';
import { databaseName, deploymentId } from '../snapshot/names.ts';
import { selectRetired } from './select.ts';

export interface RetentionOptions {
  readonly store: GraphStore;
  readonly deployments: DeploymentStore;
  readonly changes: FencedChanges;
  readonly clock: Clock;
  readonly log: Logger;
  /** Complete databases kept for a customer, the live one among them. */
  readonly keep: number;
  /** How long a database that the alias left stays for readers under way. */
  readonly drainMs: number;
}

/** Deployments that ended without going live, or whose database the alias left for good: nothing needs what they built. */
const ABANDONED: ReadonlySet<State> = new Set(['dead', 'quarantined', 'skipped', 'superseded', 'cancelled']);

export class Retention {
  readonly #options: RetentionOptions;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /**
   * Drops a customer's databases that nothing keeps and that are drained, and marks their deployments.
   * @returns names of what was dropped
   */
  async retire(customer: string): Promise<string[]> {
    const { changes, store } = this.#options;
    const { databases, aliases } = await store.list({ customer });
    const [alias] = aliases;
    const due = alias ? await this.#due(alias, databases) : [];
    if (due.length === 0) return [];
    const epoch = await changes.upkeepEpoch(customer);
    const dropped: string[] = [];
    for (const database of due) {
      if (!(await changes.drop(customer, database, epoch))) break;
      dropped.push(database.name);
      await this.#markRetired(database);
    }
    return dropped;
  }

  /** Customers of a listing that have a database which `retire` may drop; a cheap look before each one's own. */
  crowded({ databases, aliases }: StoreListing): string[] {
    const complete = new Map<string, DatabaseInfo[]>();
    for (const database of databases) {
      if (database.state !== 'complete' || !database.snapshot) continue;
      const { customer } = database.snapshot;
      complete.set(customer, [...(complete.get(customer) ?? []), database]);
    }
    return aliases
      .filter((alias) => this.#retired(alias, complete.get(alias.customer) ?? []).length > 0)
      .map(({ customer }) => customer);
  }

  /**
   * Drops what earlier holders of this deployment built and did not publish.
   * @throws FENCED when another holder works on the customer under a newer epoch
   */
  async discardLeftovers(held: Pick<DeploymentRecord, 'customer' | 'timestamp' | 'epoch'>): Promise<void> {
    const { changes, store } = this.#options;
    const id = deploymentId(held);
    for (const database of (await store.list({ customer: held.customer })).databases) {
      if (database.snapshot === undefined || deploymentId(database.snapshot) !== id) continue;
      if (!isHalfLoaded(database)) continue;
      if ((database.mark?.epoch ?? 0) > held.epoch) continue;
      if (!(await changes.drop(held.customer, database, held.epoch))) {
        throw new GraphshiftError('FENCED', `${id}: a newer holder of ${held.customer} is at work`);
      }
    }
  }

  /**
   * Drops what nothing living will finish or publish: half-loaded databases whose deployment has ended or is unknown
   * to Redis (a load whose record was lost stops by itself), and complete ones whose deployment was given up before it
   * went live. What is not newer than the alias's target is retention's alone.
   */
  async sweepLeftovers(
    { databases, aliases }: StoreListing,
    ended: (state: State) => boolean,
  ): Promise<void> {
    const live = new Map(aliases.map(({ customer, properties }) => [customer, properties.snapshot]));
    const judged = databases.filter(({ snapshot, state }) => {
      if (!snapshot || state === 'unknown') return false;
      return state !== 'complete' || snapshot.timestamp > (live.get(snapshot.customer) ?? 0);
    });
    const ids = judged.flatMap(({ snapshot }) => (snapshot ? [deploymentId(snapshot)] : []));
    const found = await this.#options.deployments.getMany(ids);
    const records = new Map<string, DeploymentRecord>(found.map((record) => [record.id, record]));
    for (const database of judged) {
      if (!database.snapshot) continue;
      const record = records.get(deploymentId(database.snapshot));
      const abandoned = isHalfLoaded(database)
        ? !record || ended(record.state)
        : record !== undefined && ABANDONED.has(record.state);
      if (!abandoned) continue;
      const { customer } = database.snapshot;
      const why = record ? `left over from ${record.state} ${record.id}` : 'half-loaded, and has no record';
      this.#options.log.info({ database: database.name }, `${database.name} is ${why}`);
      await this.#options.changes.drop(customer, database, await this.#options.changes.upkeepEpoch(customer));
    }
  }

  async #due(alias: AliasInfo, databases: readonly DatabaseInfo[]): Promise<DatabaseInfo[]> {
    const { clock, drainMs } = this.#options;
    const due: DatabaseInfo[] = [];
    for (const database of this.#retired(alias, databases)) {
      const left = await this.#leftAt(alias, database);
      if (clock.now() - left >= drainMs) due.push(database);
    }
    return due;
  }

  #retired(alias: AliasInfo, databases: readonly DatabaseInfo[]): DatabaseInfo[] {
    const held = new Set(alias.properties.holds?.map(({ timestamp }) => timestamp));
    const isHeld = ({ snapshot, name }: DatabaseInfo) =>
      snapshot !== undefined && held.has(snapshot.timestamp) && name !== alias.database;
    const rolledBack = databases.filter((database) => database.state === 'complete' && isHeld(database));
    const others = databases.filter((database) => !isHeld(database));
    return [...rolledBack, ...selectRetired(others, alias.database, this.#options.keep)];
  }

  /** When the alias left it, in ms; without a record, when the alias last moved. */
  async #leftAt(alias: AliasInfo, database: DatabaseInfo): Promise<number> {
    if (this.#options.drainMs === 0) return 0;
    const record =
      database.snapshot && (await this.#options.deployments.get(deploymentId(database.snapshot)));
    const left = record && (record.state === 'replaced' || record.state === 'rolled-back');
    return left ? record.changedAt : Date.parse(alias.properties.since);
  }

  /** Replaced deployments whose database a crash kept from being marked as dropped. */
  async markGone({ databases }: StoreListing): Promise<void> {
    const { deployments } = this.#options;
    const present = new Set(databases.map(({ name }) => name));
    for (const record of await deployments.getMany(await deployments.inState('replaced'))) {
      const database = record.database ?? databaseName(record);
      if (!present.has(database))
        await this.#markRetired({ name: database, snapshot: record, state: 'unknown' });
    }
  }

  async #markRetired(database: DatabaseInfo): Promise<void> {
    if (database.snapshot === undefined) return;
    await this.#options.deployments.transition({
      id: deploymentId(database.snapshot),
      from: ['replaced'],
      to: 'retired',
      detail: `dropped ${database.name}`,
    });
  }
}

function isHalfLoaded({ state }: DatabaseInfo): boolean {
  return state === 'building' || state === 'marked';
}
