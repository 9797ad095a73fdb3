import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, openBackend, silentLogger, systemClock } from '@graphshift/core';
import { type Installation, makeInstallation, smallContent, writeSnapshot } from '@graphshift/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { forgetGone } from '../src/forget-gone.ts';

const MONTH_MS = 31 * 24 * 3600 * 1000;
const [FIRST, SECOND] = [1_700_000_000, 1_700_000_100] as const;

let installation: Installation;
let later: Backend;
beforeEach(async () => {
  installation = await makeInstallation();
  const backend = await installation.open();
  for (const timestamp of [FIRST, SECOND]) {
    const path = await writeSnapshot(installation.data, smallContent('acme', timestamp));
    await backend.deployments.discover({ customer: 'acme', timestamp, path });
  }
  // The same Redis, a month later.
  const clock = { ...systemClock, now: () => systemClock.now() + MONTH_MS };
  const { directory } = installation;
  later = await openBackend({ settings: installation.settings(), log: silentLogger, directory, clock });
});
afterEach(async () => {
  await later.stop();
  await installation.remove();
});

const ids = async () => (await later.deployments.list({ customer: 'acme' })).map(({ id }) => id);
const OLDER = `acme@${FIRST}`;
const NEWER = `acme@${SECOND}`;

it('forgets what ended a month ago and is gone, and only that', async () => {
  await later.operations.cancel(OLDER, 'test');
  await rm(join(installation.data, 'acme', String(FIRST)), { recursive: true });
  // It ended now, by its own clock.
  expect(await forgetGone(later)).toBe(0);
  const muchLater = { ...later, clock: { ...later.clock, now: () => later.clock.now() + MONTH_MS } };
  expect(await forgetGone(muchLater)).toBe(1);
  expect(await ids()).toEqual([NEWER]);
  expect(await later.deployments.counts()).toMatchObject({ cancelled: 0, queued: 1 });
});

it('keeps what stands on the disk, what a whole root hides, and what has not ended', async () => {
  await later.operations.cancel(OLDER, 'test');
  const muchLater = { ...later, clock: { ...later.clock, now: () => later.clock.now() + MONTH_MS } };
  expect(await forgetGone(muchLater)).toBe(0);
  await rename(join(installation.data, 'acme'), join(installation.directory, 'unmounted'));
  expect(await forgetGone(muchLater)).toBe(0);
  expect((await ids()).sort()).toEqual([OLDER, NEWER]);
});
