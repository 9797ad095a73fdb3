/** Publishes a verified database: the alias moves to it in one step, if nothing speaks against it at that moment. */

import { type DeploymentRecord, wasAskedFor } from '../deployment/record.ts';
import type { State } from '../deployment/states.ts';
import type { AliasInfo, GraphStore, LoadCertificate } from '../graph-store/graph-store.ts';
import type { Clock } from '../platform/clock.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { DeploymentStore, TransitionResult } from '../queue/deployment-store.ts';
import { databaseName } from '../snapshot/names.ts';
import { readSchemaFile } from '../verify/schema-file.ts';
import { alignTarget, refuseUnlessOk } from './align-records.ts';
import { decideCutover } from './decide.ts';
import { earlierAfter, wasLive } from './earlier.ts';
import type { FencedChanges } from './fenced-changes.ts';

export interface CutoverOptions {
  readonly store: GraphStore;
  readonly deployments: DeploymentStore;
  readonly changes: FencedChanges;
  readonly clock: Clock;
  readonly log: Logger;
}

export type PublishResult =
  | { readonly kind: 'live'; readonly before: string | undefined; readonly head: string | undefined }
  /** A newer snapshot is live, or the content is held; the deployment is `superseded`, its database dropped. */
  | { readonly kind: 'overtaken'; readonly reason: string; readonly head: string | undefined }
  /** The customer is pinned: the database stays, complete, and the deployment waits in `switching`. */
  | { readonly kind: 'pinned'; readonly reason: string };

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
    const { changes } = this.#options;
    if (held.state !== 'switching') {
      const result = await this.#move(held, PUBLISHABLE, 'switching', { database: certificate.database });
      refuseUnlessOk(result, held.id);
    }
    await changes.reach('switching');
    const alias = await changes.takeOver(held.customer, held.epoch);
    const decision = decideCutover(alias, {
      database: certificate.database,
      timestamp: held.timestamp,
      contentHash: certificate.contentHash,
      asked: wasAskedFor(held),
    });
    if (decision.kind === 'pinned') return { kind: 'pinned', reason: decision.reason };
    if (decision.kind === 'overtaken' || decision.kind === 'held')
      return this.#giveUp(held, decision.reason, certificate.database, alias);
    if (decision.kind === 'adopt') return this.#settleLive(held, certificate.database, undefined);
    await this.#carryOver(held, certificate.database, alias);
    // Where Redis lost that the target went live, it would end as superseded, and be dropped as what never served.
    if (alias && alias.properties.snapshot !== held.timestamp)
      await alignTarget(this.#options.deployments, alias);
    await changes.reach('cutover.read');
    await this.#moveAlias(held, certificate, alias);
    await changes.reach('cutover.fired');
    this.#options.log.info(
      { deploymentId: held.id, database: certificate.database, before: alias?.database, epoch: held.epoch },
      `cutover: alias ${held.customer} moved from ${alias?.database ?? 'nothing'} to ${certificate.database}`,
    );
    return this.#settleLive(held, certificate.database, alias?.database);
  }

  /** Takes note that the alias targets this deployment's database already, as after an emptied Redis. */
  async adopt(held: DeploymentRecord): Promise<PublishResult> {
    if (held.state !== 'switching')
      refuseUnlessOk(await this.#move(held, PUBLISHABLE, 'switching', {}), held.id);
    return this.#settleLive(held, databaseName(held), undefined);
  }

  /**
   * Lets the store know of a deployment's epoch before anything is done under it, so that the store never sees two holders
   * with one epoch, whatever Redis lost.
   * @throws FENCED under an older epoch, and where another holder came with this one
   */
  async begin({ customer, epoch }: Pick<DeploymentRecord, 'customer' | 'epoch'>): Promise<void> {
    await this.#options.changes.takeOver(customer, epoch, { isNew: true });
  }

  /** Ends, in the store, what earlier holders of the customer have under way. @throws FENCED under an older epoch */
  async fenceOut(held: Pick<DeploymentRecord, 'customer' | 'epoch'>): Promise<void> {
    await this.#options.changes.takeOver(held.customer, held.epoch);
  }

  /**
   * Once more, and most often without a change: what readers rely on may have changed since verify, as while a pin held it.
   * @throws PARITY, SCHEMA_INVALID
   */
  async #carryOver(held: DeploymentRecord, database: string, alias: AliasInfo | undefined): Promise<void> {
    const statements = await readSchemaFile(held.path);
    await this.#options.store.carryOver(database, {
      epoch: held.epoch,
      ...(alias && { from: alias.database }),
      ...(statements && { statements }),
    });
  }

  async #moveAlias(
    held: DeploymentRecord,
    certificate: LoadCertificate,
    alias: AliasInfo | undefined,
  ): Promise<void> {
    await this.#options.changes.moveAlias({
      customer: held.customer,
      database: certificate.database,
      properties: {
        ...alias?.properties,
        epoch: held.epoch,
        snapshot: held.timestamp,
        contentHash: certificate.contentHash,
        since: new Date(this.#options.clock.now()).toISOString(),
        ...earlierAfter(alias, held.timestamp),
      },
    });
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
    await this.#options.changes.reach('live');
    return { kind: 'live', before, head: result.kind === 'ok' ? result.head : undefined };
  }

  /** What was live before, and Redis forgot it, is kept: its record follows with the upkeep. */
  async #giveUp(
    held: DeploymentRecord,
    reason: string,
    database: string,
    alias: AliasInfo | undefined,
  ): Promise<PublishResult> {
    const { store, changes } = this.#options;
    const { databases } = await store.list({ customer: held.customer });
    const own = wasLive(alias, held.timestamp)
      ? undefined
      : databases.find((candidate) => candidate.name === database);
    if (own && !(await changes.drop(held.customer, own, held.epoch)))
      throw new GraphshiftError('FENCED', `${held.id}: a newer holder of ${held.customer} is at work`);
    const result = await this.#move(held, ['switching'], 'superseded', { reason }, reason);
    refuseUnlessOk(result, held.id);
    return { kind: 'overtaken', reason, head: result.kind === 'ok' ? result.head : undefined };
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
}
