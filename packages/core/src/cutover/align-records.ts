/**
 * The alias is the truth about what is live, the records follow it: after a cutover or a rollback, after a crash
 * between one of them and its records, and after Redis lost its last second.
 */

import type { DeploymentRecord } from '../deployment/record.ts';
import { END_STATES, type State } from '../deployment/states.ts';
import type { AliasInfo } from '../graph-store/graph-store.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { DeploymentStore, TransitionResult } from '../queue/deployment-store.ts';
import { databaseName, deploymentId } from '../snapshot/names.ts';

/**
 * States in which the target of an alias cannot be, but for a Redis that lost its last second: what ended otherwise, and
 * what stands behind a newer snapshot. The head is led to `live` by the worker that takes it up.
 */
const LOST_STATES: readonly State[] = [
  ...END_STATES.filter((state) => state !== 'live' && state !== 'replaced'),
  'discovered',
];

/** The same for what the alias came from, where a rollback did not leave it. */
export const LOST_EARLIER: readonly State[] = LOST_STATES.filter(
  (state) => state !== 'rolled-back' && state !== 'retired',
);

/**
 * Moves a customer's records to where its alias says. A record that a worker is about to lead to `live` is left to it.
 * @returns the customer's head afterwards, which must have a job, where something was moved
 */
export async function alignRecords(
  deployments: DeploymentStore,
  alias: AliasInfo,
): Promise<string | undefined> {
  const { customer, database, properties } = alias;
  const held = new Set(properties.holds?.map(({ timestamp }) => timestamp));
  let head: string | undefined;
  for (const record of await deployments.liveOf(customer)) {
    if (record.timestamp === properties.snapshot) continue;
    const to = held.has(record.timestamp) ? 'rolled-back' : 'replaced';
    const detail = to === 'replaced' ? `replaced by ${database}` : `rolled back to ${database}`;
    head = headOf(
      await deployments.transition({ id: record.id, from: ['live'], to, fields: { reason: detail }, detail }),
    );
  }
  const targetHead = await alignTarget(deployments, alias);
  return (await alignEarlier(deployments, alias)) ?? targetHead ?? head;
}

/** Records of what the alias came from that say it was never live: Redis lost more than one cutover. */
async function lostEarlier(
  deployments: DeploymentStore,
  { customer, properties: { earlier = [] } }: AliasInfo,
): Promise<DeploymentRecord[]> {
  const records = await deployments.getMany(
    earlier.map((timestamp) => deploymentId({ customer, timestamp })),
  );
  return records.filter(({ state }) => LOST_EARLIER.includes(state));
}

/** What the alias came from is `replaced`; where its database is gone the retention marks it retired. */
async function alignEarlier(deployments: DeploymentStore, alias: AliasInfo): Promise<string | undefined> {
  let head: string | undefined;
  for (const record of await lostEarlier(deployments, alias)) {
    const { customer, timestamp, path, contentHash } = record;
    const fields = { database: databaseName(record), contentHash };
    const detail = `it was live before ${alias.database}, whatever made it ${record.state}`;
    const lost = { customer, timestamp, path, epoch: alias.properties.epoch, state: 'replaced' as const };
    head = (await deployments.restore({ ...lost, fields, detail, instead: LOST_EARLIER })).head ?? head;
  }
  return head;
}

/**
 * Moves the record of an alias's target to `live`, where Redis has it elsewhere and no worker leads it there.
 * @returns the customer's head afterwards, where something was moved
 */
export async function alignTarget(
  deployments: DeploymentStore,
  { customer, database, properties }: AliasInfo,
): Promise<string | undefined> {
  const id = deploymentId({ customer, timestamp: properties.snapshot });
  const target = await deployments.get(id);
  if (target && LOST_STATES.includes(target.state)) {
    // Redis lost the cutover, and the record was ended or put back in the backlog after it: it is made anew.
    const { path } = target;
    const fields = { database, contentHash: properties.contentHash };
    const { epoch } = properties;
    const lost = { customer, timestamp: properties.snapshot, path, epoch, state: 'live' as const, fields };
    const detail = `the alias targets ${database}, whatever made it ${target.state}`;
    return (await deployments.restore({ ...lost, detail, instead: LOST_STATES })).head;
  }
  if (target?.state !== 'replaced') return undefined;
  const detail = `the alias targets ${database}`;
  const fields = { reason: undefined, error: undefined };
  return headOf(await deployments.transition({ id, from: ['replaced'], to: 'live', fields, detail }));
}

function headOf(result: TransitionResult): string | undefined {
  return result.kind === 'ok' ? result.head : undefined;
}

/** A holder whose transition is refused has been overtaken: it stops, whatever it was about to do. */
export function refuseUnlessOk(result: TransitionResult, id: string): void {
  if (result.kind === 'ok') return;
  throw new GraphshiftError('FENCED', `${id} has been taken over (${result.kind}: ${result.found})`);
}
