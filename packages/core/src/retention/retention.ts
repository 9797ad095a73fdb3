/** Which databases go, and when: what retention no longer keeps, what rollbacks left, and what crashes left behind. */

import { wasLive } from '../cutover/earlier.ts';
import type { FencedChanges } from '../cutover/fenced-changes.ts';
import type { DeploymentRecord } from '../deployment/record.ts';
import { isEndState, type State } from '../deployment/states.ts';
import type { AliasInfo, DatabaseInfo, GraphStore, StoreListing } from '../graph-store/graph-store.ts';
import type { Clock } from '../platform/clock.ts';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { DeploymentReader } from '../queue/deployment-reader.ts';
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
  /** How long at most, where transactions still run on it. @default no longer than `drainMs` */
  readonly drainDeadlineMs?: number;
}

/** A database that goes, and why it may. */
interface Due {
  readonly database: DatabaseInfo;
  readonly receipt: string;
}

/** Deployments that ended without going live: nothing needs what they built. */
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
    const { changes } = this.#options;
    // A look costs nothing; then the epoch comes before the look that counts, so that whoever moves the alias after it
    // fences the drops out.
    if ((await this.#dueOf(customer)).length === 0) return [];
    const epoch = await changes.upkeepEpoch(customer);
    const dropped: string[] = [];
    for (const { database, receipt } of await this.#dueOf(customer)) {
      // One that cannot go, as where somebody's own alias leads to it, keeps no other.
      if (!(await changes.drop(customer, database, epoch))) continue;
      dropped.push(database.name);
      await this.#markRetired(database, receipt);
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
   * Drops what nothing living will finish or publish: half-loaded databases whose deployment has ended or is unknown to
   * Redis (a load whose record was lost stops by itself), and complete ones whose deployment was given up before it went
   * live. Each is judged again under its customer's epoch before it goes.
   */
  async sweepLeftovers(listing: StoreListing): Promise<void> {
    const ids = listing.databases.flatMap(({ snapshot }) => (snapshot ? [deploymentId(snapshot)] : []));
    const found = await this.#options.deployments.getMany(ids);
    const records = new Map<string, DeploymentRecord>(found.map((record) => [record.id, record]));
    for (const database of listing.databases) {
      const record = database.snapshot && records.get(deploymentId(database.snapshot));
      const alias = listing.aliases.find(({ customer }) => customer === database.snapshot?.customer);
      if (!isAbandoned(database, record, alias)) continue;
      await this.#sweepOne(database).catch((error: unknown) =>
        this.#options.log.warn(
          { err: error },
          `${database.name} is left to the next pass: ${messageOf(error)}`,
        ),
      );
    }
  }

  async #sweepOne({ name, snapshot }: DatabaseInfo): Promise<void> {
    if (!snapshot) return;
    const { changes, deployments, log, store } = this.#options;
    const { customer } = snapshot;
    const epoch = await changes.upkeepEpoch(customer);
    const { databases, aliases } = await store.list({ customer });
    const database = databases.find((one) => one.name === name);
    const record = await deployments.get(deploymentId(snapshot));
    if (!database || !isAbandoned(database, record, aliases[0])) return;
    // Whatever became of the deployment: what nobody vouches for may be a person's own.
    if (database.state === 'complete' && !(await store.certificate(name))) return;
    const why = record ? `left over from ${record.state} ${record.id}` : 'half-loaded, and has no record';
    log.info({ database: name }, `${name} is ${why}`);
    await changes.drop(customer, database, epoch);
  }

  async #dueOf(customer: string): Promise<Due[]> {
    const { databases, aliases } = await this.#options.store.list({ customer });
    const [alias] = aliases;
    // Mostly there is nothing beyond what is kept, whatever the records say.
    if (!alias || this.#retired(alias, databases).length === 0) return [];
    // What was given up takes no place among the newest; the sweep of leftovers sees to it.
    return this.#due(alias, await withoutGivenUp(this.#options.deployments, databases, alias));
  }

  async #due(alias: AliasInfo, databases: readonly DatabaseInfo[]): Promise<Due[]> {
    const { clock, drainMs } = this.#options;
    const due: Due[] = [];
    for (const database of this.#retired(alias, databases)) {
      const leftMs = clock.now() - (await this.#leftAt(alias, database));
      if (leftMs < drainMs) continue;
      const receipt = await this.#drained(database, leftMs);
      if (receipt !== undefined) due.push({ database, receipt });
    }
    return due;
  }

  /** What is written down about the drop, or undefined while transactions run on the database and may go on. */
  async #drained({ name }: DatabaseInfo, leftMs: number): Promise<string | undefined> {
    const { store, log, drainDeadlineMs = 0 } = this.#options;
    const readers = (await store.readers?.(name)) ?? 0;
    if (readers === 0) return `dropped ${name}`;
    const running = `${readers} transaction${readers === 1 ? '' : 's'}`;
    if (leftMs < drainDeadlineMs) {
      log.debug({ database: name, readers }, `${name} is not dropped yet: ${running} still on it`);
      return undefined;
    }
    const late = `${Math.round(leftMs / 1000)} s after the alias left it, ${running} still on it`;
    log.warn({ database: name, readers }, `${name} is dropped at its deadline: ${late}`);
    return `dropped ${name} at the deadline of ${drainDeadlineMs / 1000} s: ${late}`;
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
    // Where nothing tells who still reads, there is no deadline either.
    if (this.#options.drainMs === 0 && !this.#options.store.readers) return 0;
    const record =
      database.snapshot && (await this.#options.deployments.get(deploymentId(database.snapshot)));
    const left = record && (record.state === 'replaced' || record.state === 'rolled-back');
    return left ? record.changedAt : Date.parse(alias.properties.since);
  }

  /**
   * Replaced deployments whose database a crash kept from being marked as dropped.
   * @param ids which of them. @default all
   */
  async markGone({ databases }: StoreListing, ids?: readonly string[]): Promise<void> {
    const { deployments, store } = this.#options;
    const present = new Set(databases.map(({ name }) => name));
    for (const record of await deployments.getMany(ids ?? (await deployments.inState('replaced')))) {
      if (record.state !== 'replaced') continue;
      const name = record.database ?? databaseName(record);
      if (present.has(name)) continue;
      // The listing may be older than the database.
      const fresh = await store.list({ customer: record.customer });
      if (!fresh.databases.some((database) => database.name === name))
        await this.#markRetired({ name, snapshot: record, state: 'unknown' });
    }
  }

  async #markRetired(database: DatabaseInfo, receipt = `dropped ${database.name}`): Promise<void> {
    if (database.snapshot === undefined) return;
    await this.#options.deployments.transition({
      id: deploymentId(database.snapshot),
      from: ['replaced'],
      to: 'retired',
      detail: receipt,
    });
  }
}

