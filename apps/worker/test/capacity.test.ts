/** Estimates beside real loads, and the gate that waits for disk and memory by them. */

import {
  type Backend,
  createEmbeddedStore,
  type DeploymentRecord,
  explain,
  type GraphStore,
  type MachineMemory,
  openBackend,
  type Service,
  silentLogger,
} from '@graphshift/core';
import {
  type Installation,
  makeInstallation,
  type SnapshotContent,
  writeSnapshot,
} from '@graphshift/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createWorker, type WorkerOptions } from '../src/worker.ts';

const PATIENCE = { timeout: 100_000, interval: 50 };
const MIB = 2 ** 20;
const GIB = 2 ** 30;

let installation: Installation;
let services: Service[];
/** What the store tells of its disk; the real one unless set. */
let disk: { free: number; total: number } | undefined;
let memory: MachineMemory;

beforeEach(async () => {
  installation = await makeInstallation();
  services = [];
  disk = undefined;
  memory = { total: 64 * GIB, free: 32 * GIB, own: 100 * MIB };
});
afterEach(async () => {
  for (const service of services.reverse()) await service.stop();
  await installation.remove();
});

/** The embedded store, on a disk of a size that a test may set. */
function storeOnDisk(): GraphStore {
  const store = createEmbeddedStore({ directory: installation.store, loaderMemoryBytes: 512 * MIB });
  const health = async () => ({ ...(await store.health()), ...(disk && { disk }) });
  return new Proxy(store, {
    get: (target, name) => (name === 'health' ? health : Reflect.get(target, name)),
  });
}

async function startWorker(flags: Record<string, unknown> = {}, options: Partial<WorkerOptions> = {}) {
  const settings = installation.settings(flags);
  const { directory } = installation;
  const backend = await openBackend({ settings, log: silentLogger, directory, store: storeOnDisk() });
  const times = { lockMs: 1500, stalledCheckMs: 400 };
  const capacity = { host: 'box', machineMemory: async () => memory };
  const worker = await createWorker({ backend, times, upkeepMs: 500, capacity, ...options });
  services.push(backend, worker);
  await worker.start();
  return backend;
}

async function drop({ deployments, wakeUps }: Backend, content: SnapshotContent): Promise<string> {
  const path = await writeSnapshot(installation.data, content);
  const { customer, timestamp } = content;
  const { head } = await deployments.discover({ customer, timestamp, path });
  await wakeUps.ensureHead(deployments, head);
  return `${customer}@${timestamp}`;
}

const small = (customer: string, timestamp = 1): SnapshotContent => ({
  customer,
  timestamp,
  nodes: { P: `SELECT i AS id, 'P' AS labels, i AS number FROM range(100) t(i)` },
});

async function reaches({ deployments }: Backend, id: string, state: DeploymentRecord['state']) {
  await vi.waitFor(async () => expect((await deployments.get(id))?.state, id).toBe(state), PATIENCE);
  return (await deployments.get(id)) as DeploymentRecord;
}

const SHAPES: readonly SnapshotContent[] = [
  {
    customer: 'text',
    timestamp: 1,
    nodes: {
      Doc: `SELECT i AS id, 'Doc' AS labels, repeat(md5(i::VARCHAR), 10) AS body FROM range(8000) t(i)`,
    },
  },
  {
    customer: 'links',
    timestamp: 1,
    nodes: { P: `SELECT i AS id, 'P' AS labels FROM range(20000) t(i)` },
    relationships: {
      R: `SELECT i % 20000 AS source, hash(i) % 20000 AS target, 'R' AS type, i AS at FROM range(60000) t(i)`,
    },
  },
  {
    customer: 'weights',
    timestamp: 1,
    nodes: {
      P: `SELECT i AS id, 'P' AS labels, i * 7 AS a, i * 11 AS b, 'x' || i AS c FROM range(20000) t(i)`,
    },
    relationships: {
      R: `SELECT i % 20000 AS source, hash(i) % 20000 AS target, 'R' AS type, i / 7.0::DOUBLE AS w FROM range(60000) t(i)`,
    },
  },
];

