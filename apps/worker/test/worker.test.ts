import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, databaseName, GraphshiftError } from '@graphshift/core';
import {
  type Installation,
  makeInstallation,
  type Program,
  simulateSnapshot,
  startProgram,
} from '@graphshift/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Fault } from './worker-program.ts';

let installation: Installation;
let backend: Backend;
let workers: Program[];

beforeEach(async () => {
  installation = await makeInstallation();
  backend = await installation.open();
  workers = [];
});

afterEach(async () => {
  for (const worker of workers) {
    worker.process.kill('SIGCONT');
    await worker.end('SIGKILL');
  }
  await installation.remove();
});

async function startWorker(fault: Fault = {}): Promise<Program> {
  const url = new URL('./worker-program.ts', import.meta.url);
  const worker = startProgram(url, [JSON.stringify(fault)], installation.environment);
  workers.push(worker);
  await worker.line(/^ready$/);
  return worker;
}

/** Drops a snapshot and tells the queue, as a producer does once it has settled. */
async function deploySnapshot(customer: string, timestamp: number, nodes = 200): Promise<string> {
  const path = await simulateSnapshot(installation.data, { customer, timestamp, nodes });
  const { head } = await backend.deployments.discover({ customer, timestamp, path });
  await backend.wakeUps.ensureHead(backend.deployments, head);
  return `${customer}@${timestamp}`;
}

async function reaches(id: string, state: string): Promise<void> {
  await vi.waitFor(async () => expect((await backend.deployments.get(id))?.state).toBe(state), {
    timeout: 100_000,
    interval: 100,
  });
}

async function people(customer: string): Promise<unknown> {
  const { rows } = await backend.store.query(
    { alias: customer },
    'MATCH (p:Person) RETURN count(*) AS people',
  );
  return rows[0]?.people;
}

/** How often a deployment made a step, by the audit stream. */
async function timesInto(id: string, state: string): Promise<number> {
  const audit = await backend.deployments.audit({ deployment: id });
  return audit.filter(({ from, to }) => to === state && from !== state).length;
}

/** Nothing is on disk but whole databases with the given names. */
async function expectOnlyDatabases(...names: string[]): Promise<void> {
  await vi.waitFor(async () => {
    const { databases } = await backend.store.list();
    expect(databases.map(({ name, state }) => `${name} ${state}`).sort()).toEqual(
      names.map((name) => `${name} complete`).sort(),
    );
  }, 60_000);
  expect((await readdir(join(installation.store, 'databases'))).sort()).toEqual([...names].sort());
}

describe('a worker', () => {
  it('brings a snapshot live and answers through the alias', async () => {
    await startWorker();
    const id = await deploySnapshot('acme', 1_700_000_000);
    await reaches(id, 'live');
    expect(await people('acme')).toBe(200);
    expect(await backend.deployments.get(id)).toMatchObject({ attempts: 0, nodes: 204, relationships: 800 });
    await expectOnlyDatabases('acme-1700000000');
  });

  it('keeps the newest two databases', async () => {
    await startWorker();
    for (const timestamp of [1_700_000_000, 1_700_000_100, 1_700_000_200]) {
      await reaches(await deploySnapshot('acme', timestamp), 'live');
    }
    await expectOnlyDatabases('acme-1700000100', 'acme-1700000200');
    await reaches('acme@1700000000', 'retired');
    await reaches('acme@1700000100', 'replaced');
  });

  it('tries a load again whose process died, and then brings it live', async () => {
    await startWorker({ point: 'load.checked', act: 'kill-loader' });
    const id = await deploySnapshot('acme', 1_700_000_000);
    await reaches(id, 'live');
    expect(await backend.deployments.get(id)).toMatchObject({ attempts: 1, crashes: 0 });
    expect(await timesInto(id, 'retrying')).toBe(1);
    await expectOnlyDatabases('acme-1700000000');
  });

  it('does not load again what is complete when Redis was emptied', async () => {
    const worker = await startWorker();
    await reaches(await deploySnapshot('acme', 1_700_000_000), 'live');
    await worker.end();
    const before = await backend.store.alias('acme');
    await installation.redis.flush();
    await startWorker();
    const path = join(installation.data, 'acme', '1700000000');
    const { head } = await backend.deployments.discover({ customer: 'acme', timestamp: 1_700_000_000, path });
    await backend.wakeUps.ensureHead(backend.deployments, head);
    await reaches('acme@1700000000', 'live');
    expect(await timesInto('acme@1700000000', 'loading')).toBe(0);
    expect(await backend.store.alias('acme')).toEqual(before);
  });
});

