import { type Installation, makeInstallation } from '@graphshift/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TransitionResult } from '../queue/deployment-store.ts';
import type { Backend } from '../runtime/backend.ts';

let installation: Installation;
let backends: Backend[];

beforeAll(async () => {
  installation = await makeInstallation();
  backends = [await installation.open(), await installation.open()];
});
afterAll(() => installation.remove());

/** Brings a fresh deployment of the customer into a holder's hands. */
async function claimed(backend: Backend, customer: string) {
  const { deployments } = backend;
  await deployments.discover({ customer, timestamp: 100, path: customer });
  const claim = await deployments.claim(`${customer}@100`, 1, 'a worker', 0);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  return { id: claim.record.id, run: 1, epoch: claim.record.epoch };
}

type Held = Awaited<ReturnType<typeof claimed>>;

function pass(backend: Backend, held: Held, maxLoads: number): Promise<TransitionResult> {
  const database = held.id.replace('@', '-');
  const room = { database, existing: [], max: 1000, listedAt: 0, maxLoads };
  const change = { from: ['queued', 'waiting'], to: 'gated', fields: { database } } as const;
  return backend.deployments.transition({ ...held, ...change, room });
}

describe('loads of all processes together', () => {
  it('are never more than max_concurrent_loads, whatever comes and goes in which order', async () => {
    const step = fc.record({ of: fc.nat(5), ends: fc.boolean(), process: fc.nat(1) });
    const histories = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), histories, async (maxLoads, rounds) => {
        await installation.redis.flush();
        const [first] = backends as [Backend];
        const all = await Promise.all([...'abcdef'].map((name) => claimed(first, `acme-${name}`)));
        for (const round of rounds) {
          await Promise.all(
            round.map(async ({ of, ends, process }) => {
              const backend = backends[process]!;
              if (!ends) return pass(backend, all[of]!, maxLoads);
              return backend.deployments.transition({ ...all[of]!, from: ['gated'], to: 'waiting' });
            }),
          );
          expect((await first.deployments.counts()).gated).toBeLessThanOrEqual(maxLoads);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('make way for the next as soon as one ends', async () => {
    await installation.redis.flush();
    const [backend] = backends as [Backend];
    const [one, two] = [await claimed(backend, 'one'), await claimed(backend, 'two')];
    expect(await pass(backend, one, 1)).toMatchObject({ kind: 'ok' });
    expect(await pass(backend, two, 1)).toEqual({ kind: 'busy', found: '1' });
    await backend.deployments.transition({ ...one, from: ['gated'], to: 'dead' });
    expect(await pass(backend, two, 1)).toMatchObject({ kind: 'ok' });
  });
});
