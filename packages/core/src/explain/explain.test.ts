/** Every cause on a picture that has it and nothing else. No Redis, store or disk. */

import { readFileSync } from 'node:fs';
import { explanations } from '@graphshift/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeploymentRecord } from '../deployment/record.ts';
import { STATES, type State } from '../deployment/states.ts';
import { Breaker } from '../platform/breaker.ts';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import { decide } from './decide.ts';
import { explainFailure } from './explain.ts';
import { CAUSES, type Cause, FINE } from './explanation.ts';
import type { ExplainPicture } from './picture.ts';

const { alias, NOW, picture, SINCE, standing } = explanations;

const is = (state: State, more: Partial<DeploymentRecord> = {}, changes: Partial<ExplainPicture> = {}) =>
  picture({ standing: standing(state, 300, more), ...changes });

const hold = (timestamp: number, contentHash = 'xyz') => ({
  timestamp,
  contentHash,
  since: SINCE,
  reason: 'bad airports',
});
const error = {
  code: 'FILE_TRUNCATED',
  class: 'permanent',
  message: 'nodes/P/1.parquet is cut off',
  step: 'loading',
} as const;
const refused = (code: 'SNAPSHOT_TIMESTAMP' | 'SNAPSHOT_LINK' | 'CUSTOMER_NAME', message: string) =>
  ({ code, class: 'permanent', message }) as const;
const nothing = (): ExplainPicture => {
  const { newest: _, alias: __, ...rest } = picture({ hasDirectory: false, targetComplete: false });
  return rest;
};

