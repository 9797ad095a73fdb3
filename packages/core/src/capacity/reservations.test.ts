/** Disk and memory that deployments in flight have reserved, over every order of beginnings, ends, crashes and recoveries. */

import { type Installation, makeInstallation } from '@graphshift/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DeploymentRecord } from '../deployment/record.ts';
import { ACTIVE_STATES, type State } from '../deployment/states.ts';
import type { TransitionResult } from '../queue/deployment-store.ts';
import type { Backend } from '../runtime/backend.ts';

const FREE = 100;
const CUSTOMERS = [...'abcde'].map((letter) => `acme-${letter}`);

let installation: Installation;
let backends: Backend[];

beforeAll(async () => {
  installation = await makeInstallation();
  backends = [await installation.open(), await installation.open()];
});
beforeEach(() => installation.redis.flush());
afterAll(() => installation.remove());

const [idOf, databaseOf] = [(of: string) => `${of}@100`, (of: string) => `${of}-100`];

async function claimed({ deployments }: Backend, customer: string, holder: string) {
  await deployments.discover({ customer, timestamp: 100, path: customer });
  const run = (await deployments.get(idOf(customer)))?.run ?? 1;
  const claim = await deployments.claim(idOf(customer), run, holder, 0);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  return claim.record;
}

interface Needs {
  readonly disk: number;
  readonly memory: number;
  readonly host?: string;
  /** Of the reading; default: just now. */
  readonly listedAt?: number;
}

async function pass(
  { deployments }: Backend,
  record: DeploymentRecord,
  needs: Needs,
): Promise<TransitionResult> {
  const { disk, memory, host = 'box' } = needs;
  const { id, run, epoch, holder, state } = record;
  const database = databaseOf(record.customer);
  return deployments.transition({
    ...{ id, run, epoch, from: [state], to: 'gated' },
    fields: { database, reserves: { disk, memory, host } },
    room: {
      ...{ database, existing: [], max: 1000 },
      listedAt: needs.listedAt ?? (await deployments.serverTime()) + 1,
      needs: {
        disk: { needed: disk, free: FREE },
        memory: { needed: memory, free: FREE, host },
        worker: { needed: memory, free: FREE, holder },
      },
    },
  });
}

/** What the records say is reserved, of those that a worker has in hand. */
async function reserved({ deployments }: Backend): Promise<{ disk: number; memory: number }> {
  const total = { disk: 0, memory: 0 };
  for (const { state, reserves } of await deployments.list({ limit: 100 })) {
    if (!(ACTIVE_STATES as readonly State[]).includes(state) || !reserves) continue;
    total.disk += reserves.disk ?? 0;
    if (state === 'gated' || state === 'loading') total.memory += reserves.memory;
  }
  return total;
}

type Act = (backend: Backend, record: DeploymentRecord, holder: string) => Promise<unknown>;

const move =
  (from: State, to: State): Act =>
  async ({ deployments }, { id, run, epoch, state }) =>
    state === from && deployments.transition({ id, run, epoch, from: [from], to });

/** What may happen to a deployment that a worker has in hand. */
const ACTS: Readonly<Record<string, Act>> = {
  load: move('gated', 'loading'),
  verify: move('loading', 'verifying'),
  die: ({ deployments }, { id, run, epoch, state }) =>
    deployments.transition({ id, run, epoch, from: [state], to: 'dead' }),
  cancel: ({ deployments }, { id, state }) => deployments.transition({ id, from: [state], to: 'cancelled' }),
  // The worker is killed; another one takes the deployment up and begins at the gate again.
  crash: async (backend, { id, run, customer, state }, holder) => {
    if (state === 'verifying') return;
    const { epoch } = await claimed(backend, customer, `${holder}-2`);
    await backend.deployments.transition({ id, run, epoch, from: [state], to: 'queued' });
  },
  recover: async ({ deployments }, { id, customer, holder }) => {
    const epoch = await deployments.raiseEpoch(customer, 0);
    await deployments.release({ id, holder, epoch, lost: true, reason: 'gone' });
  },
};

