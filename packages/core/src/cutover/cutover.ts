/**
 * The fenced cutover: the only code that moves an alias or drops a database, and the only one that leads a record
 * through `switching`, `live`, `replaced` and `retired`. Every change is prepared in the store, then the epoch is
 * checked, then it is fired; a newer holder has a higher epoch and ends what a lower one prepared.
 */

import type { DeploymentRecord } from '../deployment/record.ts';
import type { State } from '../deployment/states.ts';
import type { AliasInfo, DatabaseInfo, GraphStore, LoadCertificate } from '../graph-store/graph-store.ts';
import type { Clock } from '../platform/clock.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { DeploymentStore, TransitionResult } from '../queue/deployment-store.ts';
import { selectRetired } from '../retention/select.ts';
import { databaseName, deploymentId } from '../snapshot/names.ts';

/** Named points between two steps, where tests stop or kill a process. Production passes nothing. */
export type Checkpoint = (point: string) => Promise<void>;

export interface CutoverOptions {
  readonly store: GraphStore;
  readonly deployments: DeploymentStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Complete databases kept for a customer, the live one among them. */
  readonly retention: number;
  readonly checkpoint?: Checkpoint;
}

export type PublishResult =
  | { readonly kind: 'live'; readonly before: string | undefined; readonly head: string | undefined }
  /** A newer snapshot is live; the deployment is `superseded` and its database dropped. */
  | { readonly kind: 'overtaken'; readonly by: string; readonly head: string | undefined };

/** States from which a verified database may be published: after verify, or found complete when taken up. */
const PUBLISHABLE: readonly State[] = ['verifying', 'queued', 'waiting', 'retrying'];

export class Cutover {
  readonly #options: CutoverOptions;

  constructor(options: CutoverOptions) {
    this.#options = options;
  }

