/** Invariants 1 and 2: an alias leads to a complete, proven database of its customer, and never back by itself. */

import type { LoadCertificate } from '../../graph-store/graph-store.ts';
import type { AuditEntry } from '../../queue/audit-stream.ts';
import { databaseName, parseDeploymentId } from '../../snapshot/names.ts';
import type { Observation, Rule } from '../finding.ts';
import { type AliasSeen, groupBy, heldBy, type Picture } from '../picture.ts';

const ROLL_BACK = 'Roll back to a database that is whole: `graphshift aliases ls` names it.';

export const aliasReadable: Rule = {
  name: 'alias-readable',
  invariant: 1,
  check: ({ unreadAliases }) =>
    unreadAliases.map(({ name, problem }) => ({
      severity: 'broken',
      customer: name,
      what: `alias ${name} cannot be read: ${problem}`,
      action: 'Look at the store; nothing of this customer is dropped or moved meanwhile.',
    })),
};

export const aliasTarget: Rule = {
  name: 'alias-target',
  invariant: 1,
  check: (picture) =>
    [...picture.aliases.values()].flatMap((alias) => {
      const what = targetProblem(picture, alias) ?? proofProblem(alias);
      if (what === undefined) return [];
      return [{ severity: 'broken', customer: alias.customer, what, action: ROLL_BACK } as const];
    }),
};

function targetProblem({ databases }: Picture, alias: AliasSeen): string | undefined {
  const leads = `alias ${alias.customer} leads to ${alias.database}`;
  const target = databases.find(({ name }) => name === alias.database);
  if (!target) return `${leads}, which is not there`;
  if (target.snapshot?.customer !== alias.customer) return `${leads}, which is none of its customer's`;
  if (target.state !== 'complete') return `${leads}, which is not complete: it is ${target.state}`;
  return undefined;
}

function proofProblem({ database, certificate, counts }: AliasSeen): string | undefined {
  if (!certificate) return `${database} is live and has no certificate that can be read`;
  if (certificate.database !== database || databaseName(certificate) !== database)
    return `${database} is live and has the certificate of ${certificate.database}`;
  const unequal = [...certificate.nodes, ...certificate.relationships].find(
    ({ footers, read, sent, acknowledged, counted }) =>
      [read, sent, acknowledged, counted].some((count) => count !== footers),
  );
  if (unequal) return `${database} is live, and its certificate has unequal counts of ${unequal.name}`;
  if (!certificate.nodes.some(({ counted }) => counted > 0)) return `${database} is live and empty`;
  if ('problem' in counts) return `${database} is live and cannot be counted: ${counts.problem}`;
  return (
    countProblem(database, certificate.labels ?? byName(certificate.nodes), counts.labels) ??
    countProblem(database, byName(certificate.relationships), counts.types)
  );
}

function byName(counts: LoadCertificate['nodes']): Record<string, number> {
  return Object.fromEntries(counts.map(({ name, counted }) => [name, counted]));
}

function countProblem(
  database: string,
  certified: Readonly<Record<string, number>>,
  found: Readonly<Record<string, number>>,
): string | undefined {
  for (const name of new Set([...Object.keys(certified), ...Object.keys(found)])) {
    const [says, has] = [certified[name] ?? 0, found[name] ?? 0];
    if (says !== has) return `${database} is live and has ${has} of ${name}, its certificate says ${says}`;
  }
  return undefined;
}

export const aliasProperties: Rule = {
  name: 'alias-properties',
  invariant: 1,
  check: ({ aliases }) =>
    [...aliases.values()].flatMap((alias) =>
      propertyProblems(alias).map((problem) => ({
        severity: 'broken' as const,
        customer: alias.customer,
        what: `alias ${alias.customer} (${alias.database}): ${problem}`,
        action: 'Deploy a newer snapshot or roll back: both write the properties again.',
      })),
    ),
};

function propertyProblems(alias: AliasSeen): string[] {
  const { epoch, snapshot, contentHash, since, pin, holds = [] } = alias.properties;
  const problems: string[] = [];
  if (!Number.isSafeInteger(epoch) || epoch < 1) problems.push(`its epoch is ${JSON.stringify(epoch)}`);
  if (databaseName({ customer: alias.customer, timestamp: snapshot }) !== alias.database)
    problems.push(`its snapshot is ${JSON.stringify(snapshot)}, which is not its target's`);
  if (alias.certificate && contentHash !== alias.certificate.contentHash)
    problems.push(`its content hash is ${JSON.stringify(contentHash)}, the certificate says another`);
  if (!isInstant(since)) problems.push(`its since is ${JSON.stringify(since)}, which is no instant`);
  if (pin !== undefined && !isInstant(pin.since)) problems.push('its pin does not say since when');
  for (const hold of holds) {
    if (!Number.isSafeInteger(hold.timestamp) || typeof hold.contentHash !== 'string')
      problems.push(`it has a hold that names no snapshot: ${JSON.stringify(hold)}`);
    else if (hold.timestamp === snapshot) problems.push(`it holds snapshot ${snapshot}, which is live`);
  }
  return problems;
}

function isInstant(text: unknown): boolean {
  return typeof text === 'string' && !Number.isNaN(Date.parse(text));
}

/** What the audit stream says once became live, with its place in the stream. */
interface Arrival {
  readonly timestamp: number;
  readonly place: number;
}

export const aliasAge: Rule = {
  name: 'alias-age',
  invariant: 2,
  check: (picture) => {
    const places = picture.audit.map((entry, place) => ({ entry, place }));
    const ofCustomer = groupBy(places, ({ entry }) => parseDeploymentId(entry.deployment)?.customer);
    return [...picture.aliases.values()].flatMap((alias) =>
      wentBack(alias, ofCustomer.get(alias.customer) ?? []),
    );
  },
};

/** A rollback explains every arrival before it: it leaves the live one, and may pass over others on its way back. */
function wentBack(alias: AliasSeen, entries: readonly { entry: AuditEntry; place: number }[]): Observation[] {
  const { snapshot } = alias.properties;
  const lastRollback = Math.max(
    -1,
    ...entries.filter(({ entry }) => isRollback(entry)).map(({ place }) => place),
  );
  const highestHold = Math.max(0, ...heldBy(alias));
  const unexplained = entries
    .filter(({ entry }) => entry.to === 'live')
    .map(({ entry, place }): Arrival => {
      return { timestamp: parseDeploymentId(entry.deployment)?.timestamp ?? 0, place };
    })
    .filter(({ timestamp }) => timestamp > Math.max(snapshot, highestHold))
    .filter(({ place }) => place > lastRollback);
  if (unexplained.length === 0) return [];
  const newest = Math.max(...unexplained.map(({ timestamp }) => timestamp));
  return [
    {
      severity: 'broken',
      customer: alias.customer,
      what: `alias ${alias.customer} leads to snapshot ${snapshot}, though ${newest} was live and no rollback left it`,
      action: `See who moved it: \`graphshift deployments show ${alias.customer}@${newest}\`; retry that one, or pin the customer.`,
    },
  ];
}

function isRollback({ to, detail }: AuditEntry): boolean {
  return to === 'rolled-back' || (to === '' && detail.startsWith('rollback to '));
}
