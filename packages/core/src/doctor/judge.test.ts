/** Each rule on a picture that breaks it and nothing else, beside a healthy one. No Redis, store or disk. */

import { readFileSync } from 'node:fs';
import { pictures } from '@graphshift/testkit';
import { describe, expect, it } from 'vitest';
import type { State } from '../deployment/states.ts';
import { judge, RULES } from './judge.ts';
import type { AliasSeen, Picture } from './picture.ts';

const {
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
} = pictures;
const targets = (target: AliasSeen) => ({ aliases: new Map([['acme', target]]) });
const hold = { timestamp: 400, contentHash: 'def', since: new Date(LONG_AGO).toISOString(), reason: 'bad' };

it('finds nothing in a healthy picture', () => {
  expect(judge(picture())).toEqual([]);
});

it('finds nothing where the store counts a node under each of its labels, as the certificate does', () => {
  const counts = { labels: { Person: 7, Employee: 3 }, types: { KNOWS: 3 } };
  const target = alias(300);
  const certificate = target.certificate && { ...target.certificate, labels: counts.labels };
  expect(judge(picture(targets({ ...target, certificate, counts })))).toEqual([]);
  const fewer = { ...counts, labels: { Person: 7, Employee: 2 } };
  expect(judge(picture(targets({ ...target, certificate, counts: fewer })))[0]?.what).toContain(
    'has 2 of Employee, its certificate says 3',
  );
});

