import { startRedis, type TestRedis, uniquePrefix } from '@graphshift/testkit';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { State } from '../deployment/states.ts';
import { systemClock } from '../platform/clock.ts';
import { GraphshiftError } from '../platform/errors.ts';
import { connectRedis } from './connection.ts';
import { DeploymentStore } from './deployment-store.ts';
import { makeKeys } from './keys.ts';

let server: TestRedis;
let redis: Redis;
let store: DeploymentStore;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

beforeEach(async () => {
  redis = await connectRedis({ url: server.url });
  store = new DeploymentStore(redis, makeKeys(uniquePrefix().replace(/[{}]/g, '')), systemClock);
});
afterEach(() => redis.disconnect());

const snapshot = (timestamp: number, customer = 'acme') => ({
  customer,
  timestamp,
  path: `/data/${customer}/${timestamp}`,
});

async function stateOf(id: string): Promise<State | undefined> {
  return (await store.get(id))?.state;
}

/** Claims and walks a deployment to a state along the ordinary way. */
async function walk(id: string, ...states: State[]): Promise<{ run: number; epoch: number }> {
  const before = await store.get(id);
  const claim = await store.claim(id, before?.run ?? 1, 'worker-1', 0);
  if (claim.kind !== 'claimed') throw new Error(`not claimed: ${claim.kind}`);
  let from = claim.record.state;
  for (const to of states) {
    const result = await store.transition({
      id,
      from: [from],
      to,
      run: claim.record.run,
      epoch: claim.record.epoch,
    });
    if (result.kind !== 'ok') throw new Error(`${from} to ${to}: ${result.kind} ${result.found}`);
    from = to;
  }
  return claim.record;
}

const TO_LIVE: State[] = ['gated', 'loading', 'verifying', 'switching', 'live'];

describe('discovery', () => {
  it('knows the customers for whom something waits behind a head, and no others', async () => {
    for (const [customer, timestamps] of [
      ['acme', [100]],
      ['beta', [100, 200]],
    ] as const)
      for (const timestamp of timestamps) await store.discover(snapshot(timestamp, customer));
    expect(await store.customers()).toEqual(['acme', 'beta']);
    expect(await store.customersWaiting()).toEqual(['beta']);
  });

  it('makes one record however many producers find a snapshot at once', async () => {
    const found = await Promise.all(Array.from({ length: 20 }, () => store.discover(snapshot(100))));
    expect(found.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(found.map(({ head }) => head))).toEqual(new Set(['acme@100']));
    expect(await stateOf('acme@100')).toBe('queued');
  });

  it('puts the newest snapshot first and lets the displaced one wait on', async () => {
    await store.discover(snapshot(100));
    expect((await store.discover(snapshot(200))).head).toBe('acme@200');
    expect(await stateOf('acme@100')).toBe('discovered');
    await walk('acme@200', 'dead');
    expect(await stateOf('acme@100')).toBe('queued');
  });

  it('does not take the head from a deployment that a worker is busy with', async () => {
    await store.discover(snapshot(100));
    await walk('acme@100', 'gated', 'loading');
    expect((await store.discover(snapshot(200))).head).toBe('acme@100');
    expect(await stateOf('acme@200')).toBe('discovered');
  });

  it('supersedes what waited when a newer snapshot goes live, and skips what comes later but is older', async () => {
    for (const timestamp of [300, 100, 200]) await store.discover(snapshot(timestamp));
    await walk('acme@300', ...TO_LIVE);
    expect([await stateOf('acme@100'), await stateOf('acme@200')]).toEqual(['superseded', 'superseded']);
    await store.discover(snapshot(250));
    expect(await store.get('acme@250')).toMatchObject({
      state: 'skipped',
      reason: 'older than snapshot 300, which is live',
    });
  });

  it('records a snapshot that cannot be loaded as dead, and gives the head to another', async () => {
    const error = new GraphshiftError('FILE_TRUNCATED', 'nodes/A/1.parquet is cut off').toRecord();
    await store.discover(snapshot(100));
    const { head } = await store.discover({ ...snapshot(200), error });
    expect(head).toBe('acme@100');
    expect(await store.get('acme@200')).toMatchObject({ state: 'dead', error: { code: 'FILE_TRUNCATED' } });
  });
});

