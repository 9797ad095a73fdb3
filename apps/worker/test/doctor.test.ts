/** The doctor over whole systems: nothing is found in a healthy one, and each thing that is broken by hand is named. */

import { lstat, mkdir, readdir, readlink, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { examine, GraphshiftError, jobId, recoverRecords } from '@graphshift/core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openSystem, type System } from './system.ts';

const [FIRST, SECOND, THIRD] = [1_700_000_000, 1_700_000_100, 1_700_000_200] as const;

/** One for the whole file, since loads cost most of its time; each test leaves it healthy. */
let system: System;
beforeAll(async () => {
  system = await openSystem({ 'orchestrator.scan_interval': 0.1 });
  await system.work();
  await system.reaches(await system.drop('acme', FIRST, 20), 'live');
  await system.reaches(await system.drop('acme', SECOND, 21), 'live');
  await isHealthy();
}, 120_000);
afterAll(() => system.stop());

const findings = () => examine(system.backend, { settleMs: 0, graceMs: 0 });

/** With no time granted, what a worker's upkeep mends must be mended; it gets some passes for that. */
async function isHealthy(): Promise<void> {
  await vi.waitFor(async () => expect(await findings()).toEqual([]), { timeout: 60_000, interval: 200 });
}

/** A way to break a system of `acme` with two databases, the rule that names it, and how it is mended. */
type Break = () => Promise<() => Promise<unknown>>;

const store = (...path: string[]) => join(system.installation.store, ...path);
const redis = () => system.backend.redis;
const keys = () => system.backend.keys;

async function moved(path: string): Promise<() => Promise<void>> {
  await rename(path, `${path}.aside`);
  return () => rename(`${path}.aside`, path);
}

/** Points the alias elsewhere as nothing of ours does: without an epoch. */
async function relink(target: string): Promise<() => Promise<void>> {
  const link = store('aliases', 'acme');
  const before = await readlink(link);
  await unlink(link);
  await symlink(target, link);
  return async () => {
    await unlink(link);
    await symlink(before, link);
  };
}

async function olderCutover(): Promise<string> {
  for (const entry of await readdir(store('cutovers', 'acme')))
    if ((await readlink(store('cutovers', 'acme', entry, 'database'))).endsWith(String(FIRST)))
      return `../cutovers/acme/${entry}`;
  throw new Error('no cutover of the first');
}

const BREAKS: readonly [rule: string, what: string, Break][] = [
  ['alias-readable', 'a link to nowhere', () => relink('../cutovers/acme/1.abc')],
  ['alias-target', 'a live database that is gone', () => moved(store('databases', `acme-${SECOND}`))],
  ['alias-age', 'an alias moved back by hand', async () => relink(await olderCutover())],
  ['retention-kept', 'a kept database that is gone', () => moved(store('databases', `acme-${FIRST}`))],
  [
    'half-loaded',
    'a build that nobody resumes',
    async () => {
      const build = store('databases', 'acme-1700000050.r1.e9.building');
      await mkdir(build);
      const mark = { customer: 'acme', timestamp: 1_700_000_050, run: 1, epoch: 1 };
      await writeFile(join(build, 'LOADING.9.json'), JSON.stringify(mark));
      return () => rm(build, { recursive: true });
    },
  ],
  [
    'database-judged',
    'a directory of somebody else',
    async () => {
      await mkdir(store('databases', 'photographs'));
      return () => rm(store('databases', 'photographs'), { recursive: true });
    },
  ],
  [
    'record-index',
    'a record that no list has',
    async () => {
      await redis().zrem(keys().state('replaced'), `acme@${FIRST}`);
      return () => redis().zadd(keys().state('replaced'), 1, `acme@${FIRST}`);
    },
  ],
  [
    'record-readable',
    'a hash that is no record',
    async () => {
      await redis().hset(keys().deployment('acme@17'), 'state', 'asleep');
      return () => redis().del(keys().deployment('acme@17'));
    },
  ],
  [
    'live-record',
    'a record that lags behind the alias',
    async () => {
      const id = `acme@${SECOND}`;
      await redis().hset(keys().deployment(id), 'state', 'replaced');
      return () => redis().hset(keys().deployment(id), 'state', 'live');
    },
  ],
  [
    'reservation',
    'room that nobody gives back',
    async () => {
      await redis().hset(keys().reservations, `acme-${FIRST}`, 'held');
      return () => redis().hdel(keys().reservations, `acme-${FIRST}`);
    },
  ],
  [
    'job-record',
    'a job of nobody',
    async () => {
      const { queue } = system.backend.wakeUps;
      const job = await queue.add('deploy-snapshot', {}, { jobId: jobId('acme@17', 1), delay: 1e6 });
      return () => job.remove();
    },
  ],
  [
    'snapshot-record',
    'a snapshot that nobody takes up',
    async () => {
      const path = await system.write('beta', FIRST);
      await vi.waitFor(async () => expect(await findings()).not.toEqual([]), { timeout: 60_000 });
      return () => rm(path, { recursive: true });
    },
  ],
  [
    'head-job',
    'a head that no job wakes up',
    async () => {
      const id = await system.discover('gamma', FIRST);
      await system.backend.wakeUps.remove(id, 1);
      return async () => system.backend.operations.cancel(id, 'test');
    },
  ],
  [
    'dead-letter',
    'a dead deployment without a letter',
    async () => {
      const error = new GraphshiftError('FILE_TRUNCATED', 'cut off').toRecord();
      const snapshot = { customer: 'delta', timestamp: FIRST, path: '/data' };
      await system.backend.deployments.discover({ ...snapshot, error });
      return async () => system.backend.operations.discard(`delta@${FIRST}`, 'test');
    },
  ],
];

/** What Redis counts as changes, and every file of the store with its times. */
async function everything(): Promise<unknown> {
  const changes = /rdb_changes_since_last_save:(\d+)/.exec(await redis().info('persistence'))?.[1];
  const entries = await readdir(system.installation.store, { recursive: true, withFileTypes: true });
  const files = entries.map(async ({ parentPath, name }) => {
    const { ctimeMs, mtimeMs, size } = await lstat(join(parentPath, name));
    return [parentPath, name, ctimeMs, mtimeMs, size].join(' ');
  });
  return { changes: Number(changes), files: (await Promise.all(files)).sort() };
}

it('finds what was broken by hand, thing by thing, and touches nothing of it', async () => {
  await system.rest();
  const before = await everything();
  expect(await findings()).toEqual([]);
  expect(await everything()).toEqual(before);
  for (const [rule, what, breakIt] of BREAKS) {
    const mend = await breakIt();
    const found = await findings();
    expect([what, found.map((finding) => finding.rule)]).toEqual([what, expect.arrayContaining([rule])]);
    const broken = await everything();
    expect(await findings()).toEqual(found);
    expect(await everything()).toEqual(broken);
    for (const { action, what: line } of found) expect(`${line} ${action}`).not.toMatch(/undefined|NaN|\n/);
    await mend();
    expect([what, await findings()]).toEqual([what, []]);
  }
});

it('grants the system its time to mend by itself, unless told not to', async () => {
  const error = new GraphshiftError('FILE_TRUNCATED', 'cut off').toRecord();
  const snapshot = { customer: 'omega', timestamp: FIRST, path: '/data' };
  await system.backend.deployments.discover({ ...snapshot, error });
  expect(await examine(system.backend, { settleMs: 0 })).toEqual([]);
  expect((await findings()).map(({ rule }) => rule)).toEqual(['dead-letter']);
  await system.work();
  await isHealthy();
  expect((await system.backend.deployments.get(`omega@${FIRST}`))?.state).toBe('dead');
});

it('finds nothing while a load runs, nor after a rollback, a pin and an emptied Redis', async () => {
  const { operations, store: graphs } = system.backend;
  const loading = system.holdAt('load.nodes');
  const third = await system.drop('acme', THIRD, 22);
  await loading.reached;
  const meanwhile = await findings();
  await operations.rollback({ customer: 'acme', by: 'test' });
  const afterwards = await examine(system.backend, { settleMs: 0 });
  loading.release();
  expect([meanwhile, afterwards]).toEqual([[], []]);
  await system.reaches(third, 'live');
  await operations.pin('acme', 'test');
  await isHealthy();
  const before = await graphs.alias('acme');

  await system.installation.redis.flush();
  await recoverRecords({ ...system.backend, roots: [system.installation.data] });
  for (const time of [FIRST, SECOND, THIRD]) await system.discover('acme', time);
  await isHealthy();
  expect(await graphs.alias('acme')).toEqual(before);
  await operations.unpin('acme', 'test');
  await isHealthy();
});
