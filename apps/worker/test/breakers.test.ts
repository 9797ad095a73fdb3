import { join } from 'node:path';
import {
  ADMINISTRATION,
  type Backend,
  createEmbeddedStore,
  type GraphStore,
  GraphshiftError,
  LOAD,
  type Load,
  type LoadRequest,
  openBackend,
  type Service,
  silentLogger,
} from '@graphshift/core';
import {
  breakSnapshot,
  type Installation,
  MemoryStore,
  makeInstallation,
  simulateSnapshot,
} from '@graphshift/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createWorker } from '../src/worker.ts';

const PATIENCE = { timeout: 100_000, interval: 20 };

let installation: Installation;
let services: Service[];
let backend: Backend;

beforeEach(async () => {
  installation = await makeInstallation();
  services = [];
});
afterEach(async () => {
  for (const service of services.reverse()) await service.stop();
  await installation.remove();
});

type Failing = 'openLoad' | 'nodes' | 'administration' | 'list';

/** In memory, so that loads take no time; the breakers stand before any store. It fails while `down`. */
class BreakingStore extends MemoryStore {
  down = true;
  /** Loads that were asked for. */
  asked = 0;
  readonly #fails: Failing;

  constructor(fails: Failing) {
    super({ contentOf: (path) => path });
    this.#fails = fails;
  }