const CASES: [Cause, ExplainPicture, why: RegExp, action: RegExp][] = [
  [
    'live',
    picture({ alias: alias(300), standing: standing('live') }),
    /newest snapshot is live since/,
    /^Nothing/,
  ],
  // Whatever a record that was lost or is behind says.
  ['live', picture({ alias: alias(300) }), /is live/, /^Nothing/],
  [
    'unchanged',
    is('skipped', { reason: 'unchanged: it has the content of snapshot 200, which is live' }),
    /snapshot 200/,
    /^Nothing/,
  ],
  ['customer-unknown', { ...nothing(), customer: 'acne' }, /no customer acne/, /mean acme\?/],
  ['customer-unknown', { ...nothing(), customer: 'bet' }, /no customer bet/, /mean beta\?/],
  ['customer-unknown', { ...nothing(), customer: 'something-else' }, /no customer/, /Check the name/],
  [
    'customer-refused',
    { ...nothing(), refused: refused('CUSTOMER_NAME', 'a_b has a character …') },
    /a_b/,
    /Rename/,
  ],
  ['root-unreadable', { ...nothing(), unreadRoots: ['/data cannot be read: EACCES'] }, /EACCES/, /mount/],
  ['no-snapshot', { ...nothing(), hasDirectory: true }, /acme has no snapshot/, /unix seconds/],
  [
    'timestamp-ahead',
    picture({
      newest: {
        timestamp: 9e9,
        path: '/data/acme/9000000000',
        refused: refused('SNAPSHOT_TIMESTAMP', 'it lies more than a day ahead of the clock'),
      },
    }),
    /day ahead/,
    /unix time/,
  ],
  [
    'snapshot-refused',
    picture({
      newest: {
        timestamp: 300,
        path: '/data/acme/300',
        refused: refused('SNAPSHOT_LINK', 'it is a link that leads out'),
      },
    }),
    /link/,
    /Copy/,
  ],
  [
    'marker-missing',
    picture({ producers: 0, unready: { awaits: '_SUCCESS', changedAt: 5 } }),
    /acme\/300 has no _SUCCESS/,
    /_SUCCESS/,
  ],
  [
    'no-producer',
    picture({ producers: 0, unready: { changedAt: NOW } }),
    /no producer is alive/,
    /graphshift producer/,
  ],
  ['not-settled', picture({ unready: { changedAt: NOW - 5000 } }), /has changed at/, /Wait/],
  [
    'not-settled',
    picture({
      unready: { changedAt: NOW - 60_000, problem: { code: 'FILE_TRUNCATED', message: 'cut off' } },
    }),
    /unfinished: cut off/,
    /Wait/,
  ],
  [
    'not-recorded',
    picture({ unready: { changedAt: NOW - 100_000 } }),
    /no producer has recorded it/,
    /producer's log/,
  ],
  [
    'record-unreadable',
    picture({ unreadable: 'the record cannot be read by this version' }),
    /this version/,
    /version/,
  ],
  [
    'alias-broken',
    picture({ alias: alias(300), targetComplete: false, standing: standing('live') }),
    /not there, complete/,
    /doctor --repair/,
  ],
  ['alias-broken', picture({ unreadAlias: 'torn' }), /torn/, /store/],
  ['records-behind', is('live'), /says live, and alias acme leads to acme-200/, /doctor --repair/],
  ['records-behind', is('replaced'), /says replaced/, /doctor --repair/],
  ['no-head', is('discovered'), /no deployment of its customer goes first/, /doctor/],
  ['no-worker', is('discovered', {}, { workers: 0 }), /no worker/, /graphshift worker/],
  [
    'behind-older',
    is(
      'discovered',
      {},
      {
        head: standing('retrying', 250, { attempts: 1, error: { ...error, code: 'LOAD_FAILED' } }),
        limits: { order: 'in-order', settleMs: 1, scanMs: 1 },
      },
    ),
    /in their order, and acme@250 comes before it: attempt 1 failed/,
    /tried again/,
  ],
  [
    'behind-older',
    is('discovered', {}, { head: standing('loading', 250, { holder: 'w1' }, { holderLives: true }) }),
    /finished first, and acme@250 comes before it: acme@250 is loading/,
    /Wait/,
  ],
  [
    'newer-first',
    {
      ...picture({
        standing: standing('discovered', 250),
        newest: { timestamp: 250 },
        head: standing('queued'),
      }),
    },
    /newer acme@300 goes first/,
    /Nothing/,
  ],
  ['queue-paused', is('queued', {}, { queuePaused: true, workers: 0 }), /paused/, /Resume/],
  [
    'no-worker',
    is('queued', {}, { workers: 0, gate: { reachable: true, closed: 'full' } }),
    /no worker/,
    /graphshift worker/,
  ],
  [
    'no-job',
    picture({ standing: standing('queued', 300, {}, { hasJob: false }) }),
    /no job/,
    /doctor --repair/,
  ],
  [
    'gate-closed',
    is('queued', {}, { gate: { reachable: true, closed: 'heap is at 91.0 %' } }),
    /heap is at 91/,
    /threshold/,
  ],
  [
    'gate-closed',
    is(
      'waiting',
      { reason: 'heap is at 88.0 %' },
      { gate: { reachable: true, closed: 'heap is at 91.0 %' } },
    ),
    /91/,
    /threshold/,
  ],
  [
    'store-unreachable',
    is('waiting', {}, { gate: { reachable: false, closed: 'the store does not answer: refused' } }),
    /does not answer/,
    /store.url/,
  ],
  ['queued', is('queued'), /4 jobs wait/, /another worker/],
  [
    'pinned',
    is('waiting', {}, { alias: alias(200, { pin: { since: SINCE, reason: 'audit' } }), workers: 0 }),
    /pinned to snapshot 200 since .*: audit/,
    /graphshift unpin acme/,
  ],
  [
    'no-capacity',
    is('waiting', { reason: 'it needs 2.0 GiB of disk, 1.0 GiB of them only while it is built, and …' }),
    /^it needs 2.0 GiB of disk/,
    /^Free disk under the store/,
  ],
  [
    'waiting',
    is('waiting', { reason: 'all 4 loads are taken', dueAt: NOW + 5000 }),
    /all 4 loads/,
    /again at 2023/,
  ],
  [
    'retrying',
    is('retrying', { attempts: 2, error: { ...error, code: 'LOADER_DIED' }, dueAt: NOW }),
    /attempt 2 failed: nodes.*again at 2023/,
    /memory/,
  ],
  ['worker-lost', is('loading', { holder: 'w1' }), /worker that had it \(w1\) is silent/, /Wait/],
  ['no-worker', is('loading', { holder: 'w1' }, { workers: 0 }), /no worker/, /graphshift worker/],
  [
    'in-progress',
    picture({
      standing: standing('loading', 300, { holder: 'w1', rows: 5, rowsTotal: 9 }, { holderLives: true }),
    }),
    /loading since .* by w1, 5 of 9 rows/,
    /Wait/,
  ],
  [
    'in-progress',
    picture({
      standing: standing(
        'loading',
        300,
        { holder: 'w1', rows: 5, rowsTotal: 9, chunks: 3, chunksTotal: 8, loaders: 'w1 w2' },
        { holderLives: true },
      ),
    }),
    /by w1, 5 of 9 rows .*, 3 of 8 chunks, loaded by w1 and w2$/,
    /Wait/,
  ],
  ['dead', is('dead', { error }), /for good at loading: nodes\/P/, /Write the file again/],
  [
    'dead',
    is('dead', { error: { ...error, code: 'LOAD_FAILED', class: 'retryable' } }),
    /for good/,
    /deployments retry acme@300/,
  ],
  [
    'quarantined',
    is('quarantined', { reason: '3 of 5 rules failed' }),
    /3 of 5/,
    /deployments retry acme@300/,
  ],
  ['cancelled', is('cancelled', { reason: 'cancelled by Ada' }), /by Ada/, /deployments retry acme@300/],
  ['superseded', is('superseded', { reason: 'overtaken by snapshot 400' }), /400/, /deployments retry/],
  [
    'newer-live',
    picture({ standing: standing('superseded', 250), newest: { timestamp: 250 }, alias: alias(300) }),
    /newer snapshot 300 is live/,
    /Nothing/,
  ],
  [
    'newer-live',
    picture({ standing: standing('retired', 250), newest: { timestamp: 250 }, alias: alias(300) }),
    /300 is live/,
    /Nothing/,
  ],
  [
    'rolled-back',
    is('rolled-back', {}, { alias: alias(200, { holds: [hold(300)] }) }),
    /a rollback left it at .*: bad airports/,
    /deployments retry acme@300/,
  ],
  [
    'held',
    is('skipped', { contentHash: 'xyz' }, { alias: alias(200, { holds: [hold(280)] }) }),
    /held since .*: bad airports/,
    /other content/,
  ],
  [
    'passed-over',
    is('replaced', {}, { alias: alias(200, { holds: [hold(400)] }) }),
    /from snapshot 400 to 200 went past it/,
    /Drop a newer snapshot\.$/,
  ],
  [
    'passed-over',
    is('superseded', {}, { alias: alias(200, { holds: [hold(400)] }) }),
    /went past it/,
    /deployments retry acme@300/,
  ],
  [
    'gone',
    picture({ standing: standing('skipped', 300, { reason: 'it is gone' }), newest: { timestamp: 300 } }),
    /directory is gone/,
    /drop it again/,
  ],
  ['skipped', is('skipped', { reason: 'somehow' }), /somehow/, /deployments retry/],
  ['retired', is('retired'), /was dropped since/, /new timestamp/],
];

