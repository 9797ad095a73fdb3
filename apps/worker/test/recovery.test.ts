/** An instance is lost, or is made to give up what it holds: nothing is lost, doubled, or moved by it afterwards. */

import { type Beat, examine, GraphshiftError, type RecoveryReport } from '@graphshift/core';
import { MemoryStore } from '@graphshift/testkit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openSystem, type System } from './system.ts';

const TIMES = {
  'resilience.heartbeat_interval': 0.2,
  'resilience.heartbeat_check_interval': 0.5,
  'resilience.heartbeat_warning_threshold': 1.5,
  'resilience.heartbeat_timeout': 3,
  'resilience.emergency_threshold': 4.5,
  'resilience.retry_delay_seconds': 0.01,
};
const PATIENCE = { timeout: 100_000, interval: 50 };
const FIRST = 1_700_000_000;

let system: System;

afterEach(() => system.stop());

/** In memory, since what is recovered is the same, and a load takes no time. */
async function inMemory(): Promise<void> {
  system = await openSystem(TIMES, new MemoryStore({ contentOf: (path) => path }));
}

async function onDisk(): Promise<void> {
  system = await openSystem(TIMES);
}

function beat(id: string, fields: Partial<Beat> = {}): Promise<unknown> {
  const facts = { host: 'here', pid: 1, version: '0', busyMs: 0, uptimeMs: 1000 } as const;
  return system.backend.instances.beat({
    id,
    kind: 'worker',
    state: 'running',
    capacity: 1,
    active: 1,
    ...facts,
    ...fields,
  });
}

/** A deployment in the hands of a process that is gone: it was at work in this state. */
async function heldBy(holder: string, id: string, state: 'queued' | 'gated' | 'loading'): Promise<number> {
  const { deployments } = system.backend;
  const before = await deployments.get(id);
  const claim = await deployments.claim(id, before?.run ?? 1, holder, 0);
  if (claim.kind !== 'claimed') throw new Error(`not claimed: ${claim.kind}`);
  const { run, epoch } = claim.record;
  const path = { queued: [], gated: ['gated'], loading: ['gated', 'loading'] } as const;
  let from = claim.record.state;
  for (const to of path[state]) {
    expect((await deployments.transition({ id, from: [from], to, run, epoch })).kind).toBe('ok');
    from = to;
  }
  return epoch;
}

const recover = (id: string, kind: 'recovery' | 'emergency' = 'emergency') =>
  system.backend.recovery.recover(id, { kind, by: 'the test', reason: 'it is gone' });

const outcomes = ({ steps }: RecoveryReport) =>
  steps.map(({ step, outcome, attempts }) => `${step} ${outcome} ${attempts}`);

async function alarms(id: string): Promise<string[]> {
  const entries = await system.backend.deployments.audit({ deployment: id });
  return entries.map(({ detail }) => detail);
}

describe('a worker that holds its lock and beats no more', () => {
  it('is told of, recovered and closed off by the monitor of another one; what it held goes live once', async () => {
    await onDisk();
    await system.work({ instance: 'first' });
    const barrier = system.holdAt('load.nodes');
    const id = await system.drop('acme', FIRST);
    try {
      await barrier.reached;
      await beat('first', { deployments: [id] });
      await system.work({ instance: 'second' });
      await system.reaches(id, 'live');
      expect(await system.backend.deployments.get(id)).toMatchObject({
        run: 2,
        recoveries: 1,
        crashes: 1,
        holder: '',
      });
      await vi.waitFor(
        async () => expect((await system.backend.instances.find('first'))?.condition).toBe('recovered'),
        PATIENCE,
      );
      const [report] = await system.backend.recoveries.reports({ instance: 'first', limit: 1 });
      expect(report).toMatchObject({ kind: 'emergency', by: expect.any(String), outcome: 'recovered' });
      const told = await alarms('first');
      // A busy machine may look for the first time past the timeout.
      expect(told.filter((line) => line.startsWith('warning: silent for')).length).toBeLessThanOrEqual(1);
      expect(told.filter((line) => line.startsWith('emergency: silent for'))).toHaveLength(1);
      expect(told.findIndex((line) => line.startsWith('recovery begins'))).toBeLessThan(
        told.findIndex((line) => line.startsWith('emergency begins')),
      );
    } finally {
      barrier.release();
    }
    // It wakes up: it lets go, its late beat changes nothing, and it takes up nothing more.
    expect(await beat('first')).toEqual({ kind: 'recovered' });
    const next = await system.drop('acme', FIRST + 100);
    await system.reaches(next, 'live');
    const audit = await system.backend.deployments.audit({ deployment: next });
    expect(audit.filter(({ detail }) => detail.startsWith('claimed')).map(({ holder }) => holder)).toEqual([
      'second',
    ]);
    await system.holdsOnly(['acme', FIRST], ['acme', FIRST + 100]);
    expect(await system.history(id)).toEqual([
      ...['discovered', 'queued', 'gated', 'loading', 'queued'],
      ...['gated', 'loading', 'verifying', 'switching', 'live', 'replaced'],
    ]);
    await system.rest();
    expect(await examine(system.backend, { settleMs: 0 })).toEqual([]);
  }, 240_000);
});

