/** What the audit stream tells: the ways that deployments went, and that they went no other way. */

import { STATES, type State, TRANSITIONS } from '../../deployment/states.ts';
import type { AuditEntry } from '../../queue/audit-stream.ts';
import { parseDeploymentId } from '../../snapshot/names.ts';
import { at, type Observation, type Rule } from '../finding.ts';
import { groupBy, isDue, type Picture } from '../picture.ts';

const REPORT = 'Report it, with `graphshift deployments show` of it.';

/** Entries of deployments that took a step or were claimed; what people did elsewhere names no state. */
function steps({ audit }: Picture): Map<string, AuditEntry[]> {
  return groupBy(
    audit.filter(({ to }) => to !== ''),
    ({ deployment }) => deployment,
  );
}

function isClaim({ from, to, detail }: AuditEntry): boolean {
  return from === to && detail.startsWith('claimed ');
}

export const auditChain: Rule = {
  name: 'audit-chain',
  invariant: 3,
  check: (picture) =>
    [...steps(picture)].flatMap(([id, entries]) => {
      for (const [place, entry] of entries.entries()) {
        const what = brokenStep(entry, entries[place - 1]);
        if (what !== undefined) return [broken(id, `${id}: ${what}`, REPORT)];
      }
      return [];
    }),
};

function brokenStep(entry: AuditEntry, before: AuditEntry | undefined): string | undefined {
  const { from, to } = entry;
  const when = `at ${at(entry.at)}`;
  // Recorded, or made again from the store.
  if (from === '') return undefined;
  if (before && before.to !== from) return `it left ${from} for ${to} ${when}, though it was ${before.to}`;
  if (isClaim(entry)) return undefined;
  const allowed: readonly string[] = isState(from) ? TRANSITIONS[from] : [];
  return allowed.includes(to) ? undefined : `it left ${from} for ${to} ${when}, and no such way leads there`;
}

function isState(text: string): text is State {
  return (STATES as readonly string[]).includes(text);
}

export const auditState: Rule = {
  name: 'audit-state',
  invariant: 3,
  check: (picture) =>
    [...steps(picture)].flatMap(([id, entries]) => {
      const last = entries.at(-1);
      const record = picture.records.get(id);
      if (!last || !record || last.to === record.state || !isDue(picture, record.changedAt)) return [];
      return [broken(id, `${id} is ${record.state}, and its last step led to ${last.to}`, REPORT)];
    }),
};

/**
 * What became switching was complete: a run that loads after that has loaded twice. Which process stored which rows,
 * and what was before an emptied Redis, the stream does not say.
 */
export const loadedOnce: Rule = {
  name: 'loaded-once',
  invariant: 3,
  check: (picture) =>
    [...steps(picture)].flatMap(([id, entries]) => {
      const complete = new Set<number>();
      for (const entry of entries) {
        if (entry.to === 'switching' || entry.to === 'live') complete.add(entry.run);
        if (entry.to !== 'loading' || entry.from === 'loading' || !complete.has(entry.run)) continue;
        const what = `${id} was loaded again at ${at(entry.at)} in run ${entry.run}, though its database was complete`;
        return [broken(id, what, 'Nothing if the database was dropped by hand; else report it.')];
      }
      return [];
    }),
};

export const epochsGrow: Rule = {
  name: 'epochs-grow',
  invariant: 2,
  check: ({ audit }) => {
    const claims = groupBy(
      audit.filter(isClaim),
      ({ deployment }) => parseDeploymentId(deployment)?.customer,
    );
    return [...claims].flatMap(([customer, entries]): Observation[] => {
      let highest = 0;
      for (const entry of entries) {
        const epoch = Number(/ epoch (\d+)$/.exec(entry.detail)?.[1] ?? Number.NaN);
        if (epoch <= highest) {
          const what = `${entry.deployment} was claimed under epoch ${epoch} at ${at(entry.at)}, after epoch ${highest}`;
          return [{ severity: 'broken', customer, what, action: REPORT }];
        }
        highest = epoch;
      }
      return [];
    });
  },
};

function broken(id: string, what: string, action: string): Observation {
  const customer = parseDeploymentId(id)?.customer;
  return { severity: 'broken', ...(customer !== undefined && { customer }), what, action };
}