describe('claims', () => {
  it('gives each claim a higher epoch, above what the store has seen', async () => {
    await store.discover(snapshot(100));
    const first = await store.claim('acme@100', 1, 'a', 0);
    const second = await store.claim('acme@100', 1, 'b', 41);
    expect([first, second].map((claim) => claim.kind === 'claimed' && claim.record.epoch)).toEqual([1, 42]);
  });

  it('refuses the transitions of a holder that was overtaken', async () => {
    await store.discover(snapshot(100));
    const { run, epoch } = await walk('acme@100', 'gated', 'loading');
    await store.claim('acme@100', 1, 'worker-2', 0);
    const late = await store.transition({ id: 'acme@100', from: ['loading'], to: 'verifying', run, epoch });
    expect(late).toMatchObject({ kind: 'fenced' });
    expect(await store.note({ id: 'acme@100', run, epoch }, { rows: 7 })).toBe(false);
    expect(await store.get('acme@100')).toMatchObject({ state: 'loading', holder: 'worker-2', crashes: 1 });
  });

  it('counts a crash only where a holder was lost at work', async () => {
    await store.discover(snapshot(100));
    await walk('acme@100', 'gated', 'loading', 'retrying');
    await store.claim('acme@100', 1, 'worker-2', 0);
    expect((await store.get('acme@100'))?.crashes).toBe(0);
  });

  it.each([
    ['another run', 'acme@100', 2, 'other-run'],
    ['no record', 'acme@999', 1, 'missing'],
  ])('is refused for %s', async (_, id, run, kind) => {
    await store.discover(snapshot(100));
    expect(await store.claim(id, run, 'a', 0)).toMatchObject({ kind });
  });

  it('is refused for what waits in the backlog and for what has ended', async () => {
    await store.discover(snapshot(100));
    await store.discover(snapshot(200));
    expect(await store.claim('acme@100', 1, 'a', 0)).toMatchObject({ kind: 'not-head' });
    await walk('acme@200', ...TO_LIVE);
    expect(await store.claim('acme@200', 1, 'a', 0)).toMatchObject({ kind: 'ended', found: 'live' });
  });
});

describe('room in the store', () => {
  const room = (database: string, existing: string[], max: number, listedAt: number) => ({
    database,
    existing,
    max,
    listedAt,
  });

  it('is reserved by one of two deployments that read the same listing', async () => {
    const results = await Promise.all(
      ['one', 'two'].map(async (name) => {
        await store.discover(snapshot(100, `acme-${name}`));
        const claim = await store.claim(`acme-${name}@100`, 1, name, 0);
        if (claim.kind !== 'claimed') throw new Error(claim.kind);
        const { id, run, epoch } = claim.record;
        const wanted = room(`acme-${name}-100`, ['old-1'], 2, await store.serverTime());
        return (await store.transition({ id, from: ['queued'], to: 'gated', run, epoch, room: wanted })).kind;
      }),
    );
    expect(results.sort()).toEqual(['full', 'ok']);
  });

  it('counts a database that a listing from before its end cannot have seen', async () => {
    await store.discover(snapshot(100));
    await store.discover(snapshot(100, 'beta'));
    const listedBefore = await store.serverTime();
    const first = await store.claim('acme@100', 1, 'a', 0);
    if (first.kind !== 'claimed') throw new Error(first.kind);
    const held = { id: 'acme@100', run: 1, epoch: first.record.epoch };
    await store.transition({
      ...held,
      from: ['queued'],
      to: 'gated',
      room: room('acme-100', [], 1, listedBefore),
    });
    for (const [from, to] of [
      ['gated', 'loading'],
      ['loading', 'verifying'],
      ['verifying', 'switching'],
      ['switching', 'live'],
    ] as const) {
      await store.transition({ ...held, from: [from], to, fields: { database: 'acme-100' } });
    }
    const second = await store.claim('beta@100', 1, 'b', 0);
    if (second.kind !== 'claimed') throw new Error(second.kind);
    const wanted = room('beta-100', [], 1, listedBefore);
    const late = {
      id: 'beta@100',
      run: 1,
      epoch: second.record.epoch,
      from: ['queued' as const],
      to: 'gated' as const,
    };
    expect((await store.transition({ ...late, room: wanted })).kind).toBe('full');
    const listedAfter = { ...wanted, listedAt: (await store.serverTime()) + 1 };
    expect((await store.transition({ ...late, room: listedAfter })).kind).toBe('ok');
  });
});