describe('emergency recovery', () => {
  it('says of each step what it found and did, and does no harm when it is run again', async () => {
    await inMemory();
    const id = await system.drop('acme', FIRST);
    await system.drop('beta', FIRST);
    await heldBy('lost', id, 'loading');
    await beat('lost', { everyMs: 0 });
    const first = await recover('lost');
    expect(outcomes(first)).toEqual([
      'release done 1',
      'redistribute done 1',
      'verify done 1',
      'reset done 1',
    ]);
    expect(first.deployments).toEqual([id]);
    expect(first.steps[0]?.found).toBe(`${id} (loading)`);
    expect(first.steps[1]?.did).toBe('jobs of new runs: 1');
    const record = await system.backend.deployments.get(id);
    expect(record).toMatchObject({ state: 'queued', run: 2, crashes: 1, holder: '' });
    expect(await system.backend.wakeUps.queue.getJobCounts()).toMatchObject({ waiting: 2, active: 0 });

    const second = await recover('lost');
    expect(second).toMatchObject({ outcome: 'recovered', deployments: [] });
    expect(await system.backend.deployments.get(id)).toEqual(record);
    expect(await system.backend.recoveries.counts()).toEqual({ recovered: 2, failed: 0 });
    expect((await system.backend.recoveries.statistics()).lost).toMatchObject({
      attempts: 2,
      successes: 2,
      successRate: 100,
    });
    await system.work();
    await system.reaches(id, 'live');
  }, 240_000);

  it('ends in the store what the instance had prepared', async () => {
    await onDisk();
    await system.work();
    await system.reaches(await system.drop('acme', FIRST), 'live');
    await system.rest();
    const { store } = system.backend;
    const id = await system.drop('acme', FIRST + 100);
    const epoch = await heldBy('lost', id, 'loading');
    await beat('lost', { everyMs: 0 });
    const alias = await store.alias('acme');
    if (!alias) throw new Error('no alias');
    const late = await store.prepareAlias({ ...alias, properties: { ...alias.properties, epoch } });
    await recover('lost');
    await expect(late.fire()).rejects.toMatchObject({ code: 'FENCED' });
    expect(await store.alias('acme')).toEqual(alias);
  }, 240_000);

  it('tries a failed step again with backoff, then raises EMERGENCY; a later success or a person ends it', async () => {
    await inMemory();
    const { recoveries, recovery, store } = system.backend;
    const id = await system.drop('acme', FIRST);
    await heldBy('lost', id, 'gated');
    await beat('lost', { everyMs: 0 });
    const takeOver = store.takeOver.bind(store);
    let failures = 3;
    store.takeOver = async (...values) => {
      if (failures-- > 0) throw new GraphshiftError('STORE_UNREACHABLE', 'the store is away');
      return takeOver(...values);
    };
    const failed = await recover('lost');
    expect(outcomes(failed)).toEqual([
      'release failed 3',
      'redistribute skipped 0',
      'verify skipped 0',
      'reset skipped 0',
    ]);
    expect(failed.outcome).toBe('failed');
    expect(await recoveries.emergencies()).toMatchObject([
      { instance: 'lost', step: 'release', reason: expect.stringContaining('the store is away') },
    ]);
    // What could not be fenced in the store stays in its name, and is found by the next attempt.
    expect(await system.backend.deployments.get(id)).toMatchObject({ holder: 'lost', run: 1 });
    failures = 1;
    const second = await recover('lost');
    expect(outcomes(second)[0]).toBe('release done 2');
    expect(second.deployments).toEqual([id]);
    expect(await recoveries.emergencies()).toEqual([]);

    failures = 99;
    await beat('other', { everyMs: 0 });
    await heldBy('other', id, 'gated');
    await recover('other');
    expect(await recoveries.emergencies()).toHaveLength(1);
    await system.backend.instances.leave('other');
    await expect(recover('other')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringMatching(
        /^there is no instance other any more: .* its emergency at .*; `graphshift recover other --dismiss` ends its emergency$/,
      ),
    });
    await recovery.dismiss('other', 'the test');
    expect(await recoveries.emergencies()).toEqual([]);
    await expect(recovery.dismiss('other', 'the test')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await recoveries.statistics()).lost).toMatchObject({
      attempts: 2,
      successes: 1,
      successRate: 50,
    });
  }, 240_000);

  it('is done by one at a time, is for instances that are known, and a monitor leaves alone who beats', async () => {
    await inMemory();
    await expect(recover('nobody')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'there is no instance nobody',
    });
    await beat('one');
    const { recovery, recoveries } = system.backend;
    const request = { kind: 'recovery', by: 'a monitor', reason: 'silent', silentMs: 60_000 } as const;
    await expect(recovery.recover('one', request)).rejects.toMatchObject({ code: 'CONFLICT' });
    const lease = recoveries.lease('one', 'somebody');
    expect(await lease.take()).toBe(true);
    await expect(recover('one')).rejects.toMatchObject({ code: 'CONFLICT' });
    await lease.release();
    expect(await beat('one')).toMatchObject({ kind: 'ok' });
  });
});

