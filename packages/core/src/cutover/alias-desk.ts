/** What a person does with an alias: roll back, pin, unpin, let a held snapshot pass again. Each under a new epoch. */

import type { AliasInfo, AliasProperties, DatabaseInfo, GraphStore } from '../graph-store/graph-store.ts';
import type { Clock } from '../platform/clock.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { DeploymentStore } from '../queue/deployment-store.ts';
import { withoutGivenUp } from '../retention/retention.ts';
import { deploymentId, parseDatabaseName } from '../snapshot/names.ts';
import { alignRecords } from './align-records.ts';
import { type Candidate, matches } from './decide.ts';
import { earlierAfterRollback } from './earlier.ts';
import type { FencedChanges } from './fenced-changes.ts';

export interface AliasDeskOptions {
  readonly store: GraphStore;
  readonly deployments: DeploymentStore;
  readonly changes: FencedChanges;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface RollbackRequest {
  readonly customer: string;
  /** Unix time in seconds of the snapshot to go back to. @default the newest complete one before the live one */
  readonly to?: number | undefined;
  /** Database that the alias must still target, or nothing is done. @default whatever it targets */
  readonly from?: string;
  /** Who asks, for the audit stream. */
  readonly by: string;
  /** @default a sentence that names who asked */
  readonly reason?: string | undefined;
}

export interface Rollback {
  readonly alias: AliasInfo;
  /** Database that the alias left; it is held, and goes when drained. */
  readonly left: string;
  /** The customer's head afterwards, which must have a job. */
  readonly head: string | undefined;
}

/** Holds kept with an alias; the oldest go first. */
const HOLDS_KEPT = 50;

export class AliasDesk {
  readonly #options: AliasDeskOptions;

  constructor(options: AliasDeskOptions) {
    this.#options = options;
  }

  /**
   * Moves the alias back to a kept database and holds the snapshot that it leaves, by timestamp and content.
   * @throws NOT_FOUND without an alias or such a database, CONFLICT when there is nothing older, FENCED
   */
  async rollback(request: RollbackRequest): Promise<Rollback> {
    const { customer, by, reason = `rolled back by ${by}` } = request;
    const { store, deployments } = this.#options;
    const [epoch, alias] = await this.#takeOver(customer);
    if (request.from !== undefined && request.from !== alias.database)
      throw new GraphshiftError('CONFLICT', `${customer} is ${alias.database} by now, not ${request.from}`);
    const { databases } = await store.list({ customer });
    const target = chooseTarget(
      alias,
      await withoutGivenUp(this.#options.deployments, databases, alias),
      request.to,
    );
    const { snapshot, contentHash, holds = [] } = alias.properties;
    const since = this.#now();
    const certificate = await store.certificate(target.name);
    const moved = await this.#write(customer, target.name, {
      ...alias.properties,
      epoch,
      snapshot: target.snapshot.timestamp,
      contentHash: certificate?.contentHash ?? '',
      since,
      ...earlierAfterRollback(alias, target.snapshot.timestamp),
      holds: [...holds, { timestamp: snapshot, contentHash, since, reason }].slice(-HOLDS_KEPT),
    });
    const id = deploymentId({ customer, timestamp: snapshot });
    await deployments.recordAction({ by, action: `rollback to ${target.name}: ${reason}`, target: id });
    const head = await alignRecords(deployments, moved);
    this.#options.log.info(
      { customer, database: target.name, before: alias.database, epoch },
      `rollback: alias ${customer} moved from ${alias.database} to ${target.name}`,
    );
    return { alias: moved, left: alias.database, head };
  }

  /** Lets nothing pass until `unpin`. Idempotent. @throws NOT_FOUND without an alias, FENCED */
  async pin(customer: string, by: string, reason = `pinned by ${by}`): Promise<AliasInfo> {
    const [epoch, alias] = await this.#takeOver(customer);
    if (alias.properties.pin) return alias;
    const pin = { since: this.#now(), reason };
    return this.#act(alias, by, `pin: ${reason}`, { ...alias.properties, epoch, pin });
  }

  /** Lets newer snapshots pass again; holds stay. Idempotent. @throws NOT_FOUND without an alias, FENCED */
  async unpin(customer: string, by: string): Promise<AliasInfo> {
    const [epoch, alias] = await this.#takeOver(customer);
    if (!alias.properties.pin) return alias;
    const { pin: _, ...properties } = alias.properties;
    return this.#act(alias, by, 'unpin', { ...properties, epoch });
  }

  /** A person wants this snapshot in spite of a rollback that left it, or its content. @throws FENCED */
  async liftHolds(candidate: Omit<Candidate, 'database'> & { customer: string }, by: string): Promise<void> {
    const { customer, timestamp } = candidate;
    const current = await this.#options.store.alias(customer);
    if (!current?.properties.holds?.some((hold) => matches(hold, candidate))) return;
    const [epoch, alias] = await this.#takeOver(customer);
    const holds = alias.properties.holds?.filter((hold) => !matches(hold, candidate)) ?? [];
    await this.#act(alias, by, `lift the hold of snapshot ${timestamp}`, {
      ...alias.properties,
      epoch,
      holds,
    });
  }

  /** A new epoch, and the alias as it stands when nobody else can move it any more. */
  async #takeOver(customer: string): Promise<[number, AliasInfo]> {
    const { changes, store } = this.#options;
    // Asked first, so that a mistyped customer leaves no trace in Redis or the store.
    const found = await store.alias(customer);
    if (!found) throw noAlias(customer);
    refuseForeign(found);
    const epoch = await changes.raiseEpoch(customer);
    const alias = await changes.takeOver(customer, epoch, { isNew: true });
    if (!alias) throw noAlias(customer);
    return [epoch, alias];
  }

  async #act(alias: AliasInfo, by: string, action: string, properties: AliasProperties): Promise<AliasInfo> {
    const { customer, database } = alias;
    const changed = await this.#write(customer, database, properties);
    const target = deploymentId({ customer, timestamp: properties.snapshot });
    await this.#options.deployments.recordAction({ by, action, target });
    this.#options.log.info({ customer, database }, `${customer}: ${action}`);
    return changed;
  }

  async #write(customer: string, database: string, properties: AliasProperties): Promise<AliasInfo> {
    await this.#options.changes.moveAlias({ customer, database, properties });
    return { customer, database, properties };
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }
}

