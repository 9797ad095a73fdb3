/** Invariants 4 and 5: nothing half-loaded outlives its deployment, and what must stay is there. */

import type { DeploymentRecord } from '../../deployment/record.ts';
import { isEndState, type State } from '../../deployment/states.ts';
import type { DatabaseInfo } from '../../graph-store/graph-store.ts';
import { databaseName, deploymentId } from '../../snapshot/names.ts';
import { at, type Observation, type Rule } from '../finding.ts';
import {
  type AliasSeen,
  groupBy,
  heldBy,
  isDue,
  movedAt,
  type Picture,
  recordsByCustomer,
} from '../picture.ts';

const UPKEEP = "Nothing while a worker runs: its upkeep drops it. If it stays, the worker's log says why.";

const UNPROVEN =
  'One without a load certificate stays: drop it by hand, or move the alias to it, as you know what it holds.';

export const halfLoaded: Rule = {
  name: 'half-loaded',
  invariant: 4,
  check: (picture) =>
    picture.databases.flatMap((database) => {
      if (database.state !== 'building' && database.state !== 'marked') return [];
      const record = recordOf(picture, database);
      if (record && (!isEndState(record.state) || !isDue(picture, record.changedAt))) return [];
      const why = record
        ? `${record.id} is ${record.state} since ${at(record.changedAt)}`
        : 'its deployment has no record';
      return [observe('broken', database, `${database.name} is ${database.state}, and ${why}`, UPKEEP)];
    }),
};

export const loadMark: Rule = {
  name: 'load-mark',
  invariant: 4,
  check: ({ databases }) =>
    databases.flatMap((database) => {
      const { name, state, mark, snapshot } = database;
      if (state !== 'building' && state !== 'marked') return [];
      if (!mark)
        return [
          observe('warning', database, `${name} is ${state}, and its load mark cannot be read`, UPKEEP),
        ];
      if (snapshot && deploymentId(mark) === deploymentId(snapshot)) return [];
      const what = `${name} has the load mark of ${deploymentId(mark)}`;
      return [observe('broken', database, what, 'Report it; cancel the deployment and retry it.')];
    }),
};

export const databaseJudged: Rule = {
  name: 'database-judged',
  invariant: 5,
  check: ({ databases }) =>
    databases
      .filter(({ state }) => state === 'unknown')
      .map((database) =>
        observe(
          'warning',
          database,
          `${database.name} cannot be judged: it is no database of ours, or lacks its certificate or graph`,
          'Look at it. It is left alone: drop it by hand if nobody needs it.',
        ),
      ),
};

export const retentionKept: Rule = {
  name: 'retention-kept',
  invariant: 5,
  check: (picture) => {
    const complete = new Set(
      picture.databases.filter(({ state }) => state === 'complete').map(({ name }) => name),
    );
    return [...recordsByCustomer(picture)].flatMap(([customer, records]) => {
      const alias = picture.aliases.get(customer);
      return alias ? missing(picture, alias, records, complete) : [];
    });
  },
};

function missing(
  picture: Picture,
  alias: AliasSeen,
  records: readonly DeploymentRecord[],
  complete: ReadonlySet<string>,
): Observation[] {
  const held = heldBy(alias);
  const kept = records
    .filter(({ state, timestamp }) => (state === 'live' || state === 'replaced') && !held.has(timestamp))
    .sort((one, other) => other.timestamp - one.timestamp);
  const atOrBelow = kept.filter(({ timestamp }) => timestamp <= alias.properties.snapshot);
  const newest = new Set(atOrBelow.slice(0, picture.limits.keep));
  return kept
    .filter((record) => record.state === 'replaced' && !complete.has(databaseName(record)))
    .flatMap((record): Observation[] => {
      const what = `${record.id} is replaced, and its database ${databaseName(record)} is not there, complete`;
      const { customer, id: subject } = record;
      if (newest.has(record)) {
        const action = 'No rollback can go there; keep the next ones.';
        return [{ severity: 'broken', customer, subject, what, action }];
      }
      if (!isDue(picture, Math.max(record.changedAt, movedAt(alias)))) return [];
      const action = 'Nothing: the next retention marks it retired.';
      return [{ severity: 'warning', customer, subject, what, action }];
    });
}

export const retentionLate: Rule = {
  name: 'retention-late',
  check: (picture) => {
    const databases = groupBy(
      picture.databases.filter(({ state }) => state === 'complete'),
      ({ snapshot }) => snapshot?.customer,
    );
    return [...picture.aliases.values()].flatMap((alias) =>
      beyond(picture, alias, databases.get(alias.customer) ?? [])
        .map((database) => ({ database, since: leftAt(picture, alias, database) }))
        .filter(({ since }) => isDue(picture, since + picture.limits.drainMs))
        .map(({ database, since }) =>
          observe(
            'warning',
            database,
            `${database.name} is kept by nothing since ${at(since)}, and still there`,
            UPKEEP,
          ),
        ),
    );
  },
};

/** Complete databases that retention or a rollback gave up. */
function beyond(picture: Picture, alias: AliasSeen, databases: readonly DatabaseInfo[]): DatabaseInfo[] {
  const held = heldBy(alias);
  const others = databases.filter(({ name }) => name !== alias.database);
  const rolledBack = others.filter(({ snapshot }) => snapshot && held.has(snapshot.timestamp));
  const older = others
    .filter((database) => !rolledBack.includes(database) && timeOf(database) < alias.properties.snapshot)
    .sort((one, other) => timeOf(other) - timeOf(one));
  return [...rolledBack, ...older.slice(picture.limits.keep - 1)];
}

function leftAt(picture: Picture, alias: AliasSeen, database: DatabaseInfo): number {
  return Math.max(movedAt(alias), recordOf(picture, database)?.changedAt ?? 0);
}

const GIVEN_UP: readonly State[] = ['dead', 'quarantined', 'skipped', 'superseded', 'cancelled', 'retired'];

export const databaseLeft: Rule = {
  name: 'database-left',
  check: (picture) =>
    picture.databases
      .filter(({ state, snapshot }) => state === 'complete' && snapshot !== undefined)
      .flatMap((database) => {
        const alias = picture.aliases.get(database.snapshot?.customer ?? '');
        if (alias && timeOf(database) <= alias.properties.snapshot) return [];
        const record = recordOf(picture, database);
        if (!record) {
          const what = `${database.name} is complete, newer than what is live, and its deployment has no record`;
          const action = 'Start a producer: it is taken up again where its snapshot is still on the disk.';
          return [observe('warning', database, what, action)];
        }
        if (!GIVEN_UP.includes(record.state) || !isDue(picture, record.changedAt)) return [];
        const what = `${database.name} is complete, and ${record.id} is ${record.state} since ${at(record.changedAt)}`;
        return [observe('warning', database, what, `${UPKEEP} ${UNPROVEN}`)];
      }),
};

function observe(
  severity: Observation['severity'],
  { name, snapshot }: DatabaseInfo,
  what: string,
  action: string,
): Observation {
  return { severity, ...(snapshot && { customer: snapshot.customer }), subject: name, what, action };
}

function recordOf({ records }: Picture, { snapshot }: DatabaseInfo): DeploymentRecord | undefined {
  return snapshot && records.get(deploymentId(snapshot));
}

function timeOf({ snapshot }: DatabaseInfo): number {
  return snapshot?.timestamp ?? 0;
}
