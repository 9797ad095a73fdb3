import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, type Clock, GraphshiftError, observeSnapshot, systemClock } from '@graphshift/core';
import {
  type Installation,
  makeInstallation,
  simulateSnapshot,
  smallContent,
  writeSnapshot,
} from '@graphshift/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Producer } from '../src/producer.ts';
import { WatchList } from '../src/watch-list.ts';

let installation: Installation;
let backend: Backend;

beforeAll(async () => {
  installation = await makeInstallation();
});
afterAll(() => installation.remove());
beforeEach(async () => {
  backend = await installation.open();
});
afterEach(async () => {
  await installation.redis.flush();
  await rm(installation.data, { recursive: true, force: true });
  await mkdir(installation.data);
});

/** A clock that stands still until it is moved. */
function standingClock(): Clock & { advance(ms: number): void } {
  let now = 1_700_000_000_000;
  return {
    ...systemClock,
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
}

describe('readiness by settling', () => {
  const SETTLE_MS = 5000;

  async function watch(content = smallContent('acme', 1_700_000_000)) {
    const path = await writeSnapshot(installation.data, content);
    const clock = standingClock();
    const observe = () => observeSnapshot(path, { root: installation.data });
    const list = new WatchList({ clock, settleMs: SETTLE_MS, observe });
    list.update([{ customer: 'acme', timestamp: 1_700_000_000, path }]);
    return { path, clock, list, file: join(path, 'nodes', 'Person', 'part-0.parquet') };
  }

  it('takes two looks of our own, the settle time apart', async () => {
    const { clock, list } = await watch();
    expect(await list.look()).toEqual([]);
    clock.advance(SETTLE_MS - 1);
    expect(await list.look()).toEqual([]);
    clock.advance(1);
    expect(await list.look()).toMatchObject([{ files: 4 }]);
  });

  it('begins anew when a file grows or another comes', async () => {
    const { path, clock, list, file } = await watch();
    await list.look();
    clock.advance(SETTLE_MS);
    await appendFile(file, 'more');
    expect(await list.look()).toEqual([]);
    clock.advance(SETTLE_MS);
    await writeFile(join(path, 'nodes', 'Person', 'part-1.parquet'), 'PAR1');
    expect(await list.look()).toEqual([]);
  });

  it('waits six times as long for what looks unfinished, and then says what is wrong', async () => {
    const { clock, list, file } = await watch();
    await appendFile(file, 'not the end of a Parquet file');
    await list.look();
    clock.advance(SETTLE_MS * 6 - 1);
    expect(await list.look()).toEqual([]);
    clock.advance(1);
    const [settled] = await list.look();
    expect(settled?.problem).toBeInstanceOf(GraphshiftError);
    expect(settled?.problem?.message).toContain('nodes/Person/part-0.parquet');
  });

  it('forgets a snapshot that went before it was whole', async () => {
    const { path, list } = await watch();
    await list.look();
    await rm(path, { recursive: true });
    expect(await list.look()).toEqual([]);
    expect(list.size).toBe(0);
  });
});

describe('a producer', () => {
  async function recorded(count: number): Promise<void> {
    await vi.waitFor(async () => expect(await backend.deployments.list()).toHaveLength(count), 20_000);
  }

  it('records each snapshot once and enqueues each customer once, beside three others', async () => {
    for (const timestamp of [1_700_000_000, 1_700_000_100]) {
      for (const customer of ['acme', 'beta'])
        await simulateSnapshot(installation.data, { customer, timestamp, nodes: 10 });
    }
    const producers = await Promise.all(
      Array.from(
        { length: 4 },
        async () => new Producer({ backend: await installation.open(), roots: [installation.data] }),
      ),
    );
    await Promise.all(producers.map((producer) => producer.start()));
    await recorded(4);
    await vi.waitFor(() => expect(producers.every((producer) => producer.settled)).toBe(true), 20_000);
    await Promise.all(producers.map((producer) => producer.stop()));
    const states = (await backend.deployments.list()).map(({ id, state }) => `${id} ${state}`).sort();
    expect(states).toEqual([
      'acme@1700000000 discovered',
      'acme@1700000100 queued',
      'beta@1700000000 discovered',
      'beta@1700000100 queued',
    ]);
    expect(await backend.wakeUps.queue.getJobCounts()).toMatchObject({ waiting: 2 });
    const audit = await backend.deployments.audit();
    expect(audit.filter(({ to }) => to === 'discovered')).toHaveLength(4);
  });

  it('goes on beside what it refuses, and forgets a refusal once it is mended', async () => {
    const wrong = join(installation.data, 'a_b', '1700000000');
    await mkdir(wrong, { recursive: true });
    await simulateSnapshot(installation.data, { customer: 'acme', timestamp: 1_700_000_000, nodes: 10 });
    const producer = new Producer({ backend, roots: [installation.data] });
    await producer.start();
    await recorded(1);
    expect(await backend.deployments.refusals()).toMatchObject([{ error: { code: 'CUSTOMER_NAME' } }]);
    await rm(join(installation.data, 'a_b'), { recursive: true });
    await vi.waitFor(async () => expect(await backend.deployments.refusals()).toEqual([]), 10_000);
    await producer.stop();
  });

  it('says at its start which root it cannot read', async () => {
    const producer = new Producer({ backend, roots: [join(installation.directory, 'nowhere')] });
    await expect(producer.start()).rejects.toThrow(/orchestrator.data_path: .*nowhere/);
  });

  it('names a customer as its alias is, in lower case', async () => {
    await simulateSnapshot(installation.data, { customer: 'Acme', timestamp: 1_700_000_000, nodes: 10 });
    const producer = new Producer({ backend, roots: [installation.data] });
    await producer.start();
    await recorded(1);
    await producer.stop();
    expect(await backend.deployments.get('acme@1700000000')).toMatchObject({
      customer: 'acme',
      path: expect.stringContaining('Acme'),
    });
  });
});