type Target = DatabaseInfo & Required<Pick<DatabaseInfo, 'snapshot'>>;

/** The database that a rollback goes to. @throws NOT_FOUND, CONFLICT */
function chooseTarget(alias: AliasInfo, databases: readonly DatabaseInfo[], to: number | undefined): Target {
  const older = rollbackTargets(alias, databases);
  const choice = older.map(({ snapshot }) => snapshot.timestamp).join(', ') || 'none';
  const { customer, properties } = alias;
  if (to !== undefined) {
    const named = older.find(({ snapshot }) => snapshot.timestamp === to);
    if (named) return named;
    if (to >= properties.snapshot) {
      const message = `snapshot ${to} of ${customer} is not older than ${properties.snapshot}, which is live; a rollback may go to: ${choice}`;
      throw new GraphshiftError('CONFLICT', message);
    }
    const message = `${customer} has no complete database of snapshot ${to}; a rollback may go to: ${choice}`;
    throw new GraphshiftError('NOT_FOUND', message);
  }
  const [newest] = older;
  if (newest) return newest;
  throw new GraphshiftError(
    'CONFLICT',
    `${customer} has no complete database older than ${alias.database}, which is live; there is nothing to roll back to`,
  );
}

/** Complete databases that a rollback may go to, the newest first: older than the live one, and not held. */
export function rollbackTargets(alias: AliasInfo, databases: readonly DatabaseInfo[]): Target[] {
  const { snapshot: live, holds = [] } = alias.properties;
  return databases
    .filter((database): database is Target => database.snapshot?.customer === alias.customer)
    .filter(({ state, snapshot }) => state === 'complete' && snapshot.timestamp < live)
    .filter(({ snapshot }) => !holds.some(({ timestamp }) => timestamp === snapshot.timestamp))
    .sort((a, b) => b.snapshot.timestamp - a.snapshot.timestamp);
}

/**
 * An alias that no cutover has written, for a database that is none of the customer's, is somebody's own: nothing is
 * written to it by hand. The customer's first cutover takes it over.
 */
function refuseForeign({ customer, database, properties }: AliasInfo): void {
  if (properties.epoch > 0 || parseDatabaseName(database)?.customer === customer) return;
  const message = `alias ${customer} leads to ${database}, and Graphshift has not made it: nothing was changed; the first snapshot of ${customer} takes it over (docs/neo4j.md)`;
  throw new GraphshiftError('CONFLICT', message);
}

function noAlias(customer: string): GraphshiftError {
  return new GraphshiftError('NOT_FOUND', `${customer} has no alias: none of its snapshots is live yet`);
}