  override async openLoad(request: LoadRequest): Promise<Load> {
    this.asked++;
    this.#fail('openLoad', 'STORE_UNREACHABLE', 'it takes no load');
    const load = await super.openLoad(request);
    return { ...load, nodes: async () => this.#fail('nodes', 'LOAD_FAILED', 'no row is taken') };
  }

  override async list(filter?: { customer?: string }) {
    this.#fail('list', 'STORE_UNREACHABLE', 'it lists nothing');
    return super.list(filter);
  }

  override async epochFloor(customer: string): Promise<number> {
    this.#fail('administration', 'STORE_UNREACHABLE', 'connection refused');
    return super.epochFloor(customer);
  }

  override async health() {
    if (!this.down || this.#fails !== 'administration') return super.health();
    return { reachable: false, writable: false, percent: {}, problem: 'connection refused' };
  }

  #fail(where: string, code: 'STORE_UNREACHABLE' | 'LOAD_FAILED', message: string): void {
    if (this.down && this.#fails === where) throw new GraphshiftError(code, message);
  }
}

/** A worker; two failures in a row open a breaker. */
async function startWorker(store: GraphStore, breakerSeconds = 1, other: object = {}): Promise<void> {
  const settings = installation.settings({
    'resilience.circuit_breaker_threshold': 2,
    'resilience.circuit_breaker_timeout': breakerSeconds,
    'orchestrator.max_retries': 3,
    ...other,
  });
  backend = await openBackend({ settings, log: silentLogger, directory: installation.directory, store });
  const worker = await createWorker({ backend, upkeepMs: 100_000 });
  services.push(backend, worker);
  await worker.start();
}

async function drop(customer: string, broken?: 'duplicate-id'): Promise<string> {
  const timestamp = 1_700_000_000;
  const path = join(installation.data, customer, String(timestamp));
  if (broken) {
    await simulateSnapshot(installation.data, { customer, timestamp, nodes: 30 });
    await breakSnapshot(path, broken);
  }
  const { head } = await backend.deployments.discover({ customer, timestamp, path });
  await backend.wakeUps.ensureHead(backend.deployments, head);
  return `${customer}@${timestamp}`;
}

const recordOf = (id: string) => backend.deployments.get(id);
const waits = (id: string, reason: RegExp) =>
  vi.waitFor(async () => {
    expect(await recordOf(id)).toMatchObject({ state: 'waiting', reason: expect.stringMatching(reason) });
  }, PATIENCE);
const lives = (id: string) =>
  vi.waitFor(async () => expect((await recordOf(id))?.state).toBe('live'), PATIENCE);

describe('a breaker that opens', () => {
  it('delays a deployment whose load the store does not take, without an attempt, and lets it through later', async () => {
    const store = new BreakingStore('openLoad');
    await startWorker(store);
    const id = await drop('acme');
    await waits(id, /^graph load failed \d+ times in a row and is left alone for a while.*it takes no load/);
    expect(backend.breakers.get(LOAD).view()).toMatchObject({ lastError: 'it takes no load' });
    // A probe that fails, and what is refused, cost nothing.
    await vi.waitFor(() => expect(store.asked).toBeGreaterThan(3), PATIENCE);
    expect(await recordOf(id)).toMatchObject({ attempts: 2 });
    store.down = false;
    await lives(id);
    expect(await recordOf(id)).toMatchObject({ attempts: 2 });
    expect(backend.breakers.get(LOAD).state).toBe('closed');
    expect(backend.breakers.get(ADMINISTRATION).state).toBe('closed');
  });

  it('opens by the phases of loads too, since that a load could be opened proves little', async () => {
    const store = new BreakingStore('nodes');
    await startWorker(store, 1000);
    const id = await drop('acme');
    await waits(id, /^graph load failed 2 times in a row.*no row is taken/);
    expect(await recordOf(id)).toMatchObject({ attempts: 2 });
    store.down = false;
    // As by a load that was under way when it opened.
    backend.breakers.get(LOAD).succeeded();
    await lives(id);
  });

  it('does not keep alive for ever what fails by itself, again and again', async () => {
    await startWorker(new BreakingStore('nodes'));
    const id = await drop('acme');
    await vi.waitFor(async () => expect((await recordOf(id))?.state).toBe('dead'), PATIENCE);
    expect(await recordOf(id)).toMatchObject({ attempts: 4 });
    expect(backend.breakers.get(LOAD).view()).toMatchObject({ failures: 4, lastError: 'no row is taken' });
  });

  it('has a deployment wait that cannot even be claimed while the administration does not answer', async () => {
    const store = new BreakingStore('administration');
    await startWorker(store);
    const id = await drop('acme');
    await waits(id, /^the store does not answer: graph administration failed \d+ times in a row/);
    expect(await recordOf(id)).toMatchObject({ attempts: 0, epoch: 0, holder: '' });
    store.down = false;
    await lives(id);
    expect(await recordOf(id)).toMatchObject({ attempts: 0 });
  });

  it('is not opened by what is wrong with snapshots', async () => {
    await startWorker(
      createEmbeddedStore({ directory: installation.store, loaderMemoryBytes: 512 * 2 ** 20 }),
    );
    const ids = [];
    for (const customer of ['one', 'two']) ids.push(await drop(customer, 'duplicate-id'));
    for (const id of ids)
      await vi.waitFor(async () => expect((await recordOf(id))?.state).toBe('dead'), PATIENCE);
    for (const view of backend.breakers.views()) expect(view).toMatchObject({ state: 'closed', failures: 0 });
  });
});

describe('a store that is away for less than it takes to open a breaker', () => {
  const never = { 'resilience.circuit_breaker_threshold': 1000 };

  it('costs no attempt of a deployment that it has not begun with', async () => {
    const store = new BreakingStore('list');
    await startWorker(store, 1, never);
    const id = await drop('acme');
    await waits(id, /^the store does not answer: it lists nothing/);
    store.down = false;
    await lives(id);
    expect(await recordOf(id)).toMatchObject({ attempts: 0 });
    expect(backend.breakers.get(ADMINISTRATION).view()).toMatchObject({ opened: 0 });
  });

  it('is left alone after a second failure for as long as at a closed gate, so that a restart costs no dead letter', async () => {
    await startWorker(new BreakingStore('openLoad'), 1, {
      ...never,
      'orchestrator.health_check_retry_delay': 1000,
    });
    const id = await drop('acme');
    await vi.waitFor(async () => expect(await recordOf(id)).toMatchObject({ attempts: 2 }), PATIENCE);
    const { state, dueAt = 0, changedAt = 0 } = (await recordOf(id)) ?? {};
    expect(state).toBe('retrying');
    expect(dueAt - changedAt).toBeGreaterThan(990_000);
  });
});