/** Rule, what the line says, and the picture. */
const BROKEN: [rule: string, line: RegExp, Picture][] = [
  [
    'alias-readable',
    /alias beta cannot be read: torn/,
    picture({ unreadAliases: [{ name: 'beta', problem: 'torn' }] }),
  ],
  ['alias-target', /acme-300, which is not there/, picture({ databases: [database(200)] })],
  [
    'alias-target',
    /acme-300, which is not complete: it is unknown/,
    picture({ databases: [database(200), database(300, 'unknown')] }),
  ],
  [
    'alias-target',
    /acme-300, which is none of its customer's/,
    picture({
      databases: [database(200), { ...database(300), snapshot: { customer: 'beta', timestamp: 300 } }],
    }),
  ],
  ['alias-target', /has no certificate/, picture(targets({ ...alias(300), certificate: undefined }))],
  [
    'alias-target',
    /has 6 of Person, its certificate says 7/,
    picture(targets({ ...alias(300), counts: { labels: { Person: 6 }, types: { KNOWS: 3 } } })),
  ],
  [
    'alias-target',
    /has 1 of Ghost, its certificate says 0/,
    picture(targets({ ...alias(300), counts: { labels: { Person: 7, Ghost: 1 }, types: { KNOWS: 3 } } })),
  ],
  [
    'alias-target',
    /cannot be counted: torn/,
    picture(targets({ ...alias(300), counts: { problem: 'torn' } })),
  ],
  ['alias-properties', /its content hash is "xyz"/, picture(targets(alias(300, { contentHash: 'xyz' })))],
  ['alias-properties', /its epoch is 0/, picture(targets(alias(300, { epoch: 0 })))],
  [
    'alias-properties',
    /it holds snapshot 300, which is live/,
    picture(targets(alias(300, { holds: [{ ...hold, timestamp: 300 }] }))),
  ],
  [
    'alias-age',
    /leads to snapshot 200, though 300 was live and no rollback left it/,
    picture({ ...targets(alias(200)), databases: [database(200), database(300)] }),
  ],
  [
    'epochs-grow',
    /claimed under epoch 4 at .*, after epoch 4/,
    picture({
      audit: ['acme@200', 'acme@300'].map((id) =>
        step(id, 'queued', 'queued', { detail: 'claimed under epoch 4' }),
      ),
    }),
  ],
  [
    'snapshot-record',
    /^\/data\/acme\/500 has no record, and has not changed since 2025/,
    picture({
      unrecorded: [{ customer: 'acme', timestamp: 500, path: '/data/acme/500', changedAt: LONG_AGO }],
    }),
  ],
  [
    'snapshot-record',
    /below \/nowhere are not judged/,
    picture({ unreadRoots: [{ name: '/nowhere', problem: 'no such directory' }] }),
  ],
  ['record-readable', /record of "acme@9"/, picture({ unreadRecords: ['acme@9'] })],
  [
    'record-index',
    /acme@200 is replaced, and listed as replaced and live/,
    picture({ index: new Map([...picture().index, ['acme@200', ['replaced', 'live'] as State[]]]) }),
  ],
  [
    'record-index',
    /acme@9 is listed, and has no record/,
    picture({ index: new Map([...picture().index, ['acme@9', ['live'] as State[]]]) }),
  ],
  [
    'record-index',
    /acme@100 is in no list/,
    picture({ customers: customer({ history: ['acme@200', 'acme@300', 'acme@400'] }) }),
  ],
  [
    'record-index',
    /acme@400 is waiting, and in its/,
    picture({ customers: customer({ backlog: ['acme@400'] }) }),
  ],
  [
    'head',
    /acme@400 is waiting, and the head of acme is nobody/,
    picture({ customers: customer({ head: undefined }) }),
  ],
  ['head-job', /acme@400 \(run 1\) is waiting since .* no job will wake it up/, picture({ jobs: jobs() })],
  [
    'audit-chain',
    /it left loading for live .* though it was live/,
    picture({ audit: [...picture().audit, step('acme@300', 'loading', 'live')] }),
  ],
  [
    'audit-chain',
    /it left discovered for live .* no such way/,
    picture({ audit: way('acme@300', 'discovered', 'live') }),
  ],
  [
    'audit-state',
    /acme@300 is live, and its last step led to switching/,
    picture({ audit: way('acme@300', ...WAY_TO_LIVE.slice(0, -1)) }),
  ],
  [
    'loaded-once',
    /acme@400 was loaded again .* in run 1/,
    picture({
      audit: [
        ...picture().audit,
        ...way('acme@400', ...WAY_TO_LIVE.slice(0, -1), 'retrying', 'gated', 'loading', 'waiting'),
      ],
    }),
  ],
  [
    'half-loaded',
    /acme-50 is marked, and its deployment has no record/,
    picture({ databases: [...picture().databases, database(50, 'marked')] }),
  ],
  [
    'half-loaded',
    /acme-100\.r1\.e1\.building is building, and acme@100 is retired/,
    picture({ databases: [...picture().databases, database(100, 'building')] }),
  ],
  [
    'load-mark',
    /has the load mark of acme@7/,
    picture({
      databases: [
        ...picture().databases,
        { ...database(400, 'marked'), mark: { customer: 'acme', timestamp: 7, run: 1, epoch: 1 } },
      ],
    }),
  ],
  [
    'database-judged',
    /photographs cannot be judged/,
    picture({ databases: [...picture().databases, { name: 'photographs', state: 'unknown' }] }),
  ],
  [
    'retention-kept',
    /acme@200 is replaced, and its database acme-200 is not there/,
    picture({ databases: [database(300)] }),
  ],
  [
    'live-record',
    /acme@200 is live, and alias acme leads to acme-300/,
    picture({ audit: [] }, withRecords(record(200, 'live'))),
  ],
  [
    'live-record',
    /alias acme leads to acme-300, and acme@300 has no record/,
    picture(
      { audit: [] },
      withRecords().filter(({ timestamp }) => timestamp !== 300),
    ),
  ],
  [
    'live-record',
    /acme@300 is live, and alias acme is not there/,
    picture({ aliases: new Map(), databases: [], audit: [] }),
  ],
  ['live-record', /are measured by 200/, picture({ customers: customer({ live: 200 }) })],
  [
    'holds',
    /a rollback left acme@200 and holds it, and its record is replaced/,
    picture({ ...targets(alias(300, { holds: [{ ...hold, timestamp: 200 }] })), databases: [database(300)] }),
  ],
  [
    'holds',
    /acme@400 is rolled-back since .* and nothing holds its content/,
    picture({ audit: [], jobs: jobs() }, withRecords(record(400, 'rolled-back'))),
  ],
  [
    'epoch-behind',
    /Redis has come to epoch 5 of acme, the store to 300/,
    picture({ customers: customer({ epoch: 5 }) }),
  ],
  [
    'retention-late',
    /acme-100 is kept by nothing since/,
    picture({ databases: [100, 200, 300].map((time) => database(time)) }, RECORDS.slice(1)),
  ],
  [
    'database-left',
    /acme-400 is complete, newer than what is live, and its deployment has no record/,
    picture({ databases: [...picture().databases, database(400)], jobs: jobs() }, RECORDS.slice(0, 3)),
  ],
  [
    'database-left',
    /acme-400 is complete, and acme@400 is cancelled/,
    picture(
      { databases: [...picture().databases, database(400)], jobs: jobs() },
      withRecords(record(400, 'cancelled')),
    ),
  ],
  [
    'job-record',
    /job acme@9~1 is there, and its deployment has no/,
    picture({ jobs: jobs(['acme@400~1', 'acme@9~1']) }),
  ],
  [
    'job-record',
    /job acme@100~1 still waits, and run 1 of acme@100 is retired/,
    picture({ jobs: jobs(['acme@400~1', 'acme@100~1']) }),
  ],
  ['dead-letter', /acme@100 is dead since/, picture({ audit: [] }, withRecords(record(100, 'dead')))],
  [
    'dead-letter',
    /letter acme@100~1 stands .* and run 1 of it is retired/,
    picture({ letters: jobs([], [], ['acme@100~1']) }),
  ],
  [
    'reservation',
    /room is held for acme-200, and acme@200 is replaced/,
    picture({ reservations: [{ database: 'acme-200' }] }),
  ],
  [
    'reservation',
    /the room for acme-200 was given back at .* and is still counted/,
    picture({ reservations: [{ database: 'acme-200', releasedAt: LONG_AGO - 61_000 }] }),
  ],
];