describe('transitions', () => {
  it('throws for an edge that the table does not have', async () => {
    await store.discover(snapshot(100));
    const change = { id: 'acme@100', from: ['queued'] as const, to: 'retired' as const };
    await expect(store.transition(change)).rejects.toThrow('no transition leads from queued to retired');
  });

  it('start a dead deployment over with a new run and a clean count', async () => {
    await store.discover(snapshot(100));
    await walk('acme@100', 'gated', 'loading');
    await store.claim('acme@100', 1, 'worker-2', 0);
    const held = await store.get('acme@100');
    await store.transition({
      id: 'acme@100',
      from: ['loading'],
      to: 'dead',
      run: 1,
      epoch: held?.epoch ?? 0,
      fields: { attempts: 4, error: new GraphshiftError('LOAD_FAILED', 'no').toRecord() },
    });
    expect(await store.transition({ id: 'acme@100', from: ['dead'], to: 'discovered' })).toMatchObject({
      run: 2,
    });
    const record = await store.get('acme@100');
    expect(record).toMatchObject({ state: 'queued', run: 2, attempts: 0, crashes: 0 });
    expect(record?.error).toBeUndefined();
  });

  it('are written to the audit stream, oldest first', async () => {
    await store.discover(snapshot(100));
    await walk('acme@100', 'gated');
    const edges = (await store.audit({ deployment: 'acme@100' })).map(({ from, to }) => `${from}>${to}`);
    expect(edges).toEqual(['>discovered', 'discovered>queued', 'queued>queued', 'queued>gated']);
  });

  it('tell of a closed gate once, until the reason is another or the deployment goes on', async () => {
    await store.discover(snapshot(100));
    const id = 'acme@100';
    const look = async (to: 'waiting' | 'gated', reason: string) => {
      const claim = await store.claim(id, 1, 'worker-1', 0);
      if (claim.kind !== 'claimed') throw new Error(claim.kind);
      const { state, epoch } = claim.record;
      return store.transition({ id, from: [state], to, run: 1, epoch, fields: { reason } });
    };
    await look('waiting', 'heap is at 90.1 %');
    const since = (await store.get(id))?.changedAt;
    for (const percent of ['91.2', '89', '93.7']) await look('waiting', `heap is at ${percent} %`);
    expect(await store.get(id)).toMatchObject({ changedAt: since, reason: 'heap is at 93.7 %', holder: '' });
    await look('waiting', 'the store is read-only');
    await look('waiting', 'the store is read-only');
    expect((await look('gated', '')).kind).toBe('ok');
    const told = (await store.audit({ deployment: id })).map(
      ({ from, to, detail }) => `${from}>${to} ${detail}`,
    );
    expect(told.slice(2)).toEqual([
      'queued>queued claimed under epoch 1',
      'queued>waiting ',
      'waiting>waiting claimed under epoch 5',
      'waiting>waiting ',
      'waiting>waiting claimed under epoch 7',
      'waiting>gated ',
    ]);
  });

  it('keep the counts by state in step', async () => {
    await store.discover(snapshot(100));
    await store.discover(snapshot(200));
    await walk('acme@200', 'gated', 'loading');
    const counts = await store.counts();
    expect(Object.entries(counts).filter(([, count]) => count > 0)).toEqual([
      ['discovered', 1],
      ['loading', 1],
    ]);
  });
});
