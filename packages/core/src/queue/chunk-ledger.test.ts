/** The ledger of a shared load: each chunk is in one hand at a time, and nothing is done for a load that is over. */

import { startRedis, type TestRedis } from '@graphshift/testkit';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { GraphshiftError } from '../platform/errors.ts';
import { ChunkLedger, fatalError, type LedgerOf, type TakenChunk } from './chunk-ledger.ts';
import { connectRedis } from './connection.ts';
import { type Keys, makeKeys } from './keys.ts';

const LOAD: LedgerOf = { deployment: 'acme@1700000000', run: 1, epoch: 5 };
const TODO = [0, 1, 2, 3].map((number) => ({ number, work: `work ${number}` }));

let server: TestRedis;
let redis: Redis;
let keys: Keys;
let ledger: ChunkLedger;
let installations = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = await connectRedis({ url: server.url });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  keys = makeKeys(`ledger-${++installations}`);
  ledger = new ChunkLedger(redis, keys);
  await record({ run: '1', epoch: '5', state: 'loading' });
});

const record = (fields: Record<string, string>) => redis.hset(keys.deployment(LOAD.deployment), fields);
const open = () => ledger.open(LOAD, 'plan', 2, TODO);

async function taken(instance: string, chunk?: number): Promise<TakenChunk> {
  const answer = await ledger.take(LOAD, instance, chunk);
  if (answer.kind !== 'taken') throw new Error(`not taken: ${answer.kind}`);
  return answer;
}

it('gives each chunk to one taker, with what it needs', async () => {
  await open();
  const first = await taken('one');
  expect(first).toMatchObject({ chunk: 0, work: 'work 0', plan: 'plan', tries: 0 });
  expect((await taken('two')).chunk).toBe(1);
  expect(await ledger.take(LOAD, 'two', 0)).toEqual({ kind: 'busy' });
  expect(await ledger.end(first, { kind: 'done', rows: 7 })).toBe('ok');
  expect(await ledger.take(LOAD, 'two', 0)).toEqual({ kind: 'done' });
  expect(await ledger.look(LOAD)).toEqual({
    ...{ kind: 'ok', done: 3, todo: 2, taken: 1, rows: 7, fatal: undefined, holders: ['two'] },
  });
  expect(await ledger.end(first, { kind: 'done', rows: 7 })).toBe('lost');
});

it('lets another take what its holder tells nothing of any more, and refuses that holder', async () => {
  ledger = new ChunkLedger(redis, keys, 50);
  await open();
  const first = await taken('one', 2);
  expect(await ledger.keep(first, 10)).toBe('ok');
  const second = await vi.waitFor(() => taken('two', 2), { timeout: 60_000, interval: 20 });
  expect(await ledger.keep(first, 20)).toBe('lost');
  expect(await ledger.end(first, { kind: 'done', rows: 20 })).toBe('lost');
  expect(await ledger.end(second, { kind: 'done', rows: 5 })).toBe('ok');
  expect(await ledger.look(LOAD)).toMatchObject({ done: 3, rows: 15 });
});

it('brings a chunk that failed back after a while, and tells how often it did', async () => {
  await open();
  const first = await taken('one', 3);
  await ledger.end(first, { kind: 'failed', delayMs: 60_000 });
  expect(await ledger.take(LOAD, 'two', 3)).toMatchObject({ kind: 'early' });
  await ledger.end(await taken('one', 2), { kind: 'failed', delayMs: 0 });
  expect(await taken('two', 2)).toMatchObject({ chunk: 2, tries: 1 });
  await ledger.end(await taken('one', 1), { kind: 'back', delayMs: 0 });
  expect(await taken('two', 1)).toMatchObject({ chunk: 1, tries: 0 });
});

it('ends with the first error that ends the load', async () => {
  await open();
  const [one, two] = [await taken('one'), await taken('two')];
  const error = new GraphshiftError('FILE_UNREADABLE', 'a.parquet: column "x" cannot be read');
  await ledger.end(one, { kind: 'fatal', error: error.toRecord() });
  const view = await ledger.look(LOAD);
  expect(view.kind === 'ok' && view.fatal?.message).toBe('a.parquet: column "x" cannot be read');
  expect(await ledger.keep(two, 1)).toBe('over');
  expect(await ledger.take(LOAD, 'three')).toEqual({ kind: 'over' });
  expect(await ledger.offer(LOAD, 10, 'one')).toEqual([]);
});

it('offers no more chunks than the limit, counting those in the hands of others', async () => {
  await open();
  await taken('coordinator');
  expect((await ledger.offer(LOAD, 2, 'coordinator')).map(({ chunk }) => chunk)).toEqual([1, 2]);
  expect(await ledger.offer(LOAD, 2, 'coordinator')).toEqual([]);
  await taken('other', 1);
  expect(await ledger.offer(LOAD, 2, 'coordinator')).toEqual([]);
  expect(await ledger.offered(LOAD)).toEqual([2]);
  // What has a job is taken last by the coordinator.
  expect((await taken('coordinator')).chunk).toBe(3);
  await ledger.withdraw(LOAD, 2);
  expect(await ledger.offer(LOAD, 2, 'coordinator')).toEqual([{ chunk: 2, offer: 2 }]);
});

it.each([{ state: 'cancelled' }, { state: 'superseded' }, { epoch: '6' }, { run: '2' }])(
  'does nothing any more when the record says $state$epoch$run',
  async (fields) => {
    await open();
    const held = await taken('one');
    await record(fields as Record<string, string>);
    expect(await ledger.keep(held, 1)).toBe('over');
    expect(await ledger.end(held, { kind: 'done', rows: 1 })).toBe('over');
    expect(await ledger.take(LOAD, 'two')).toEqual({ kind: 'over' });
    expect(await ledger.look(LOAD)).toEqual({ kind: 'over' });
    expect(await ledger.offer(LOAD, 10, 'one')).toEqual([]);
    expect(await open()).toBe(false);
  },
);

it('is made again where it was lost, and leaves nothing when it is closed', async () => {
  expect(await ledger.look(LOAD)).toEqual({ kind: 'missing' });
  await open();
  const held = await taken('one');
  await ledger.offer(LOAD, 1, 'one');
  await ledger.keep(held, 1);
  await redis.del(keys.ledger(LOAD.deployment));
  expect(await ledger.keep(held, 1)).toBe('missing');
  await open();
  expect(await ledger.keep(held, 1)).toBe('lost');
  await ledger.offer(LOAD, 1, 'one');
  expect(await ledger.close({ ...LOAD, epoch: 4 })).toEqual([]);
  expect(await ledger.close(LOAD)).toEqual([0]);
  expect(await redis.keys(`${keys.ledger(LOAD.deployment)}*`)).toEqual([]);
});

it('gives nothing to an instance that was recovered', async () => {
  await open();
  await redis.hset(keys.instance('gone'), 'fencedAt', '1');
  expect(await ledger.take(LOAD, 'gone')).toEqual({ kind: 'over' });
});

it('takes a permanent error, or one try too many, for the end of the load', () => {
  const away = new GraphshiftError('STORE_UNREACHABLE', 'away');
  expect(fatalError(away, 2, 3)).toBeUndefined();
  expect(fatalError(away, 3, 3)).toBe(away);
  expect(fatalError(new GraphshiftError('FILE_UNREADABLE', 'broken'), 0, 3)?.code).toBe('FILE_UNREADABLE');
});
