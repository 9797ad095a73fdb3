/** What people ask and do, for the command line and the API alike. */

import { type DeploymentRecord, secondsTaken } from '../deployment/record.ts';
import type { State } from '../deployment/states.ts';
import type { AliasInfo, GraphStore } from '../graph-store/graph-store.ts';
import type { Clock } from '../platform/clock.ts';
import { ERRORS, GraphshiftError } from '../platform/errors.ts';
import type { AuditEntry } from '../queue/audit-stream.ts';
import type { DeadLetters } from '../queue/dead-letters.ts';
import type { DeploymentStore, ListFilter, Refusal } from '../queue/deployment-store.ts';
import { databaseName } from '../snapshot/names.ts';

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
  readonly error: { readonly code: string; readonly message: string; readonly action: string } | null;
}

export interface DeploymentDetail extends DeploymentView {
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
  /** Database that a rollback would go to. */
  readonly rollback: string | null;
}

export interface OperationsOptions {
  readonly deployments: DeploymentStore;
  readonly letters: DeadLetters;
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

  async aliases(): Promise<AliasView[]> {
    const { databases, aliases } = await this.#options.store.list();
    const complete = new Set(
      databases.filter((database) => database.state === 'complete').map((database) => database.name),
    );
    return aliases
      .map((alias) => aliasView(alias, [...complete]))
      .sort((a, b) => (a.customer < b.customer ? -1 : 1));
  }

  async deadLetters(): Promise<DeploymentView[]> {
    return this.deployments({ state: 'dead', limit: 10_000 });
  }

  /** Starts a deployment over with fresh attempts. @throws NOT_FOUND, CONFLICT */
  async retry(id: string, by: string): Promise<DeploymentView> {
    await this.#options.letters.redrive(id, by);
    return this.deployment(id);
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
      error: record.error
        ? { code: record.error.code, message: record.error.message, action: ERRORS[record.error.code].action }
        : null,
    };
  }
}

function aliasView(alias: AliasInfo, complete: readonly string[]): AliasView {
  const { customer, database, properties } = alias;
  const older = complete
    .filter((name) => name !== database && name.startsWith(`${customer}-`) && /-\d+$/.test(name))
    .map((name) => ({ name, timestamp: Number(name.slice(name.lastIndexOf('-') + 1)) }))
    .filter(
      ({ name, timestamp }) =>
        name === databaseName({ customer, timestamp }) && timestamp < properties.snapshot,
    )
    .sort((a, b) => b.timestamp - a.timestamp);
  return {
    customer,
    database,
    timestamp: properties.snapshot,
    since: properties.since,
    pinned: properties.pin !== undefined,
    rollback: older[0]?.name ?? null,
  };
}
