/** Random breakages at once, on a real Redis and a store in memory: one repair, or two at once, mends them all. */

import { readFileSync } from 'node:fs';
import {
  MemoryStore,
  makeSnapshotRoot,
  type SnapshotRoot,
  startRedis,
  type TestRedis,
  uniquePrefix,
} from '@graphshift/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readSettings } from '../config/read-settings.ts';
import type { State } from '../deployment/states.ts';
import type { DatabaseInfo } from '../graph-store/graph-store.ts';
import { silentLogger } from '../platform/log.ts';
import { jobId } from '../queue/catalogue.ts';
import { recoverRecords } from '../recovery/recover-records.ts';
import { type Backend, openBackend } from '../runtime/backend.ts';
import { examine } from './examine.ts';
import { RULES } from './judge.ts';
import { mend, REPAIRS } from './mend.ts';

let server: TestRedis;
let root: SnapshotRoot;
beforeAll(async () => {
  server = await startRedis();
  root = await makeSnapshotRoot();
});
afterAll(async () => {
  await server.stop();
  await root.remove();
});

const AT_ONCE = { settleMs: 0, graceMs: 0 };
const BY = { by: 'the test' };

interface World {
  readonly backend: Backend;
  readonly store: MemoryStore;
  readonly dropped: DatabaseInfo[];
}

/** acme is live at 300 and keeps 200, beta is live at 100, gamma has a head and one behind it. */
async function makeWorld(): Promise<World> {
  const dropped: DatabaseInfo[] = [];
  const store = new MemoryStore({
    contentOf: (path) => path,
    onDrop: (database) => void dropped.push(database),
  });
  for (const [customer, timestamp] of [
    ['acme', 200],
    ['acme', 300],
    ['beta', 100],
  ] as const) {
    const epoch = timestamp / 10;
    const load = await store.openLoad({
      customer,
      timestamp,
      run: 1,
      epoch,
      path: `${customer}/${timestamp}`,
    });
    const { database, contentHash } = await load.seal();
    await store.unmark(database, epoch);
    const properties = { epoch, snapshot: timestamp, contentHash, since: new Date(0).toISOString() };
    await (await store.prepareAlias({ customer, database, properties })).fire();
  }
  const flags = { 'redis.url': server.url, 'redis.prefix': uniquePrefix().replace(/[{}]/g, '') };
  const { settings } = readSettings({
    environment: {},
    directory: '/nowhere',
    flags: { ...flags, 'orchestrator.data_path': root.path },
  });
  const backend = await openBackend({ settings, log: silentLogger, directory: '/nowhere', store });
  const { deployments, wakeUps } = backend;
  await recoverRecords({ ...backend, roots: [] });
  for (const timestamp of [5, 6]) {
    const { head } = await deployments.discover({ customer: 'gamma', timestamp, path: '/nowhere' });
    await wakeUps.ensureHead(deployments, head);
  }
  return { backend, store, dropped };
}

const IDS = ['acme@200', 'acme@300', 'beta@100', 'gamma@5', 'gamma@6'];
const id = fc.constantFrom(...IDS);
const state = fc.constantFrom<State>('live', 'dead', 'queued', 'discovered', 'retired');
const customer = fc.constantFrom('acme', 'beta', 'gamma');

type Break = (world: World) => Promise<unknown>;

