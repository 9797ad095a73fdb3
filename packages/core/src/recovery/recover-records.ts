/**
 * Makes records again that an emptied Redis lost, from what the store keeps with its aliases: what is live, what is kept
 * for a rollback, what rollbacks left and hold. What was waiting is found again on the disk.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { highestHeld } from '../cutover/decide.ts';
import type { AliasInfo, DatabaseInfo, GraphStore } from '../graph-store/graph-store.ts';
import type { Logger } from '../platform/log.ts';
import type { DeploymentStore, LostRecord } from '../queue/deployment-store.ts';
import type { WakeUps } from '../queue/wake-ups.ts';
import { databaseName, deploymentId } from '../snapshot/names.ts';

export interface RecoveryOptions {
  readonly store: GraphStore;
  readonly deployments: DeploymentStore;
  readonly wakeUps: WakeUps;
  readonly log: Logger;
  /** Absolute directories in which snapshots stand. */
  readonly roots: readonly string[];
}

/** Every customer's lost records; those that are there are left as they are. @returns ids of the records made again */
export async function recoverRecords(options: RecoveryOptions): Promise<string[]> {
  const { databases, aliases } = await options.store.list();
  const byCustomer = groupByCustomer(databases);
  const made: string[] = [];
  for (const alias of aliases)
    made.push(...(await recoverCustomer(options, alias, byCustomer.get(alias.customer) ?? [])));
  return made;
}

/** The same for one customer. @param databases of this customer */
export async function recoverCustomer(
  options: RecoveryOptions,
  alias: AliasInfo,
  databases: readonly DatabaseInfo[],
): Promise<string[]> {
  const { deployments, wakeUps, log } = options;
  const made: string[] = [];
  let head: string | undefined;
  for (const lost of await lostRecords(options, alias, databases)) {
    const result = await deployments.restore(lost);
    head = result.head;
    if (result.created) made.push(deploymentId(lost));
  }
  await wakeUps.ensureHead(deployments, head);
  if (made.length > 0)
    log.info({ customer: alias.customer }, `records made again from the store: ${made.join(', ')}`);
  return made;
}

async function lostRecords(
  { store, roots }: RecoveryOptions,
  alias: AliasInfo,
  databases: readonly DatabaseInfo[],
): Promise<LostRecord[]> {
  const { customer, properties } = alias;
  const certificate = await store.certificate(alias.database);
  const { epoch } = properties;
  const place = (timestamp: number) => ({
    customer,
    timestamp,
    path: pathOf(roots, customer, timestamp),
    epoch,
  });
  const rows = (counts: readonly { counted: number }[]) => counts.reduce((sum, one) => sum + one.counted, 0);
  const live: LostRecord = {
    ...place(properties.snapshot),
    state: 'live',
    fields: {
      database: alias.database,
      contentHash: properties.contentHash,
      ...(certificate && {
        nodes: rows(certificate.nodes),
        relationships: rows(certificate.relationships),
        bytes: certificate.bytes,
      }),
    },
    detail: `the alias targets ${alias.database}`,
  };
  const replaced = keptDatabases(alias, databases).map(
    ({ name, timestamp }): LostRecord => ({
      ...place(timestamp),
      state: 'replaced',
      fields: { database: name },
      detail: `${name} is kept`,
    }),
  );
  const held = (properties.holds ?? []).map(
    ({ timestamp, contentHash, reason }): LostRecord => ({
      ...place(timestamp),
      state: 'rolled-back',
      fields: { database: databaseName({ customer, timestamp }), contentHash, reason },
      detail: reason,
    }),
  );
  return [live, ...replaced, ...held];
}

/** Complete databases that were live before: older than the live one, or passed over by a rollback, and not held. */
function keptDatabases(alias: AliasInfo, databases: readonly DatabaseInfo[]) {
  const { snapshot: live, holds = [] } = alias.properties;
  const newest = Math.max(live, highestHeld(alias));
  return databases.flatMap(({ name, snapshot, state }) => {
    const timestamp = snapshot?.timestamp ?? 0;
    const held = holds.some((hold) => hold.timestamp === timestamp);
    const kept = state === 'complete' && timestamp < newest && timestamp !== live && !held;
    return kept ? [{ name, timestamp }] : [];
  });
}

/** The snapshot's directory; in the first root where it is not there any more. */
function pathOf(roots: readonly string[], customer: string, timestamp: number): string {
  const paths = roots.map((root) => join(root, customer, String(timestamp)));
  return paths.find((path) => existsSync(path)) ?? paths[0] ?? '';
}

function groupByCustomer(databases: readonly DatabaseInfo[]): Map<string | undefined, DatabaseInfo[]> {
  const groups = new Map<string | undefined, DatabaseInfo[]>();
  for (const database of databases) {
    const group = groups.get(customerOf(database));
    if (group) group.push(database);
    else groups.set(customerOf(database), [database]);
  }
  return groups;
}

function customerOf({ snapshot }: DatabaseInfo): string | undefined {
  return snapshot?.customer;
}