describe('the sweep', () => {
  it('gives a head a job whose producer died before it could, or whose job was lost', async () => {
    const path = await simulateSnapshot(installation.data, {
      customer: 'acme',
      timestamp: 1_700_000_000,
      nodes: 20,
    });
    await backend.deployments.discover({ customer: 'acme', timestamp: 1_700_000_000, path });
    const lost = await deploySnapshot('beta', 1_700_000_000, 20);
    await backend.wakeUps.queue.remove(`${lost}~1`);
    expect(await backend.wakeUps.queue.getJobCounts()).toMatchObject({ waiting: 0, delayed: 0 });
    await startWorker();
    await reaches('acme@1700000000', 'live');
    await reaches(lost, 'live');
  });

  it('writes the letter of a dead deployment again that has none', async () => {
    const error = new GraphshiftError('FILE_TRUNCATED', 'nodes/A/1.parquet is cut off').toRecord();
    await backend.deployments.discover({ customer: 'acme', timestamp: 1_700_000_000, path: '/data', error });
    await startWorker();
    await vi.waitFor(async () => expect(await backend.letters.queue.getFailedCount()).toBe(1), 60_000);
  });
});

describe('a snapshot that a worker cannot see', () => {
  it('is skipped when it was removed, and tried again when its whole root is not there', async () => {
    await startWorker();
    const removed = await deploySnapshot('acme', 1_700_000_000);
    const there = join(installation.data, 'acme');
    await reaches(removed, 'live');
    const discover = async (timestamp: number, path: string) => {
      const { head } = await backend.deployments.discover({ customer: 'acme', timestamp, path });
      await backend.wakeUps.ensureHead(backend.deployments, head);
      return `acme@${timestamp}`;
    };
    await reaches(await discover(1_700_000_100, join(there, '1700000100')), 'skipped');
    const unmounted = await discover(
      1_700_000_200,
      join(installation.directory, 'unmounted', 'acme', '1700000200'),
    );
    await vi.waitFor(
      async () => {
        expect(await backend.deployments.get(unmounted)).toMatchObject({
          error: { code: 'ROOT_UNREADABLE' },
        });
      },
      { timeout: 60_000, interval: 100 },
    );
  });
});

/** Killed once at each step, it is for apps/cli/test/kills. */
describe('a worker killed in the middle', () => {
  it('three times over is a dead letter, and its redrive starts from a clean count', async () => {
    const id = await deploySnapshot('acme', 1_700_000_000);
    for (let crash = 1; crash <= 3; crash++) {
      const victim = await startWorker({ point: 'load.checked', act: 'kill' });
      await victim.ended();
    }
    await startWorker();
    await reaches(id, 'dead');
    expect(await backend.deployments.get(id)).toMatchObject({ crashes: 3, error: { code: 'POISON' } });
    await backend.operations.retry(id, 'test');
    await reaches(id, 'live');
    expect(await backend.deployments.get(id)).toMatchObject({ run: 2, crashes: 0, attempts: 0 });
    await expectOnlyDatabases('acme-1700000000');
  });
});

describe('a worker stopped just before its cutover', () => {
  /** The older snapshot's worker sleeps through another worker's two cutovers and wakes up. */
  async function overtake(point: string, unfenced: boolean): Promise<string | undefined> {
    const sleeper = await startWorker({ point, act: 'stop', unfenced });
    const older = await deploySnapshot('acme', 1_700_000_000, 100);
    await sleeper.line(new RegExp(`^reached ${point}$`));
    await startWorker();
    await reaches(older, 'live');
    const newer = await deploySnapshot('acme', 1_700_000_100, 150);
    await reaches(newer, 'live');
    sleeper.process.kill('SIGCONT');
    await sleeper.line(/let go|cutover: alias acme moved/);
    return (await backend.store.alias('acme'))?.database;
  }

  it.each(['switching', 'cutover.read', 'cutover.prepared', 'cutover.checked'])(
    'at %s: the alias stays on the newer snapshot when it goes on',
    async (point) => {
      expect(await overtake(point, false)).toBe('acme-1700000100');
      expect(await people('acme')).toBe(150);
    },
  );

  it('would move the alias back without the checks of the epoch', async () => {
    expect(await overtake('cutover.read', true)).toBe('acme-1700000000');
  });
});

describe('four workers on one queue', () => {
  it('load every snapshot once', async () => {
    await Promise.all([startWorker(), startWorker(), startWorker(), startWorker()]);
    const customers = Array.from({ length: 8 }, (_, index) => `customer-${String.fromCharCode(97 + index)}`);
    const ids = await Promise.all(customers.map((customer) => deploySnapshot(customer, 1_700_000_000, 40)));
    for (const id of ids) await reaches(id, 'live');
    for (const id of ids) expect([id, await timesInto(id, 'loading')]).toEqual([id, 1]);
    const { aliases } = await backend.store.list();
    expect(aliases.map(({ database }) => database).sort()).toEqual(
      customers.map((customer) => databaseName({ customer, timestamp: 1_700_000_000 })).sort(),
    );
    const holders = new Set(
      (await backend.deployments.audit()).filter(({ to }) => to === 'loading').map(({ holder }) => holder),
    );
    expect(holders.size).toBeGreaterThan(1);
  });
});
