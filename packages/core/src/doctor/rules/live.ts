/** Invariant 6: Redis and the store say the same of what is live, held and in whose hands. */

import type { DeploymentRecord } from '../../deployment/record.ts';
import { isEndState, type State } from '../../deployment/states.ts';
import { databaseName, deploymentId, parseDatabaseName } from '../../snapshot/names.ts';
import { at, type Observation, type Rule } from '../finding.ts';
import { type AliasSeen, heldBy, isDue, movedAt, type Picture, recordsByCustomer } from '../picture.ts';

const ALIGN =
  "Start a worker: its upkeep leads records to what the alias says within seconds. If it stays, see the worker's log.";

export const liveRecord: Rule = {
  name: 'live-record',
  invariant: 6,
  check: (picture) => {
    const records = recordsByCustomer(picture);
    const unread = new Set(picture.unreadAliases.map(({ name }) => name));
    const customers = new Set([...picture.aliases.keys(), ...records.keys()]);
    return [...customers].flatMap((customer) => {
      if (unread.has(customer)) return [];
      const live = (records.get(customer) ?? []).filter(({ state }) => state === 'live');
      const alias = picture.aliases.get(customer);
      return [
        ...strayLive(picture, alias, live),
        ...(alias ? targetRecord(picture, alias) : []),
        ...liveMark(picture, customer, live),
      ];
    });
  },
};

function strayLive(
  picture: Picture,
  alias: AliasSeen | undefined,
  live: readonly DeploymentRecord[],
): Observation[] {
  return live
    .filter((record) => alias?.database !== databaseName(record))
    .filter(({ changedAt }) => isDue(picture, Math.max(changedAt, alias ? movedAt(alias) : 0)))
    .map(({ id, customer }) => ({
      severity: 'broken',
      customer,
      what: `${id} is live, and alias ${customer} ${alias ? `leads to ${alias.database}` : 'is not there'}`,
      action: alias ? ALIGN : 'Look at the store: an alias never goes by itself. Retry the newest snapshot.',
    }));
}

/** The record of what the alias leads to: live, or about to be by somebody's hand. */
function targetRecord(picture: Picture, alias: AliasSeen): Observation[] {
  const { customer, database, properties } = alias;
  const id = deploymentId({ customer, timestamp: properties.snapshot });
  const record = picture.records.get(id);
  const leads = `alias ${customer} leads to ${database}`;
  if (!record) {
    if (!isDue(picture, movedAt(alias))) return [];
    return [{ severity: 'warning', customer, what: `${leads}, and ${id} has no record`, action: ALIGN }];
  }
  if (record.state === 'live' || record.state === 'switching') return [];
  if (!isDue(picture, Math.max(record.changedAt, movedAt(alias)))) return [];
  const severity = isEndState(record.state) ? 'broken' : 'warning';
  return [{ severity, customer, what: `${leads}, and ${id} is ${record.state}`, action: ALIGN }];
}

function liveMark(picture: Picture, customer: string, live: readonly DeploymentRecord[]): Observation[] {
  const [record] = live;
  const mark = picture.customers.get(customer)?.live;
  if (!record || live.some(({ timestamp }) => timestamp === mark) || !isDue(picture, record.changedAt))
    return [];
  const what = `${record.id} is live, and the older snapshots of ${customer} are measured by ${mark ?? 'nothing'}`;
  return [{ severity: 'warning', customer, what, action: 'Nothing: the next cutover sets it right.' }];
}

const ONCE_LIVE: readonly State[] = ['live', 'replaced', 'retired'];
/** A store keeps this many holds of a customer; what a record says of an older one cannot be held against it. */
const HOLDS_KEPT = 50;

export const holds: Rule = {
  name: 'holds',
  invariant: 6,
  check: (picture) =>
    [...recordsByCustomer(picture)].flatMap(([customer, records]) => {
      const alias = picture.aliases.get(customer);
      if (!alias) return [];
      const held = heldBy(alias);
      return records
        .filter(({ changedAt }) => isDue(picture, Math.max(changedAt, movedAt(alias))))
        .flatMap((record): Observation[] => {
          if (held.has(record.timestamp) && ONCE_LIVE.includes(record.state)) {
            const what = `a rollback left ${record.id} and holds it, and its record is ${record.state}`;
            return [{ severity: 'broken', customer, subject: record.id, what, action: ALIGN }];
          }
          if (record.state !== 'rolled-back' || held.has(record.timestamp) || held.size >= HOLDS_KEPT)
            return [];
          const what = `${record.id} is rolled-back since ${at(record.changedAt)}, and nothing holds its content`;
          const action = `Retry it if it shall go live, else pin ${customer} until a newer snapshot is there.`;
          return [{ severity: 'warning', customer, what, action }];
        });
    }),
};

export const epochBehind: Rule = {
  name: 'epoch-behind',
  invariant: 6,
  check: (picture) => {
    const inStore = new Map<string, number>();
    const saw = (customer: string, epoch: number) =>
      inStore.set(customer, Math.max(inStore.get(customer) ?? 0, epoch));
    for (const { customer, properties } of picture.aliases.values()) saw(customer, properties.epoch);
    for (const { name, mark } of picture.databases) {
      const customer = mark?.customer ?? parseDatabaseName(name)?.customer;
      if (customer !== undefined && mark) saw(customer, mark.epoch);
    }
    return [...inStore].flatMap(([customer, stored]) => {
      const known = picture.customers.get(customer)?.epoch ?? 0;
      // None at all: Redis was emptied, and nobody has claimed anything since. The next claim asks the store.
      if (known === 0 || known >= stored) return [];
      const what = `Redis has come to epoch ${known} of ${customer}, the store to ${stored}`;
      return [
        {
          severity: 'warning',
          customer,
          what,
          action: 'Nothing: the next claim takes a higher one than both.',
        },
      ];
    });
  },
};
