/** What people ask and do, for the command line and the API alike. */

import { type AliasDesk, type RollbackRequest, rollbackTargets } from '../cutover/alias-desk.ts';
import { type DeploymentError, type DeploymentRecord, secondsTaken } from '../deployment/record.ts';
import { CANCELLABLE_STATES, REVIVABLE_STATES, type State } from '../deployment/states.ts';
import type { AliasInfo, DatabaseInfo, GraphStore, Hold } from '../graph-store/graph-store.ts';
import type { Clock } from '../platform/clock.ts';
import { ERRORS, type ErrorClass, type ErrorCode, GraphshiftError } from '../platform/errors.ts';
import type { AuditEntry } from '../queue/audit-stream.ts';
import type { DeadLetters } from '../queue/dead-letters.ts';
import type { ListFilter } from '../queue/deployment-reader.ts';
import type { DeploymentStore, Refusal } from '../queue/deployment-store.ts';
import type { WakeUps } from '../queue/wake-ups.ts';

/** What went wrong last, and what to do about it. */
export interface ErrorView {
  readonly code: ErrorCode;
  readonly class: ErrorClass;
  readonly message: string;
  readonly action: string;
  readonly customer: string;
  readonly timestamp: number;
  /** State in which it happened. */
  readonly step: State | null;
  /** ISO 8601. */
  readonly at: string | null;
  /** Messages of the errors behind it, the nearest first. */
  readonly cause: string | null;
}

/** A deployment as people see it. */
export interface DeploymentView {
  readonly id: string;
  readonly customer: string;
  readonly timestamp: number;
  readonly state: State;
  readonly run: number;
  readonly database: string | null;
  readonly nodes: number | null;
  readonly relationships: number | null;
  /** Rows in the store so far, and in all, while it loads. */
  readonly rows: number | null;
  readonly rowsTotal: number | null;
  /** Of a load that several workers share: chunks that are in, chunks in all, and the instances that load now. */
  readonly chunks: number | null;
  readonly chunksTotal: number | null;
  readonly loaders: string | null;
  readonly bytes: number | null;
  readonly seconds: number | null;
  readonly attempts: number;
  readonly crashes: number;
  readonly holder: string | null;
  readonly path: string;
  /** ISO 8601. */
  readonly discoveredAt: string;
  readonly changedAt: string;
  readonly dueAt: string | null;
  /** Why it waits, or ended as it did. */
  readonly reason: string | null;
  readonly error: ErrorView | null;
}

/** Bytes and seconds of one load; what the store does not tell is null. */
export interface FiguresView {
  readonly disk: number | null;
  /** Peak resident memory of the loading process. */
  readonly memory: number;
  readonly seconds: number;
}

export interface EstimateView extends FiguresView {
  /** Bytes on the store's disk beside the database while it is built. */
  readonly scratch: number | null;
  /** By which the first values were multiplied, as earlier loads taught. */
  readonly factors: { readonly disk: number; readonly memory: number; readonly seconds: number };
}

export interface DeploymentDetail extends DeploymentView {
  /** What its load will take, from the footers of its files, and what it came to. */
  readonly estimate: EstimateView | null;
  readonly outcome: FiguresView | null;
  readonly audit: readonly (Omit<AuditEntry, 'at'> & { readonly at: string })[];
  readonly stack: string | null;
}

export interface AliasView {
  readonly customer: string;
  readonly database: string;
  readonly timestamp: number;
  /** ISO 8601. */
  readonly since: string;
  readonly pinned: boolean;
  readonly pin: { readonly since: string; readonly reason: string } | null;
  /** What rollbacks left: these contents do not go live again by themselves. */
  readonly holds: readonly Hold[];
  /** Database that a rollback would go to. */
  readonly rollback: string | null;
}

export interface OperationsOptions {
  readonly deployments: DeploymentStore;
  readonly wakeUps: WakeUps;
  readonly letters: DeadLetters;
  readonly desk: AliasDesk;
  readonly store: GraphStore;
  readonly clock: Clock;
}

