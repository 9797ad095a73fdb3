import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, declareSnapshot, type Logger } from '@graphshift/core';
import {
  type Installation,
  makeInstallation,
  simulateSnapshot,
  smallContent,
  writeSnapshot,
} from '@graphshift/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Producer, type ProducerOptions } from '../src/producer.ts';

let installation: Installation;
let backend: Backend;

beforeAll(async () => {
  installation = await makeInstallation();
});
afterAll(() => installation.remove());
beforeEach(async () => {
  backend = await installation.open();
});
const running: Producer[] = [];
afterEach(async () => {
  for (const producer of running.splice(0)) await producer.stop();
  await installation.redis.flush();
  await rm(installation.data, { recursive: true, force: true });
  await mkdir(installation.data);
});

async function recorded(count: number): Promise<void> {
  await vi.waitFor(async () => expect(await backend.deployments.list()).toHaveLength(count), 60_000);
}

/** A producer that runs, and is stopped with the test. */
async function startProducer(options: Partial<ProducerOptions> = {}): Promise<Producer> {
  const producer = new Producer({ backend, roots: [installation.data], ...options });
  running.push(producer);
  await producer.start();
  return producer;
}

const settled = (producer: Producer) =>
  vi.waitFor(() => expect(producer.settled).toBe(true), { timeout: 60_000 });

/** The same backend, with what it warns and tells in a list. */
function overheard(of: Backend): { backend: Backend; lines: string[] } {
  const lines: string[] = [];
  const hear = (...[first, second]: unknown[]) => void lines.push(String(second ?? first));
  const log = { ...of.log, info: hear, warn: hear, error: hear } as unknown as Logger;
  return { backend: { ...of, log }, lines };
}

describe('a producer', () => {
  it('records each snapshot once and enqueues each customer once, beside three others', async () => {
    for (const timestamp of [1_700_000_000, 1_700_000_100]) {
      for (const customer of ['acme', 'beta'])
        await simulateSnapshot(installation.data, { customer, timestamp, nodes: 10 });
    }
    const producers = await Promise.all(
      Array.from({ length: 4 }, async () => startProducer({ backend: await installation.open() })),
    );
    await recorded(4);
    await Promise.all(producers.map(settled));
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
    await startProducer();
    await recorded(1);
    expect(await backend.deployments.refusals()).toMatchObject([{ error: { code: 'CUSTOMER_NAME' } }]);
    await rm(join(installation.data, 'a_b'), { recursive: true });
    await vi.waitFor(async () => expect(await backend.deployments.refusals()).toEqual([]), 60_000);
  });

  it('says at its start which root it cannot read', async () => {
    const roots = [join(installation.directory, 'nowhere')];
    await expect(startProducer({ roots })).rejects.toThrow(/orchestrator.data_path: .*nowhere/);
  });

  it('names a customer as its alias is, in lower case', async () => {
    await simulateSnapshot(installation.data, { customer: 'Acme', timestamp: 1_700_000_000, nodes: 10 });
    await startProducer();
    await recorded(1);
    expect(await backend.deployments.get('acme@1700000000')).toMatchObject({
      customer: 'acme',
      path: expect.stringContaining('Acme'),
    });
  });
});

describe('what a producer finds', () => {
  it('takes a copied directory with a new timestamp for a new snapshot', async () => {
    const old = await simulateSnapshot(installation.data, {
      customer: 'acme',
      timestamp: 1_700_000_000,
      nodes: 10,
    });
    await settled(await startProducer());
    await cp(old, join(installation.data, 'acme', '1700000100'), {
      recursive: true,
      preserveTimestamps: true,
    });
    await recorded(2);
    expect(await backend.deployments.get('acme@1700000100')).toMatchObject({ state: 'queued' });
  });

  it('finds files that appear deep down, long after the time of the customer stopped moving', async () => {
    const whole = await writeSnapshot(installation.directory, smallContent('acme', 1_700_000_000));
    await mkdir(join(installation.data, 'acme', '1700000000'), { recursive: true });
    const open = await installation.open({ 'orchestrator.readiness': 'marker' });
    const producer = await startProducer({ backend: open });
    await vi.waitFor(
      () => expect(producer.unready(9)).toEqual(['acme@1700000000 waits for its _SUCCESS']),
      60_000,
    );
    for (let scans = 0; scans < 3; scans += 1) await producer.scan();
    const there = join(installation.data, 'acme', '1700000000');
    await cp(join(whole, 'nodes'), join(there, 'nodes'), { recursive: true });
    for (let scans = 0; scans < 3; scans += 1) await producer.scan();
    expect(await backend.deployments.list()).toEqual([]);
    await cp(join(whole, 'relationships'), join(there, 'relationships'), { recursive: true });
    await declareSnapshot(there, 'marker');
    await recorded(1);
  });

  it('goes through thousands of customers, and still finds the one that moves', async () => {
    const customers = Array.from({ length: 1500 }, (_, index) => `customer-x${index}x`);
    for (const customer of customers)
      await mkdir(join(installation.data, customer, '1700000000'), { recursive: true });
    const open = await installation.open({ 'orchestrator.readiness': 'marker' });
    const producer = await startProducer({ backend: open });
    await vi.waitFor(() => expect(producer.unready(5000)).toHaveLength(1500), { timeout: 60_000 });
    await simulateSnapshot(installation.data, {
      customer: 'customer-x7x',
      timestamp: 1_700_000_001,
      nodes: 10,
    });
    await declareSnapshot(join(installation.data, 'customer-x7x', '1700000001'), 'marker');
    await recorded(1);
    expect(await backend.deployments.get('customer-x7x@1700000001')).toBeDefined();
  });

  it('takes a snapshot by its manifest, and one whose manifest lies is a dead letter that says how', async () => {
    for (const customer of ['whole', 'wrong']) {
      const path = await simulateSnapshot(installation.directory, {
        customer,
        timestamp: 1_700_000_000,
        nodes: 10,
      });
      await declareSnapshot(path, 'manifest');
      if (customer === 'wrong') await rm(join(path, 'nodes', 'Person', 'part-0.parquet'));
      await mkdir(join(installation.data, customer));
      await rename(path, join(installation.data, customer, '1700000000'));
    }
    const open = await installation.open({ 'orchestrator.readiness': 'manifest' });
    await startProducer({ backend: open });
    await recorded(2);
    expect(await backend.deployments.get('whole@1700000000')).toMatchObject({ state: 'queued' });
    expect(await backend.deployments.get('wrong@1700000000')).toMatchObject({
      state: 'dead',
      error: { code: 'MANIFEST_MISMATCH', message: expect.stringContaining('nodes/Person/part-0.parquet') },
    });
  });
});