function isHalfLoaded({ state }: DatabaseInfo): boolean {
  return state === 'building' || state === 'marked';
}

/**
 * Whether nothing living needs a database. What cannot be judged, and the alias's target, is never abandoned. A complete
 * one that is not newer than the target was perhaps live before an emptied Redis: it counts as given up only if its own
 * record says that this deployment built it.
 */
function isAbandoned(
  database: DatabaseInfo,
  record: DeploymentRecord | undefined,
  alias: AliasInfo | undefined,
): boolean {
  if (!database.snapshot || database.state === 'unknown' || alias?.database === database.name) return false;
  if (isHalfLoaded(database)) return !record || isEndState(record.state);
  if (!record || !ABANDONED.has(record.state) || wasLive(alias, database.snapshot.timestamp)) return false;
  const newer = database.snapshot.timestamp > (alias?.properties.snapshot ?? 0);
  return newer || neverLive(record);
}

/** Databases of a customer without those that were loaded and given up before the alias ever came to them. */
export async function withoutGivenUp(
  deployments: DeploymentReader,
  databases: readonly DatabaseInfo[],
  alias: AliasInfo | undefined,
): Promise<DatabaseInfo[]> {
  const ids = databases.flatMap(({ snapshot }) => (snapshot ? [deploymentId(snapshot)] : []));
  const given = new Set<string>((await deployments.getMany(ids)).filter(neverLive).map(({ id }) => id));
  return databases.filter(
    ({ snapshot }) => !snapshot || !given.has(deploymentId(snapshot)) || wasLive(alias, snapshot.timestamp),
  );
}

/** A deployment that built its database and was given up before the alias came to it. */
function neverLive(record: DeploymentRecord): boolean {
  return ABANDONED.has(record.state) && record.state !== 'skipped' && record.database !== undefined;
}