  /**
   * Moves the customer's alias to the deployment's verified database. Does the whole cutover again when a crash
   * left the deployment in `switching`, or only the bookkeeping where the alias has moved already.
   * @throws FENCED when another holder works on the customer under a newer epoch; nothing was changed then
   */
  async publish(held: DeploymentRecord, certificate: LoadCertificate): Promise<PublishResult> {
    if (held.state !== 'switching') {
      const result = await this.#move(held, PUBLISHABLE, 'switching', { database: certificate.database });
      refuseUnlessOk(result, held.id);
    }
    await this.#reach('switching');
    const alias = await this.#options.store.takeOver(held.customer, held.epoch);
    if (alias?.database === certificate.database) return this.#settleLive(held, alias.database, undefined);
    if (alias && alias.properties.snapshot > held.timestamp)
      return this.#yieldTo(held, alias, certificate.database);
    await this.#reach('cutover.read');
    await this.#fireAlias(held, certificate, alias);
    await this.#reach('cutover.fired');
    this.#options.log.info(
      { deploymentId: held.id, database: certificate.database, before: alias?.database, epoch: held.epoch },
      `cutover: alias ${held.customer} moved from ${alias?.database ?? 'nothing'} to ${certificate.database}`,
    );
    return this.#settleLive(held, certificate.database, alias?.database);
  }

  /** Takes note that the alias targets this deployment's database already, as after an emptied Redis. */
  async adopt(held: DeploymentRecord, alias: AliasInfo): Promise<PublishResult> {
    if (held.state !== 'switching')
      refuseUnlessOk(await this.#move(held, PUBLISHABLE, 'switching', {}), held.id);
    return this.#settleLive(held, alias.database, undefined);
  }

  /** Drops a customer's databases beyond the newest N, and marks the deployments that they replaced. */
  async retire(customer: string): Promise<string[]> {
    const { store, retention } = this.#options;
    const listing = await store.list();
    const alias = listing.aliases.find((candidate) => candidate.customer === customer);
    await this.#markReplaced(customer, alias);
    const databases = listing.databases.filter((database) => database.snapshot?.customer === customer);
    const retired = selectRetired(databases, alias?.database, retention);
    if (retired.length === 0) return [];
    const epoch = await this.#upkeepEpoch(customer);
    const dropped: string[] = [];
    for (const database of retired) {
      if (!(await this.#drop(customer, database, epoch))) break;
      dropped.push(database.name);
      await this.#markRetired(database);
    }
    return dropped;
  }

  /**
   * Drops what earlier holders of this deployment built and did not publish.
   * @throws FENCED when another holder works on the customer under a newer epoch
   */
  async discardLeftovers(held: Pick<DeploymentRecord, 'customer' | 'timestamp' | 'epoch'>): Promise<void> {
    const id = deploymentId(held);
    for (const database of (await this.#options.store.list()).databases) {
      if (database.snapshot === undefined || deploymentId(database.snapshot) !== id) continue;
      if (database.state !== 'building' && database.state !== 'marked') continue;
      if ((database.mark?.epoch ?? 0) > held.epoch) continue;
      if (!(await this.#drop(held.customer, database, held.epoch))) {
        throw new GraphshiftError('FENCED', `${id}: a newer holder of ${held.customer} is at work`);
      }
    }
  }

  /** Drops builds whose deployment has ended: what a crash between an end state and the clean-up left. */
  async sweepLeftovers(ended: (state: State) => boolean): Promise<void> {
    const { store, deployments, log } = this.#options;
    for (const database of (await store.list()).databases) {
      if (database.snapshot === undefined || (database.state !== 'building' && database.state !== 'marked'))
        continue;
      const record = await deployments.get(deploymentId(database.snapshot));
      if (!record || !ended(record.state)) continue;
      const epoch = await this.#upkeepEpoch(record.customer);
      log.info(
        { deploymentId: record.id, database: database.name },
        `${database.name} is left over from ${record.state} ${record.id}`,
      );
      await this.#drop(record.customer, database, epoch);
    }
  }

  /** Prepare, check, fire. The check is Redis's word that no newer holder has taken the customer over. */
  async #fireAlias(
    held: DeploymentRecord,
    certificate: LoadCertificate,
    alias: AliasInfo | undefined,
  ): Promise<void> {
    const change = await this.#options.store.prepareAlias({
      customer: held.customer,
      database: certificate.database,
      properties: {
        ...alias?.properties,
        epoch: held.epoch,
        snapshot: held.timestamp,
        contentHash: certificate.contentHash,
        since: new Date(this.#options.clock.now()).toISOString(),
      },
    });
    try {
      await this.#reach('cutover.prepared');
      await this.#checkEpoch(held.customer, held.epoch);
      await this.#reach('cutover.checked');
      await change.fire();
    } finally {
      await change.cancel();
    }
  }

  async #checkEpoch(customer: string, epoch: number): Promise<void> {
    const current = await this.#options.deployments.currentEpoch(customer);
    if (current !== epoch) {
      throw new GraphshiftError(
        'FENCED',
        `${customer} is held under epoch ${current}; epoch ${epoch} is over`,
      );
    }
  }

  /** @returns false when a newer holder has taken the customer over; the next pass sees to it */
  async #drop(customer: string, database: DatabaseInfo, epoch: number): Promise<boolean> {
    const { store, log } = this.#options;
    try {
      const change = await store.prepareDrop(customer, database.name, epoch);
      try {
        await this.#reach('drop.prepared');
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

  /** Upkeep acts under the epoch in force, and takes a new one only where an emptied Redis forgot it. */
  async #upkeepEpoch(customer: string): Promise<number> {
    const { store, deployments } = this.#options;
    const [current, floor] = [await deployments.currentEpoch(customer), await store.epochFloor(customer)];
    return current > 0 && current >= floor ? current : deployments.raiseEpoch(customer, floor);
  }

  async #settleLive(
    held: DeploymentRecord,
    database: string,
    before: string | undefined,
  ): Promise<PublishResult> {
    const result = await this.#move(held, ['switching'], 'live', {
      database,
      reason: undefined,
      error: undefined,
    });
    refuseUnlessOk(result, held.id);
    await this.#reach('live');
    await this.#markReplaced(held.customer, { database, properties: { snapshot: held.timestamp } });
    return { kind: 'live', before, head: result.kind === 'ok' ? result.head : undefined };
  }

  async #yieldTo(held: DeploymentRecord, alias: AliasInfo, database: string): Promise<PublishResult> {
    const reason = `snapshot ${alias.properties.snapshot} is live`;
    const own = (await this.#options.store.list()).databases.find((candidate) => candidate.name === database);
    if (own) await this.#drop(held.customer, own, held.epoch);
    const result = await this.#move(held, ['switching'], 'superseded', { reason }, reason);
    refuseUnlessOk(result, held.id);
    return { kind: 'overtaken', by: alias.database, head: result.kind === 'ok' ? result.head : undefined };
  }

  /** Records that claim to be live although the alias targets another snapshot's database. */
  async #markReplaced(
    customer: string,
    alias: { database: string; properties: { snapshot: number } } | undefined,
  ): Promise<void> {
    if (!alias) return;
    for (const record of await this.#options.deployments.list({ customer, state: 'live' })) {
      if (record.timestamp === alias.properties.snapshot) continue;
      await this.#options.deployments.transition({
        id: record.id,
        from: ['live'],
        to: 'replaced',
        detail: `replaced by ${alias.database}`,
      });
    }
  }

  async #markRetired(database: DatabaseInfo): Promise<void> {
    if (database.snapshot === undefined) return;
    const id = deploymentId(database.snapshot);
    const record = await this.#options.deployments.get(id);
    if (record?.state !== 'replaced') return;
    await this.#options.deployments.transition({
      id,
      from: ['replaced'],
      to: 'retired',
      detail: `dropped ${database.name}`,
    });
  }

  async #move(
    held: DeploymentRecord,
    from: readonly State[],
    to: State,
    fields: Parameters<DeploymentStore['note']>[1],
    detail = '',
  ): Promise<TransitionResult> {
    return this.#options.deployments.transition({
      id: held.id,
      from,
      to,
      run: held.run,
      epoch: held.epoch,
      fields,
      detail: detail || databaseName(held),
    });
  }

  async #reach(point: string): Promise<void> {
    await this.#options.checkpoint?.(point);
  }
}

/** A holder whose transition is refused has been overtaken: it stops, whatever it was about to do. */
export function refuseUnlessOk(result: TransitionResult, id: string): void {
  if (result.kind === 'ok') return;
  throw new GraphshiftError('FENCED', `${id} has been taken over (${result.kind}: ${result.found})`);
}