export class Operations {
  readonly #options: OperationsOptions;

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  async deployments(filter: ListFilter = {}): Promise<DeploymentView[]> {
    const records = await this.#options.deployments.list(filter);
    return records.map((record) => this.#view(record));
  }

  /** @throws NOT_FOUND */
  async deployment(id: string): Promise<DeploymentDetail> {
    const record = await this.#options.deployments.get(id);
    if (!record) throw new GraphshiftError('NOT_FOUND', `there is no deployment ${id}`);
    const audit = await this.#options.deployments.audit({ deployment: id });
    return {
      ...this.#view(record),
      estimate: estimateView(record.estimate),
      outcome: record.outcome ? { ...record.outcome, disk: record.outcome.disk ?? null } : null,
      audit: audit.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() })),
      stack: record.error?.stack ?? null,
    };
  }

  async counts(): Promise<Record<State, number>> {
    return this.#options.deployments.counts();
  }

  async refusals(): Promise<Refusal[]> {
    return this.#options.deployments.refusals();
  }

  aliases(): Promise<AliasView[]> {
    return listAliases(this.#options.store);
  }

  async deadLetters(): Promise<DeploymentView[]> {
    return this.deployments({ state: 'dead', limit: 10_000 });
  }

  /**
   * Starts a deployment over with fresh attempts. One that a rollback left, or whose content is held, is let pass again.
   * @throws NOT_FOUND, CONFLICT, FENCED when somebody else changed the alias at the same moment
   */
  async retry(id: string, by: string): Promise<DeploymentView> {
    const { deployments, desk, letters } = this.#options;
    const record = await deployments.get(id);
    const revivable: readonly State[] = REVIVABLE_STATES;
    if (record && revivable.includes(record.state)) await desk.liftHolds(record, by);
    await letters.redrive(id, by);
    return this.deployment(id);
  }

  /**
   * Gives a deployment up that is not live yet, whatever process works on it: that one drops what it built.
   * @throws NOT_FOUND, TOO_LATE from the point of no return on, CONFLICT when it has ended
   */
  async cancel(id: string, by: string): Promise<DeploymentView> {
    const { deployments, wakeUps } = this.#options;
    const detail = `cancelled by ${by}`;
    const result = await deployments.transition({
      id,
      from: CANCELLABLE_STATES,
      to: 'cancelled',
      fields: { reason: detail, dueAt: undefined },
      detail,
    });
    if (result.kind === 'missing') throw new GraphshiftError('NOT_FOUND', `there is no deployment ${id}`);
    if (result.kind !== 'ok') throw notCancellable(id, result.found);
    await wakeUps.remove(id, result.run);
    await wakeUps.ensureHead(deployments, result.head);
    return this.deployment(id);
  }

  /** Moves a customer's alias back and holds what it leaves. @throws NOT_FOUND, CONFLICT, FENCED */
  async rollback(request: RollbackRequest): Promise<AliasView> {
    const { deployments, desk, wakeUps } = this.#options;
    const { head } = await desk.rollback(request);
    await wakeUps.ensureHead(deployments, head);
    return this.alias(request.customer);
  }

  /** Lets nothing pass for the customer until `unpin`. @throws NOT_FOUND, FENCED */
  async pin(customer: string, by: string, reason?: string): Promise<AliasView> {
    await this.#options.desk.pin(customer, by, reason);
    return this.alias(customer);
  }

  /** Lets newer snapshots pass again, at once. @throws NOT_FOUND, FENCED */
  async unpin(customer: string, by: string): Promise<AliasView> {
    const { deployments, desk, wakeUps } = this.#options;
    await desk.unpin(customer, by);
    await wakeUps.hasten(deployments, await deployments.chooseHead(customer));
    return this.alias(customer);
  }

  /** @throws NOT_FOUND */
  async alias(customer: string): Promise<AliasView> {
    const { databases, aliases } = await this.#options.store.list({ customer });
    const [alias] = aliases;
    if (!alias) throw new GraphshiftError('NOT_FOUND', `there is no alias ${customer}`);
    return aliasView(alias, databases);
  }

  /** Starts every dead deployment over; one that fails to is reported beside the others. */
  async retryAllDead(
    by: string,
  ): Promise<{ retried: DeploymentView[]; failed: { id: string; message: string }[] }> {
    const retried: DeploymentView[] = [];
    const failed: { id: string; message: string }[] = [];
    for (const letter of await this.deadLetters()) {
      try {
        retried.push(await this.retry(letter.id, by));
      } catch (error) {
        if (!(error instanceof GraphshiftError)) throw error;
        failed.push({ id: letter.id, message: error.message });
      }
    }
    return { retried, failed };
  }

  /** Gives a dead deployment up. @throws NOT_FOUND, CONFLICT */
  async discard(id: string, by: string): Promise<DeploymentView> {
    await this.#options.letters.discard(id, by);
    return this.deployment(id);
  }

  #view(record: DeploymentRecord): DeploymentView {
    const instant = (at: number | undefined) => (at === undefined ? null : new Date(at).toISOString());
    return {
      id: record.id,
      customer: record.customer,
      timestamp: record.timestamp,
      state: record.state,
      run: record.run,
      database: record.database ?? null,
      nodes: record.nodes ?? null,
      relationships: record.relationships ?? null,
      rows: record.rows ?? null,
      rowsTotal: record.rowsTotal ?? null,
      chunks: record.chunks ?? null,
      chunksTotal: record.chunksTotal ?? null,
      loaders: record.loaders || null,
      bytes: record.bytes ?? null,
      seconds: secondsTaken(record, this.#options.clock.now()) ?? null,
      attempts: record.attempts,
      crashes: record.crashes,
      holder: record.holder || null,
      path: record.path,
      discoveredAt: new Date(record.discoveredAt).toISOString(),
      changedAt: new Date(record.changedAt).toISOString(),
      dueAt: instant(record.dueAt),
      reason: record.reason ?? null,
      error: record.error ? errorView(record, record.error) : null,
    };
  }
}