describe('explain', () => {
  it.each(CASES)('%s %#', (cause, seen, why, action) => {
    const found = decide(seen);
    expect(found).toMatchObject({ cause, fine: FINE.includes(cause) });
    expect(found.why).toMatch(why);
    expect(found.action).toMatch(action);
  });

  it('knows the words of an open breaker', async () => {
    const breaker = new Breaker('graph administration', { threshold: 1 });
    const fail = () => breaker.run(() => Promise.reject(new Error('refused')));
    await fail().catch(() => {});
    const reason = await fail().catch((thrown: unknown) => messageOf(thrown));
    await breaker.stop();
    expect(decide(is('waiting', { reason: String(reason) }))).toMatchObject({ cause: 'breaker-open' });
  });

  it('names the service that cannot be reached before anything else', () => {
    const failed = (code: 'REDIS_UNREACHABLE' | 'STORE_UNREACHABLE' | 'CONFIG_INVALID') =>
      explainFailure('acme', new GraphshiftError(code, 'nothing answers at there'));
    expect(failed('REDIS_UNREACHABLE')).toMatchObject({
      cause: 'redis-unreachable',
      why: 'nothing answers at there',
    });
    expect(failed('STORE_UNREACHABLE')).toMatchObject({ cause: 'store-unreachable', fine: false });
    expect(failed('CONFIG_INVALID')).toBeUndefined();
  });

  it('has a test for every cause, and the documentation has a row for each', () => {
    const tested = new Set<Cause>([...CASES.map(([cause]) => cause), 'breaker-open', 'redis-unreachable']);
    expect([...tested].sort()).toEqual([...CAUSES].sort());
    const text = readFileSync(new URL('../../../../docs/explain.md', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, cause]) => cause);
    expect(rows).toEqual([...CAUSES]);
  });

  it('says one line of cause and one of action for every state, whatever else is so', () => {
    const flag = fc.boolean();
    const aliases = fc.constantFrom(
      undefined,
      alias(200),
      alias(300),
      alias(400),
      alias(200, { holds: [hold(300)] }),
      alias(200, { pin: { since: SINCE, reason: 'x' } }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...STATES),
        fc.option(fc.constantFrom(...STATES)),
        aliases,
        flag,
        flag,
        flag,
        fc.nat(1),
        (state, head, target, paused, open, complete, count) => {
          const { alias: _, ...rest } = is(state);
          const found = decide({
            ...rest,
            ...(target && { alias: target }),
            ...(head && { head: standing(head, 250) }),
            queuePaused: paused,
            targetComplete: complete,
            workers: count,
            gate: open ? { reachable: true } : { reachable: false, closed: 'shut' },
          });
          expect(CAUSES).toContain(found.cause);
          for (const line of [found.why, found.action]) expect(line).toMatch(/^\S.*[^\s]$/);
          // What is called fine is what readers see.
          if (found.cause === 'live') expect(target?.properties.snapshot).toBe(300);
        },
      ),
    );
  });
});