describe('each rule', () => {
  it.each(BROKEN)('%s: %s', (rule, line, broken) => {
    const found = judge(broken).filter((finding) => finding.rule === rule);
    expect(found.map(({ what }) => what)).toEqual([expect.stringMatching(line)]);
    expect(found[0]?.action).toMatch(/\.$/);
  });

  it('has a picture that breaks it', () => {
    expect([...new Set(BROKEN.map(([rule]) => rule))].sort()).toEqual(RULES.map(({ name }) => name).sort());
  });

  it('is in the table of docs/doctor.md, with its invariant', () => {
    const page = readFileSync(new URL('../../../../docs/doctor.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| +(\d|-) +\|/gm)].map(([, name, number]) => [
      name,
      number,
    ]);
    expect(rows).toEqual(RULES.map(({ name, invariant }) => [name, String(invariant ?? '-')]));
  });
});

describe('what explains itself', () => {
  const back = alias(200, { holds: [{ ...hold, timestamp: 300 }] });
  const leftAndBack = [step('acme@300', 'live', 'rolled-back'), step('acme@200', 'replaced', 'live')];
  const rolledBack = [record(200, 'live'), record(300, 'rolled-back'), record(400, 'waiting')];
  const live = { customers: customer({ live: 200 }) };

  it.each<[string, Picture]>([
    [
      'a rollback',
      picture(
        {
          ...targets(back),
          ...live,
          databases: [database(200)],
          audit: [...picture().audit, ...leftAndBack],
        },
        withRecords(...rolledBack),
      ),
    ],
    [
      'a rollback of this moment, which the records follow',
      picture(
        targets(
          alias(200, {
            holds: [{ ...hold, timestamp: 300 }],
            since: new Date(START - 1000).toISOString(),
          }),
        ),
      ),
    ],
    [
      'an emptied Redis, whose customers have no epoch yet',
      picture({ customers: customer({ epoch: 0 }), audit: [] }),
    ],
    [
      'a build that a living record resumes',
      picture({ databases: [...picture().databases, database(400, 'building')] }),
    ],
    [
      'a load that was cancelled this moment',
      picture(
        { databases: [...picture().databases, database(400, 'building')], jobs: jobs(), audit: [] },
        withRecords(record(400, 'cancelled', { changedAt: START - 1000 })),
      ),
    ],
    [
      'a job that a worker ends, and one of a deployment that gave its place up',
      picture({ jobs: jobs(['acme@400~1', 'acme@100~1'], ['acme@100~1']) }),
    ],
    [
      'room given back after the last load, until the next one',
      picture({ reservations: [{ database: 'acme-300', releasedAt: START - 3_000_000 }] }),
    ],
    [
      'a cutover whose record is switching still',
      picture({ audit: [], customers: customer({ head: 'acme@300' }), jobs: jobs(['acme@300~1']) }, [
        ...RECORDS.slice(0, 2),
        record(300, 'switching'),
        record(400, 'dead', { changedAt: START }),
      ]),
    ],
    [
      'a snapshot that has just come',
      picture({
        unrecorded: [{ customer: 'acme', timestamp: 500, path: '/data/acme/500', changedAt: START - 80_000 }],
      }),
    ],
  ])('%s', (_, explained) => {
    expect(judge(explained)).toEqual([]);
  });
});