function estimateView(estimate: DeploymentRecord['estimate']): EstimateView | null {
  if (!estimate) return null;
  const { disk = null, scratch = null, memory, seconds, factors } = estimate;
  return { disk, scratch, memory, seconds, factors };
}

/** Every alias, by name. The store alone knows: this is what people ask while Redis is down. */
export async function listAliases(store: GraphStore): Promise<AliasView[]> {
  const { databases, aliases } = await store.list();
  return aliases
    .map((alias) => aliasView(alias, databases))
    .sort((a, b) => (a.customer < b.customer ? -1 : 1));
}

function notCancellable(id: string, state: string): GraphshiftError {
  if (state === 'switching')
    return new GraphshiftError('TOO_LATE', `${id} is switching, past the point of no return`);
  if (state === 'live')
    return new GraphshiftError('TOO_LATE', `${id} is live; graphshift rollback moves its customer back`);
  return new GraphshiftError(
    'CONFLICT',
    `${id} is ${state}; only ${CANCELLABLE_STATES.join(', ')} can be cancelled`,
  );
}

function errorView({ customer, timestamp }: DeploymentRecord, error: DeploymentError): ErrorView {
  const { code, message, step = null, at, cause = null } = error;
  const instant = at === undefined ? null : new Date(at).toISOString();
  return {
    code,
    class: error.class,
    message,
    action: ERRORS[code].action,
    customer,
    timestamp,
    step,
    at: instant,
    cause,
  };
}

function aliasView(alias: AliasInfo, databases: readonly DatabaseInfo[]): AliasView {
  const { customer, database, properties } = alias;
  return {
    customer,
    database,
    timestamp: properties.snapshot,
    since: properties.since,
    pinned: properties.pin !== undefined,
    pin: properties.pin ?? null,
    holds: properties.holds ?? [],
    rollback: rollbackTargets(alias, databases)[0]?.name ?? null,
  };
}
