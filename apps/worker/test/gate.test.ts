import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, GraphshiftError, openBackend, type Service, silentLogger } from '@graphshift/core';
import { type Installation, makeInstallation, simulateSnapshot } from '@graphshift/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createWorker } from '../src/worker.ts';

let installation: Installation;
let services: Service[];

beforeEach(async () => {
  installation = await makeInstallation();
  services = [];
});
afterEach(async () => {
  for (const service of services.reverse()) await service.stop();
  await installation.remove();
});

/** A worker in this process, on a store that a test may break. */
async function startWorker(flags: Record<string, unknown>, change?: (backend: Backend) => void) {
  const settings = installation.settings(flags);
  const { directory } = installation;
  const backend = await openBackend({ settings, log: silentLogger, directory });
  change?.(backend);
  const worker = await createWorker({ backend, upkeepMs: 500 });
  services.push(backend, worker);
  await worker.start();
  return backend;
}

async function drop({ deployments, wakeUps }: Backend, customer: string): Promise<string> {
  const timestamp = 1_700_000_000;
  await simulateSnapshot(installation.data, { customer, timestamp, nodes: 30 });
  const path = join(installation.data, customer, String(timestamp));
  const { head } = await deployments.discover({ customer, timestamp, path });
  await wakeUps.ensureHead(deployments, head);
  return `${customer}@${timestamp}`;
}

/** The most deployments that were between gate and cutover at one moment, by the audit stream. */
async function mostAtOnce({ deployments }: Backend): Promise<number> {
  let [running, most] = [0, 0];
  for (const { from, to } of await deployments.audit()) {
    if (from === to) continue;
    if (to === 'gated') running++;
    if (to === 'live') running--;
    most = Math.max(most, running);
  }
  return most;
}

const reaches = ({ deployments }: Backend, id: string, state: string) =>
  vi.waitFor(async () => expect((await deployments.get(id))?.state).toBe(state), 60_000);

describe('the gate of a worker', () => {
  it('lets one load pass at a time in two processes, and uses no attempt for the wait', async () => {
    const flags = { 'orchestrator.num_workers': 2, 'orchestrator.max_concurrent_loads': 1 };
    const backend = await startWorker(flags);
    await startWorker(flags);
    const ids = [];
    for (const customer of ['one', 'two']) ids.push(await drop(backend, customer));
    for (const id of ids) await reaches(backend, id, 'live');
    expect(await mostAtOnce(backend)).toBe(1);
    for (const id of ids) expect(await backend.deployments.get(id)).toMatchObject({ attempts: 0 });
  });

  it('looks at the store anew where a shared listing shows no room', async () => {
    const backend = await startWorker({ 'orchestrator.max_databases': 2, 'orchestrator.retention': 1 });
    const ids = [];
    for (const customer of ['one', 'two']) ids.push(await drop(backend, customer));
    for (const id of ids) await reaches(backend, id, 'live');
    const id = await drop(backend, 'three');
    await reaches(backend, id, 'waiting');
    expect((await backend.deployments.get(id))?.reason).toMatch(/2 of at most 2 databases/);
    // Some process shares what it saw; then there is room.
    await backend.readings.read();
    const epoch = await backend.deployments.raiseEpoch('one', 0);
    await unlink(join(installation.store, 'aliases', 'one'));
    await (await backend.store.prepareDrop('one', 'one-1700000000', epoch)).fire();
    await reaches(backend, id, 'loading');
  });
});

describe('a load that always fails', () => {
  it('is tried four times with max_retries 3, and keeps who, when, where, why and the stack', async () => {
    let tries = 0;
    const disk = new Error('sector 7 cannot be read');
    const backend = await startWorker({}, ({ store }) => {
      store.openLoad = () => {
        tries++;
        return Promise.reject(
          new GraphshiftError('LOAD_FAILED', 'the load broke', {
            cause: new Error('the engine stopped', { cause: disk }),
          }),
        );
      };
    });
    expect(backend.settings.orchestrator.max_retries).toBe(3);
    const id = await drop(backend, 'acme');
    await reaches(backend, id, 'dead');
    expect(tries).toBe(4);
    const error = {
      code: 'LOAD_FAILED',
      class: 'retryable',
      customer: 'acme',
      timestamp: 1_700_000_000,
      step: 'loading',
      cause: 'the engine stopped: sector 7 cannot be read',
    };
    const record = await backend.deployments.get(id);
    expect(record).toMatchObject({ attempts: 4, error });
    expect(record?.error?.at).toBeGreaterThan(1_700_000_000_000);
    const stack = record?.error?.stack ?? '';
    expect(stack).toMatch(/the load broke[\s\S]*Caused by: Error: the engine stopped/);
    expect(stack).toContain('Caused by: Error: sector 7 cannot be read');

    const audit = await backend.deployments.audit({ deployment: id });
    expect(audit.filter(({ from, to }) => from === 'loading' && to === 'retrying')).toHaveLength(3);
    const letter = (await backend.letters.queue.getJobs())[0];
    expect(letter?.data).toMatchObject({ deployment: id, run: 1, ...error });
    const detail = await backend.operations.deployment(id);
    expect(detail.error).toMatchObject({ ...error, at: expect.stringMatching(/^20\d\d-/) });
    expect(detail.stack).toBe(stack);
  });
});