/** One thing that happens to a customer's deployment, if it can. */
async function happen(backend: Backend, customer: string, what: string, needs: Needs, holder: string) {
  const { deployments } = backend;
  const record = await deployments.get(idOf(customer));
  const busy = record && (ACTIVE_STATES as readonly State[]).includes(record.state);
  if (busy) return ACTS[what]?.(backend, record, holder);
  if (what !== 'begin') return;
  if (record?.state === 'dead' || record?.state === 'cancelled')
    await deployments.transition({ id: record.id, from: [record.state], to: 'discovered' });
  return pass(backend, await claimed(backend, customer, holder), needs);
}

describe('what deployments in flight have reserved', () => {
  const amount = fc.integer({ min: 1, max: FREE });
  const step = fc.record({
    of: fc.nat(CUSTOMERS.length - 1),
    what: fc.constantFrom('begin', 'begin', 'load', 'verify', 'die', 'crash', 'recover', 'cancel'),
    needs: fc.record({ disk: amount, memory: amount }),
    process: fc.nat(1),
  });
  const histories = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 8 });

  it('never is more than there is, and nothing of it stays when all of them have ended or crashed', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (rounds) => {
        await installation.redis.flush();
        const [first] = backends as [Backend];
        for (const round of rounds) {
          await Promise.all(
            round.map(({ of, what, needs, process }) =>
              // Two of a round may meet at one deployment; one of them is refused then.
              happen(backends[process]!, CUSTOMERS[of]!, what, needs, `worker-${process}`).catch(() => {}),
            ),
          );
          const { disk, memory } = await reserved(first);
          expect(disk).toBeLessThanOrEqual(FREE);
          expect(memory).toBeLessThanOrEqual(FREE);
        }
        // Every holder is gone, or has ended.
        for (const customer of CUSTOMERS)
          await happen(first, customer, 'recover', { disk: 0, memory: 0 }, 'worker-0');
        expect(await reserved(first)).toEqual({ disk: 0, memory: 0 });
        const all = { disk: FREE, memory: FREE };
        const late = await claimed(first, 'late', 'worker-0');
        expect(await pass(first, late, all)).toMatchObject({ kind: 'ok' });
      }),
      { numRuns: 30 },
    );
  });

  it('lets one of two workers have the last of the disk', async () => {
    const [one, two] = backends as [Backend, Backend];
    const [left, right] = [await claimed(one, 'left', 'w1'), await claimed(two, 'right', 'w2')];
    const needs = { disk: 60, memory: 1 };
    const results = await Promise.all([pass(one, left, needs), pass(two, right, needs)]);
    expect(results.map(({ kind }) => kind).sort()).toEqual(['no-disk', 'ok']);
    expect(results.find(({ kind }) => kind === 'no-disk')).toMatchObject({ found: '60' });
  });

  it('counts memory for its own machine and worker, and only while its load runs', async () => {
    const [one] = backends as [Backend];
    const needs = { disk: 1, memory: 70 };
    const first = await claimed(one, 'first', 'w1');
    expect(await pass(one, first, needs)).toMatchObject({ kind: 'ok' });
    const second = await claimed(one, 'second', 'w2');
    expect(await pass(one, second, needs)).toEqual({ kind: 'no-memory', found: '70' });
    const third = await claimed(one, 'third', 'w1');
    expect(await pass(one, third, { ...needs, host: 'other' })).toEqual({
      kind: 'no-worker-memory',
      found: '70',
    });
    expect(await pass(one, second, { ...needs, host: 'other' })).toMatchObject({ kind: 'ok' });
    const { id, run, epoch } = first;
    await one.deployments.transition({ id, run, epoch, from: ['gated'], to: 'loading' });
    await one.deployments.transition({ id, run, epoch, from: ['loading'], to: 'verifying' });
    expect(await pass(one, third, { disk: 1, memory: 70 })).toMatchObject({ kind: 'ok' });
  });

  it('counts what a load that has ended wrote until the disk was read after its end', async () => {
    const [one] = backends as [Backend];
    const first = await claimed(one, 'first', 'w1');
    const before = await one.deployments.serverTime();
    await pass(one, first, { disk: 60, memory: 1 });
    await one.deployments.transition({ ...first, from: ['gated'], to: 'dead' });
    const second = await claimed(one, 'second', 'w1');
    const old = { disk: 60, memory: 1, listedAt: before };
    expect(await pass(one, second, old)).toEqual({ kind: 'no-disk', found: '60' });
    expect(await pass(one, second, { disk: 60, memory: 1 })).toMatchObject({ kind: 'ok' });
  });
});