describe('what a recovery takes from an instance', () => {
  it('counts as a crash where the instance was lost, and not where it beats and a person takes it', async () => {
    await inMemory();
    const id = await system.drop('acme', FIRST);
    await heldBy('living', id, 'loading');
    await beat('living', { everyMs: 60_000 });
    await recover('living', 'recovery');
    expect(await system.backend.deployments.get(id)).toMatchObject({ crashes: 0, run: 2, state: 'queued' });
  });

  it('is a dead letter after three lost instances, and a redrive starts from a clean count', async () => {
    await inMemory();
    const id = await system.drop('acme', FIRST);
    for (const holder of ['a', 'b', 'c']) {
      await heldBy(holder, id, 'loading');
      await beat(holder, { everyMs: 0 });
      await recover(holder, 'recovery');
    }
    await system.work();
    expect(await system.reaches(id, 'dead')).toMatchObject({ crashes: 3, error: { code: 'POISON' } });
    await system.backend.operations.retry(id, 'the test');
    expect(await system.reaches(id, 'live')).toMatchObject({ crashes: 0, attempts: 0 });
  }, 240_000);

  it('goes live only where it would have without: no person asked for it', async () => {
    await inMemory();
    await system.work();
    for (const timestamp of [FIRST, FIRST + 200])
      await system.reaches(await system.drop('acme', timestamp, timestamp % 97), 'live');
    await system.backend.operations.rollback({ customer: 'acme', by: 'the test' });
    await system.rest();
    // A rollback went past it: by itself it does not come up.
    const id = await system.drop('acme', FIRST + 100, 33);
    await heldBy('lost', id, 'queued');
    await beat('lost', { everyMs: 0 });
    await recover('lost', 'recovery');
    expect(await system.backend.deployments.get(id)).toMatchObject({ run: 2, holder: '' });
    await system.work();
    expect(await system.reaches(id, 'skipped')).toMatchObject({
      reason: expect.stringContaining('rollback'),
    });
  }, 240_000);
});