describe('an estimate', () => {
  it.each(SHAPES)(
    'is within a factor of two of what a load of $customer takes, and stands beside it',
    async (shape) => {
      // On the machine as it is.
      const backend = await startWorker({}, { capacity: {} });
      const { disk: real } = await backend.store.health();
      expect(real?.total).toBeGreaterThan(real?.free ?? Number.NaN);
      const record = await reaches(backend, await drop(backend, shape), 'live');
      const { estimate, outcome } = record;
      expect(estimate?.factors).toEqual({ disk: 1, memory: 1, seconds: 1 });
      for (const measure of ['disk', 'memory'] as const) {
        const ratio = (outcome?.[measure] ?? 0) / (estimate?.[measure] ?? 0);
        expect(ratio, measure).toBeGreaterThan(0.5);
        expect(ratio, measure).toBeLessThan(2);
      }
      expect(outcome?.memory).toBe(record.peakMemory);
      const detail = await backend.operations.deployment(record.id);
      expect(detail).toMatchObject({ outcome, estimate: { memory: estimate?.memory } });
    },
  );

  it('moves toward the outcome with every load of its size', async () => {
    const backend = await startWorker();
    const apart = async (customer: string) => {
      const { estimate, outcome } = await reaches(backend, await drop(backend, small(customer)), 'live');
      const figures = ['disk', 'memory'] as const;
      return figures.map((figure) =>
        Math.abs(Math.log((outcome?.[figure] ?? 0) / (estimate?.[figure] ?? 0))),
      );
    };
    // As though earlier loads had taken five times as much.
    const lesson = JSON.stringify({ factor: 5, loads: 1, at: await backend.deployments.serverTime() });
    for (const measure of ['disk', 'memory'])
      await backend.redis.hset(backend.keys.capacity, `embedded:5:${measure}`, lesson);
    const [first, second] = [await apart('one'), await apart('two')];
    for (const figure of [0, 1]) expect(second?.[figure]).toBeLessThan(first?.[figure] ?? 0);
  });
});

describe('a deployment that does not fit', () => {
  it('waits for disk with figures, uses no attempt, and goes on when there is room', async () => {
    disk = { free: 0.4 * MIB, total: 10 * GIB };
    const backend = await startWorker({ 'orchestrator.disk_reserve_percent': 0 });
    const id = await drop(backend, small('acme'));
    const waiting = await reaches(backend, id, 'waiting');
    expect(waiting.reason).toMatch(
      /^it needs 5\d\d KiB of disk, .* and the store's disk has 410 KiB free, 0 B reserved/,
    );
    // As its process says that it lives.
    await backend.instances.beat({
      ...{ id: 'w', kind: 'worker', state: 'running', host: 'box', pid: 1, version: '0' },
      ...{ capacity: 1, active: 0, busyMs: 0, uptimeMs: 1000 },
    });
    expect(await explain(backend, { customer: 'acme' })).toMatchObject({
      cause: 'no-capacity',
      why: waiting.reason,
      action: expect.stringMatching(/^Free disk under the store/),
    });
    const audit = await backend.deployments.audit({ deployment: id });
    expect(audit.find(({ to }) => to === 'waiting')?.detail).toBe(waiting.reason);
    disk = { free: GIB, total: 10 * GIB };
    expect(await reaches(backend, id, 'live')).toMatchObject({ attempts: 0, crashes: 0 });
  });

  it('says so where it never will, for disk and for memory, and passes without the check', async () => {
    disk = { free: 0.4 * MIB, total: 0.5 * MIB };
    const flags = { 'orchestrator.health_check_retry_delay': 0.2 };
    const backend = await startWorker(flags);
    const id = await drop(backend, small('acme'));
    const says = (words: RegExp) =>
      vi.waitFor(async () => expect((await backend.deployments.get(id))?.reason).toMatch(words), PATIENCE);
    await says(/the store's disk has 512 KiB in all, .* \(disk_reserve_percent 5\): it can never fit/);
    disk = { free: GIB, total: 10 * GIB };
    memory = { total: 64 * MIB, free: 64 * MIB, own: MIB };
    await says(/of memory, and box has 64.0 MiB in all: it can never fit there/);
    memory = { total: 64 * GIB, free: 64 * MIB, own: MIB };
    await says(/of memory, and box has 64.0 MiB to spare, 0 B reserved by loads in flight/);
    await startWorker({ ...flags, 'orchestrator.capacity_check': false });
    const record = await reaches(backend, id, 'live');
    expect(record).toMatchObject({ attempts: 0, estimate: { rows: 100 }, outcome: {} });
  });

  it('waits while another one has the last of the disk, and not when that one crashed', async () => {
    disk = { free: 0.9 * MIB, total: 10 * GIB };
    const flags = { 'orchestrator.disk_reserve_percent': 0 };
    let entered = () => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    let leave = () => {};
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    let first = true;
    const checkpoint = async (point: string) => {
      if (point !== 'load.checked' || !first) return;
      first = false;
      entered();
      await left;
    };
    const one = await startWorker(flags, { checkpoint });
    const loading = await drop(one, small('one'));
    await inside;
    const two = await startWorker(flags);
    const id = await drop(two, small('two'));
    expect((await reaches(two, id, 'waiting')).reason).toMatch(
      /922 KiB free, 5\d\d KiB reserved by loads in flight/,
    );
    // The worker is gone: what it held is taken from it, and nothing else is done about its reservation.
    const { holder } = (await two.deployments.get(loading)) as DeploymentRecord;
    const epoch = await two.deployments.raiseEpoch('one', 0);
    await two.deployments.release({ id: loading, holder, epoch, lost: true, reason: 'gone' });
    await reaches(two, id, 'live');
    leave();
    expect(await two.deployments.get(id)).toMatchObject({ attempts: 0 });
  });
});
