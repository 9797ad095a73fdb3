/** Pictures of a small system for the doctor's rules: a customer with three snapshots live in turn, and one that waits. */

import type {
  AliasProperties,
  AliasSeen,
  AuditEntry,
  DatabaseInfo,
  DeploymentRecord,
  JobsFound,
  Picture,
  State,
} from '@graphshift/core';

const START = Date.UTC(2026, 0, 1);
const LONG_AGO = START - 3_600_000;

const record = (timestamp: number, state: State, fields: Partial<DeploymentRecord> = {}) =>
  ({
    id: `acme@${timestamp}`,
    customer: 'acme',
    timestamp,
    path: `/data/acme/${timestamp}`,
    state,
    run: 1,
    epoch: timestamp,
    holder: '',
    attempts: 0,
    crashes: 0,
    discoveredAt: LONG_AGO,
    changedAt: LONG_AGO,
    ...fields,
  }) satisfies DeploymentRecord;

const database = (timestamp: number, state: DatabaseInfo['state'] = 'complete'): DatabaseInfo => ({
  name: state === 'building' ? `acme-${timestamp}.r1.e1.building` : `acme-${timestamp}`,
  snapshot: { customer: 'acme', timestamp },
  state,
  ...((state === 'building' || state === 'marked') && {
    mark: { customer: 'acme', timestamp, run: 1, epoch: 1 },
  }),
});

const count = (name: string, rows: number) => {
  return { name, footers: rows, read: rows, sent: rows, acknowledged: rows, counted: rows };
};

function alias(timestamp: number, properties: Partial<AliasProperties> = {}): AliasSeen {
  const name = `acme-${timestamp}`;
  return {
    customer: 'acme',
    database: name,
    properties: {
      epoch: timestamp,
      snapshot: timestamp,
      contentHash: 'abc',
      since: new Date(LONG_AGO).toISOString(),
      ...properties,
    },
    certificate: {
      customer: 'acme',
      timestamp,
      run: 1,
      epoch: timestamp,
      database: name,
      contentHash: 'abc',
      nodes: [count('Person', 7)],
      relationships: [count('KNOWS', 3)],
      bytes: 1,
      peakMemory: 1,
    },
    counts: { labels: { Person: 7 }, types: { KNOWS: 3 } },
  };
}

const jobs = (unfinished: string[] = [], active: string[] = [], failed: string[] = []): JobsFound => ({
  unfinished: new Set(unfinished),
  active: new Set(active),
  failed: new Set(failed),
});

function step(deployment: string, from: string, to: string, more: Partial<AuditEntry> = {}): AuditEntry {
  const entry = { id: '0-1', at: LONG_AGO, deployment, from, to, run: 1, holder: 'w', detail: '', ...more };
  return entry;
}

const way = (id: string, ...states: State[]): AuditEntry[] =>
  states.map((to, place) => step(id, states[place - 1] ?? '', to));

const WAY_TO_LIVE: State[] = ['discovered', 'queued', 'gated', 'loading', 'verifying', 'switching', 'live'];

/** Three deployments, of which 300 is live and 200 kept, and one that waits at the gate. */
const RECORDS = [
  record(100, 'retired'),
  record(200, 'replaced'),
  record(300, 'live'),
  record(400, 'waiting'),
];

function picture(changes: Partial<Picture> = {}, records: DeploymentRecord[] = RECORDS): Picture {
  const ids = records.map(({ id }) => id);
  return {
    takenAt: START,
    limits: { keep: 2, drainMs: 1000, graceMs: 60_000, recordMs: 90_000, lingerMs: 60_000 },
    unrecorded: [],
    unreadRoots: [],
    databases: [database(200), database(300)],
    aliases: new Map([['acme', alias(300)]]),
    unreadAliases: [],
    records: new Map(records.map((one) => [one.id, one])),
    unreadRecords: [],
    index: new Map(records.map(({ id, state }) => [id, [state]])),
    customers: new Map([
      ['acme', { customer: 'acme', head: 'acme@400', live: 300, epoch: 400, backlog: [], history: ids }],
    ]),
    jobs: jobs(['acme@400~1']),
    letters: jobs(),
    reservations: [],
    audit: [100, 200, 300].flatMap((time) => [
      ...way(`acme@${time}`, ...WAY_TO_LIVE),
      ...(time === 300 ? [] : [step(`acme@${time}`, 'live', 'replaced')]),
      ...(time === 100 ? [step('acme@100', 'replaced', 'retired')] : []),
    ]),
    ...changes,
  };
}

const customer = (changes: object) => {
  const [healthy] = picture().customers.values();
  return new Map([
    ['acme', { customer: 'acme', epoch: 0, backlog: [], history: [], ...healthy, ...changes }],
  ]);
};
const withRecords = (...changed: DeploymentRecord[]) => {
  const ids = new Set(changed.map(({ id }) => id));
  return [...RECORDS.filter(({ id }) => !ids.has(id)), ...changed];
};

export const pictures = {
  alias,
  customer,
  database,
  jobs,
  LONG_AGO,
  picture,
  RECORDS,
  record,
  START,
  step,
  WAY_TO_LIVE,
  way,
  withRecords,
};