/** Ways to break Redis and the store by hand that can all be judged. */
const breakage: fc.Arbitrary<[what: string, act: Break]> = fc.oneof(
  fc
    .tuple(id, state)
    .map(([one, of]): [string, Break] => [
      `${one} listed as ${of}`,
      ({ backend: { redis, keys } }) => redis.zadd(keys.state(of), 1, one),
    ]),
  fc
    .tuple(id, state)
    .map(([one, of]): [string, Break] => [
      `${one} not listed as ${of}`,
      ({ backend: { redis, keys } }) => redis.zrem(keys.state(of), one),
    ]),
  id.map((one): [string, Break] => [
    `${one} not in the history`,
    ({ backend: { redis, keys } }) => redis.zrem(keys.history(one.split('@')[0] ?? ''), one),
  ]),
  id.map((one): [string, Break] => [
    `${one} in the backlog`,
    ({ backend: { redis, keys } }) => redis.zadd(keys.backlog(one.split('@')[0] ?? ''), 1, one),
  ]),
  fc
    .constantFrom('acme@300', 'acme@200', 'beta@100')
    .map((one): [string, Break] => [
      `${one} lost`,
      ({ backend: { redis, keys } }) => redis.del(keys.deployment(one)),
    ]),
  customer.map((one): [string, Break] => [
    `${one} has a head of nothing`,
    ({ backend: { redis, keys } }) => redis.hset(keys.customer(one), 'head', `${one}@9`),
  ]),
  customer.map((one): [string, Break] => [
    `${one} has no head`,
    ({ backend: { redis, keys } }) => redis.hdel(keys.customer(one), 'head'),
  ]),
  fc
    .constantFrom('acme', 'beta')
    .map((one): [string, Break] => [
      `${one} has no mark of what is live`,
      ({ backend: { redis, keys } }) => redis.hdel(keys.customer(one), 'live'),
    ]),
  fc
    .constantFrom('acme', 'beta')
    .map((one): [string, Break] => [
      `${one} thrown back`,
      ({ backend: { redis, keys } }) => redis.hset(keys.customer(one), 'epoch', 1),
    ]),
  fc
    .constantFrom('acme-300', 'zeta-7', 'gamma-6')
    .map((one): [string, Break] => [
      `room for ${one}`,
      ({ backend: { redis, keys } }) => redis.hset(keys.reservations, one, 'held'),
    ]),
  fc
    .constantFrom('zeta@7', 'acme@300', 'beta@100')
    .map((one): [string, Break] => [
      `job of ${one}`,
      ({ backend: { wakeUps } }) => wakeUps.queue.add('deploy-snapshot', {}, { jobId: jobId(one, 1) }),
    ]),
  fc
    .constantFrom('gamma@5', 'gamma@6')
    .map((one): [string, Break] => [
      `no job of ${one}`,
      ({ backend: { wakeUps } }) => wakeUps.remove(one, 1),
    ]),
  fc
    .nat(9)
    .map((timestamp): [string, Break] => [
      `build of zeta ${timestamp + 1}`,
      ({ store }) =>
        store.openLoad({ customer: 'zeta', timestamp: timestamp + 1, run: 1, epoch: 1, path: '' }),
    ]),
);

const seen = ({ rule, what }: { rule: string; what: string }) => `${rule}: ${what}`;

it('leaves nothing off, moves no alias, and drops nothing but builds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(breakage, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (breakages, two) => {
        const world = await makeWorld();
        const { backend, store, dropped } = world;
        try {
          expect((await examine(backend, AT_ONCE)).map(seen)).toEqual([]);
          const before = (await store.list()).aliases.map(
            ({ customer: name, database }) => `${name} ${database}`,
          );
          for (const [, act] of breakages) await act(world);
          const findings = await examine(backend, AT_ONCE);
          const repairs = (
            await Promise.all([mend(backend, findings, BY), ...(two ? [mend(backend, findings, BY)] : [])])
          ).flat();
          const told = JSON.stringify([breakages.map(([what]) => what), repairs], null, 1);
          expect((await examine(backend, AT_ONCE)).map(seen), told).toEqual([]);
          expect(
            (await store.list()).aliases.map(({ customer: name, database }) => `${name} ${database}`),
          ).toEqual(before);
          expect(dropped.every(({ state: was }) => was === 'building')).toBe(true);
          expect((await store.list()).databases.map(({ name }) => name).sort()).toEqual([
            'acme-200',
            'acme-300',
            'beta-100',
          ]);
          for (const name of IDS) expect(await backend.deployments.get(name), told).toBeDefined();
        } finally {
          await backend.stop();
        }
      },
    ),
    { numRuns: 20 },
  );
}, 120_000);

it('has a row in docs/doctor.md for each repair, and no repair for a rule that is none', () => {
  const page = readFileSync(new URL('../../../../docs/doctor.md', import.meta.url), 'utf8');
  const table = page.slice(page.indexOf('| rule | what is done'), page.indexOf('## What is judged'));
  const rows = [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, names = '']) =>
    [...names.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name),
  );
  expect(rows.sort()).toEqual(Object.keys(REPAIRS).sort());
  const rules = RULES.map(({ name }) => name);
  expect(Object.keys(REPAIRS).filter((name) => !rules.includes(name))).toEqual([]);
});