describe('a root that goes away', () => {
  it('is told once, stops no other root, and loses nothing until it is back', async () => {
    const other = join(installation.directory, 'other');
    await mkdir(other, { recursive: true });
    await mkdir(join(installation.data, 'slow', '1700000000'), { recursive: true });
    const heard = overheard(await installation.open({ 'orchestrator.readiness': 'marker' }));
    const producer = await startProducer({ backend: heard.backend, roots: [installation.data, other] });
    await vi.waitFor(() => expect(producer.unready(9)).toHaveLength(1), 60_000);

    await rename(installation.data, `${installation.data}-away`);
    await vi.waitFor(() => expect(heard.lines.join()).toContain('cannot be read'), 60_000);
    await simulateSnapshot(other, { customer: 'beta', timestamp: 1_700_000_000, nodes: 10 });
    await declareSnapshot(join(other, 'beta', '1700000000'), 'marker');
    await recorded(1);
    for (let scans = 0; scans < 3; scans += 1) await producer.scan();
    expect(heard.lines.filter((line) => line.includes('cannot be read'))).toHaveLength(1);
    expect(producer.unready(9)).toHaveLength(1);

    await rename(`${installation.data}-away`, installation.data);
    await vi.waitFor(() => expect(heard.lines.join()).toContain('can be read again'), 60_000);
    const small = await writeSnapshot(installation.directory, smallContent('slow', 1_700_000_000));
    await cp(small, join(installation.data, 'slow', '1700000000'), { recursive: true });
    await declareSnapshot(join(installation.data, 'slow', '1700000000'), 'marker');
    await recorded(2);
  });

  it('warns of a root that has no customer left, and finds them again as they were', async () => {
    await simulateSnapshot(installation.data, { customer: 'acme', timestamp: 1_700_000_000, nodes: 10 });
    const heard = overheard(backend);
    await settled(await startProducer({ backend: heard.backend }));
    await rename(installation.data, `${installation.data}-away`);
    await mkdir(installation.data);
    await vi.waitFor(() => expect(heard.lines.join()).toMatch(/had 1 customers and has none now/), 60_000);
    await rm(installation.data, { recursive: true });
    await rename(`${installation.data}-away`, installation.data);
    await simulateSnapshot(installation.data, { customer: 'acme', timestamp: 1_700_000_100, nodes: 10 });
    await recorded(2);
    const audit = await backend.deployments.audit();
    expect(audit.filter(({ from, to }) => from === '' && to === 'discovered')).toHaveLength(2);
  });
});

describe('a Redis that forgets', () => {
  it('is recognised when it was emptied: recovery first, then every snapshot within one scan', async () => {
    for (const timestamp of [1_700_000_000, 1_700_000_100])
      await simulateSnapshot(installation.data, { customer: 'acme', timestamp, nodes: 10 });
    const seen: number[] = [];
    const recover = async () => {
      seen.push((await backend.deployments.list()).length);
    };
    const open = await installation.open({ 'orchestrator.scan_interval': '600' });
    const producer = await startProducer({ backend: open, recover });
    await settled(producer);
    await recorded(2);
    expect(seen).toEqual([0]);
    await installation.redis.flush();
    await producer.scan();
    expect(seen).toEqual([0, 0]);
    expect(producer.unready(9).sort()).toEqual(['acme@1700000000', 'acme@1700000100']);
  });

  it('gets no record before a recovery has gone through', async () => {
    await simulateSnapshot(installation.data, { customer: 'acme', timestamp: 1_700_000_000, nodes: 10 });
    let tries = 0;
    const recover = async () => {
      tries += 1;
      if (tries === 2 || tries === 3) throw new Error('the store is away');
      expect(await backend.deployments.list()).toEqual([]);
    };
    const heard = overheard(backend);
    await settled(await startProducer({ backend: heard.backend, recover }));
    await recorded(1);
    await installation.redis.flush();
    await recorded(1);
    expect(tries).toBe(4);
    expect(heard.lines.filter((line) => line.includes('the store is away'))).toHaveLength(2);
  });

  it('keeps a producer from starting when nothing can be recovered', async () => {
    const recover = () => Promise.reject(new Error('the store is away'));
    await expect(startProducer({ recover })).rejects.toThrow('the store is away');
  });

  it('is given again what it lost of its last second, by the next full scan', async () => {
    await simulateSnapshot(installation.data, { customer: 'acme', timestamp: 1_700_000_000, nodes: 10 });
    const open = await installation.open({ 'orchestrator.full_scan_interval': '1' });
    const producer = await startProducer({ backend: open });
    await settled(producer);
    await recorded(1);
    const lost = [backend.keys.deployment('acme@1700000000'), backend.keys.state('queued')];
    await backend.redis.del(...lost, backend.keys.customer('acme'));
    await recorded(1);
  });
});
