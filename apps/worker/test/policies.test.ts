import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openSystem, type System } from './system.ts';

let system: System;
afterEach(() => system.stop());

const TIMES = [1_700_000_000, 1_700_000_100, 1_700_000_200, 1_700_000_300, 1_700_000_400] as const;
const [FIRST, SECOND, THIRD] = TIMES;

const open = async (flags: Record<string, unknown>) => {
  system = await openSystem(flags);
};

describe('in-order', () => {
  it('loads five snapshots that were dropped together, oldest first: five cutovers', async () => {
    await open({ 'orchestrator.policy': 'in-order' });
    // Recorded as they settle, in whatever order that is.
    for (const time of [TIMES[2], TIMES[4], TIMES[0], TIMES[3], TIMES[1]]) await system.drop('acme', time);
    await system.work();
    await system.reaches(`acme@${TIMES[4]}`, 'live');
    const audit = await system.backend.deployments.audit({ customer: 'acme' });
    const cutovers = audit.filter(({ from, to }) => from === 'switching' && to === 'live');
    expect(cutovers.map(({ deployment }) => deployment)).toEqual(TIMES.map((time) => `acme@${time}`));
    expect(audit.filter(({ to }) => to === 'superseded' || to === 'skipped')).toEqual([]);
    await system.holdsOnly(['acme', TIMES[3]], ['acme', TIMES[4]]);
  });

  it('goes on with the next when one is dead', async () => {
    await open({ 'orchestrator.policy': 'in-order', 'orchestrator.max_retries': 0 });
    const error = { code: 'FILE_TRUNCATED', class: 'permanent', message: 'cut off' } as const;
    await system.backend.deployments.discover({ customer: 'acme', timestamp: FIRST, path: '/gone', error });
    await system.drop('acme', SECOND);
    await system.work();
    await system.reaches(`acme@${SECOND}`, 'live');
  });
});

describe('newest-first', () => {
  it('loads the newest, and supersedes the older ones that wait once it is live', async () => {
    await open({});
    for (const time of TIMES) await system.drop('acme', time);
    await system.work();
    await system.reaches(`acme@${TIMES[4]}`, 'live');
    for (const time of TIMES.slice(0, 4)) await system.reaches(`acme@${time}`, 'superseded');
    await system.holdsOnly(['acme', TIMES[4]]);
  });

  it('lets a running load end when a newer snapshot comes, unless told otherwise', async () => {
    await open({});
    const loading = system.holdAt('load.checked');
    await system.work();
    const older = await system.drop('acme', FIRST);
    await loading.reached;
    const newer = await system.drop('acme', SECOND);
    loading.release();
    await system.reaches(newer, 'live');
    expect(await system.history(older)).toContain('live');
  });

  it('stops a running load for a newer snapshot with supersede_running, and leaves nothing of it', async () => {
    await open({ 'orchestrator.supersede_running': true, 'orchestrator.num_workers': 2 });
    const loading = system.holdAt('load.checked');
    await system.work();
    const older = await system.drop('acme', FIRST);
    await loading.reached;
    const newer = await system.drop('acme', SECOND);
    expect((await system.backend.deployments.get(older))?.state).toBe('superseded');
    loading.release();
    await system.reaches(newer, 'live');
    expect(await system.history(older)).not.toContain('live');
    await system.holdsOnly(['acme', SECOND]);
  });
});

describe('latest-only', () => {
  it('supersedes what waits and what runs as soon as a newer snapshot is ready', async () => {
    await open({ 'orchestrator.policy': 'latest-only', 'orchestrator.num_workers': 2 });
    const loading = system.holdAt('load.checked');
    await system.work();
    const running = await system.drop('acme', FIRST);
    await loading.reached;
    const waiting = await system.drop('acme', THIRD);
    expect((await system.backend.deployments.get(running))?.state).toBe('superseded');
    const late = await system.drop('acme', SECOND);
    expect((await system.backend.deployments.get(late))?.state).toBe('superseded');
    loading.release();
    await system.reaches(waiting, 'live');
    await system.holdsOnly(['acme', THIRD]);
  });
});

describe('skip_unchanged', () => {
  const copy = async (from: number, to: number) => {
    const customer = join(system.installation.data, 'acme');
    await cp(join(customer, String(from)), join(customer, String(to)), { recursive: true });
    return system.discover('acme', to);
  };

  it('is off by default: a copied directory with a new timestamp is a new snapshot', async () => {
    await open({});
    await system.work();
    await system.reaches(await system.drop('acme', FIRST), 'live');
    await system.reaches(await copy(FIRST, SECOND), 'live');
    expect((await system.backend.store.alias('acme'))?.database).toBe(`acme-${SECOND}`);
  });

  it('skips a copy of what is live, loads what differs, and knows a hash again by sizes and times', async () => {
    await open({ 'orchestrator.skip_unchanged': true });
    await system.work();
    await system.reaches(await system.drop('acme', FIRST), 'live');
    const same = await system.reaches(await copy(FIRST, SECOND), 'skipped');
    expect(same.reason).toMatch(/^unchanged: it has the content of snapshot 1700000000/);
    await system.reaches(await system.drop('acme', THIRD, 30), 'live');
    expect(await system.people('acme')).toBe(30);
    // Asked for by a person, it is loaded all the same.
    await system.reaches(await copy(THIRD, TIMES[3]), 'skipped');
    await system.backend.operations.retry(`acme@${TIMES[3]}`, 'test');
    await system.reaches(`acme@${TIMES[3]}`, 'live');
  });
});
