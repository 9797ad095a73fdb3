/**
 * What the system relies on is taken out, one thing at a time, by the test programs: the reader, the doctor or the end
 * states must tell. (Without the checks of the epoch: see worker.test.ts.)
 */

import { examine } from '@graphshift/core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Sabotage } from './plan.ts';
import { FIRST, SECOND, SUBJECT } from './scenarios.ts';
import { PATIENCE, Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());

async function drop(customer: string, timestamp: number): Promise<string> {
  await stage.write(customer, timestamp);
  await stage.arrange(customer, { discover: timestamp });
  return `${customer}@${timestamp}`;
}

async function isLive(...ids: string[]): Promise<void> {
  await stage.reach(new Map(ids.map((id) => [id, 'live'])));
}

it.each([
  ['moved in one step', undefined],
  ['dropped and made anew', 'alias-dropped'],
] as const)('a reader notices an alias that is %s: %s', async (_, sabotage?: Sabotage) => {
  const customer = sabotage ?? 'whole';
  const worker = await stage.victim({ deployments: {}, ...(sabotage && { sabotage }) }, 1);
  await isLive(await drop(customer, FIRST));
  const reader = await stage.read([customer]);
  await isLive(await drop(customer, SECOND));
  const { complaints, answers } = await reader.stop();
  await stage.kill(worker);
  expect(answers).toBeGreaterThan(0);
  if (sabotage) expect(complaints).toContain(`${customer}: no alias ${customer}`);
  else expect(complaints).toEqual([]);
});

it('without the sweep a deployment whose producer died stays without a job, which the doctor tells', async () => {
  await stage.write('unswept', SUBJECT);
  const path = `${stage.installation.data}/unswept/${SUBJECT}`;
  await stage.backend.deployments.discover({ customer: 'unswept', timestamp: SUBJECT, path });
  const worker = await stage.victim({ deployments: {}, sabotage: 'no-sweep' }, 1);
  // What it does take up comes to its end, so it had time for the other.
  await isLive(await drop('beside', SUBJECT));
  const findings = await examine(stage.backend, { settleMs: 0, graceMs: 0 });
  expect(findings.map(({ rule, customer }) => `${rule} ${customer}`)).toContain('head-job unswept');
  await stage.kill(worker);
  const healthy = await stage.healthy();
  await isLive(`unswept@${SUBJECT}`);
  await stage.heals();
  await stage.kill(healthy);
});

/** A worker is killed when a load is done, before anything of it is proven. */
async function killSealed(customer: string, sabotage?: Sabotage): Promise<string> {
  const id = await drop(customer, SUBJECT);
  const plan = { deployments: { [id]: { point: 'sealed' } }, ...(sabotage && { sabotage }) } as const;
  const worker = await stage.victim(plan, 1);
  await worker.line(/^reached /);
  await stage.kill(worker);
  return id;
}

it('without load marks what nobody has proven passes for complete, which the store tells', async () => {
  await killSealed('marked');
  await killSealed('unmarked', 'no-mark');
  const { databases } = await stage.backend.store.list();
  const state = (customer: string) =>
    databases.find(({ snapshot }) => snapshot?.customer === customer)?.state;
  expect([state('marked'), state('unmarked')]).toEqual(['marked', 'complete']);
  const healthy = await stage.healthy();
  await isLive(`marked@${SUBJECT}`);
  // The next holder takes what looks complete for proven: it goes live, and nobody ever counted it.
  await isLive(`unmarked@${SUBJECT}`);
  const proven = async (customer: string) => {
    const audit = await stage.backend.deployments.audit({ deployment: `${customer}@${SUBJECT}` });
    return audit.some(({ from, to }) => from === 'verifying' && to === 'switching');
  };
  expect([await proven('marked'), await proven('unmarked')]).toEqual([true, false]);
  await stage.kill(healthy);
});

it.each([
  ['one for each run', undefined],
  ['the same for all runs', 'fixed-letter'],
] as const)(
  'a letter that dies again while its redrive is under way: ids are %s',
  async (_, sabotage?: Sabotage) => {
    const customer = sabotage ? 'fixed' : 'growing';
    const id = `${customer}@${SUBJECT}`;
    const options = { ...(sabotage && { sabotage }) };
    await stage.write(customer, SUBJECT);
    await stage.arrange(customer, { discover: SUBJECT, broken: true });
    // One worker is held while it starts the letter's deployment over; it dies again meanwhile.
    const detours = { queued: 'dead' } as const;
    const acts = [{ act: 'board-retry', timestamp: SUBJECT }] as const;
    const redriving = await stage.victim(
      { deployments: { [id]: { point: 'before enqueue', detours, acts } }, ...options },
      1,
    );
    await redriving.line(/^reached /);
    const other = await stage.victim({ deployments: { [id]: { detours } }, ...options }, 1);
    await stage.reach(new Map([[id, 'dead']]));
    const { letters } = stage.backend;
    const standing = async () =>
      (await letters.queue.getFailed()).filter(({ data }) => data.deployment === id).length;
    const findings = async () =>
      (await examine(stage.backend, { settleMs: 0, graceMs: 0 }))
        .filter(({ rule, customer: whose }) => rule === 'dead-letter' && whose === customer)
        .map(({ what }) => what.replace(/ since \S+,/, ''));
    if (sabotage) {
      expect(await standing()).toBe(0);
      expect(await findings()).toEqual([`${id} is dead and the queue dead-letter has no letter of it`]);
    } else {
      await vi.waitFor(async () => expect(await standing()).toBe(1), PATIENCE);
      expect(await findings()).toEqual([]);
    }
    await stage.kill(redriving);
    await stage.kill(other);
  },
);
