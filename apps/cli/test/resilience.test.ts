/** Real worker processes that are recovered while they run, or whose consumer hangs. */

import { type Backend, GraphshiftError, type RecoveryReport } from '@graphshift/core';
import {
  type Installation,
  type Link,
  makeInstallation,
  openLink,
  type Program,
  simulateSnapshot,
  startProgram,
} from '@graphshift/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runInProcess } from './run-in-process.ts';

const MAIN = new URL('../src/main.ts', import.meta.url);
const TIMESTAMP = 1_700_000_000;
const PATIENCE = { timeout: 100_000, interval: 50 };

let installation: Installation;
let backend: Backend;
let link: Link;
interface Worker {
  readonly program: Program;
  readonly instance: string;
  /** Number of the connection on which its consumer fetches; the one before it is what all others share. */
  readonly consumer: number;
  /** The same of its desk of dead letters. */
  readonly desk: number;
}
/** Those that still run. A test that leaves one well hands it on, since a process takes long to start. */
const workers: Worker[] = [];

beforeAll(async () => {
  installation = await makeInstallation();
  backend = await installation.open();
  link = await openLink(installation.redis.port);
});
afterAll(async () => {
  for (const { program } of workers) await program.end('SIGKILL');
  await link.close();
  await installation.remove();
});

/** A worker that reaches Redis through the link, at work already where there is one. */
async function haveWorker(): Promise<Worker> {
  const [running] = workers;
  if (running) return running;
  const first = link.connections;
  const program = startProgram(MAIN, ['worker'], {
    ...installation.environment,
    REDIS_URL: `redis://127.0.0.1:${link.port}`,
    HEARTBEAT_INTERVAL: '0.3',
    GRAPHSHIFT_RESILIENCE_WATCHDOG_SECONDS: '3',
  });
  const worker = { program, instance: '', consumer: first + 1, desk: first + 2 };
  workers.push(worker);
  const line = await program.line(/worker runs as \S+/);
  worker.instance = /worker runs as ([\w.-]+)/.exec(line)?.[1] ?? '';
  return worker;
}

async function ended({ program }: Worker): Promise<number | null> {
  const code = await program.ended();
  workers.splice(0);
  return code;
}

async function drop(customer: string, nodes: number): Promise<string> {
  const path = await simulateSnapshot(installation.data, { customer, timestamp: TIMESTAMP, nodes });
  const { head } = await backend.deployments.discover({ customer, timestamp: TIMESTAMP, path });
  await backend.wakeUps.ensureHead(backend.deployments, head);
  return `${customer}@${TIMESTAMP}`;
}

const reaches = (id: string, state: string) =>
  vi.waitFor(async () => expect((await backend.deployments.get(id))?.state, id).toBe(state), PATIENCE);

async function run(...values: string[]): Promise<{ code: number; text: string }> {
  return runInProcess([...values, '--log-level', 'silent'], {
    environment: installation.environment,
    directory: installation.directory,
  });
}

describe('a worker that a person recovers while it loads', () => {
  it('gives up its load, exits with the code that an orchestrator restarts, and another one goes on', async () => {
    const worker = await haveWorker();
    const { program, instance } = worker;
    const id = await drop('large', 60_000);
    await reaches(id, 'loading');
    await vi.waitFor(
      async () =>
        expect(await backend.instances.find(instance)).toMatchObject({ deployments: [id], active: 1 }),
      PATIENCE,
    );
    const { memory = 0, everyMs } = (await backend.instances.find(instance)) ?? {};
    expect(memory).toBeGreaterThan(50 * 1024 * 1024);
    expect(everyMs).toBe(300);
    const { code, text } = await run('recover', instance, '--emergency', '--reason', 'it is slow', '--json');
    const report = JSON.parse(text) as RecoveryReport;
    expect(report).toMatchObject({ instance, kind: 'emergency', reason: 'it is slow', deployments: [id] });
    expect([code, report.outcome]).toEqual([0, 'recovered']);
    expect(await ended(worker)).toBe(75);
    expect(program.lines.join('\n')).toMatch(/worker stops: it was recovered/);
    expect(await backend.deployments.get(id)).toMatchObject({ run: 2, crashes: 0 });
    await haveWorker();
    await reaches(id, 'live');
    const { databases } = await backend.store.list();
    expect(databases.map(({ name, state }) => `${name} ${state}`)).toEqual([`large-${TIMESTAMP} complete`]);
  }, 240_000);

  it('is refused for a name that nobody has', async () => {
    expect(await run('recover', 'nobody-1-abcdef')).toEqual({ code: 1, text: '' });
    expect(await run('recover', 'nobody-1-abcdef', '--dismiss')).toEqual({ code: 1, text: '' });
  });
});

describe('a worker whose desk of dead letters hangs while its process and Redis are well', () => {
  it('restarts the desk, and the letter arrives', async () => {
    const { program, instance, desk } = await haveWorker();
    link.blackholeConnections((connection) => connection === desk);
    const error = new GraphshiftError('FILE_TRUNCATED', 'cut off, says the test').toRecord();
    const { deployments, letters } = backend;
    await deployments.discover({ customer: 'broken', timestamp: TIMESTAMP, path: '/nowhere', error });
    await program.line(/watchdog: dead letters wait/);
    await vi.waitFor(
      async () => expect(await letters.queue.getJobCounts('failed')).toEqual({ failed: 1 }),
      PATIENCE,
    );
    await vi.waitFor(
      async () => expect(await backend.instances.find(instance)).toMatchObject({ restarts: 1, living: true }),
      PATIENCE,
    );
  }, 240_000);
});

describe('a worker whose consumer hangs while its process and Redis are well', () => {
  it('restarts its consumer and goes on, and ends where that does not help, with the code that an orchestrator restarts', async () => {
    const worker = await haveWorker();
    const { program, instance, consumer } = worker;
    const restarted = link.connections;
    link.blackholeConnections((connection) => connection === consumer);
    const id = await drop('hung', 20);
    await program.line(/watchdog: deployments wait/);
    await reaches(id, 'live');
    await vi.waitFor(
      async () => expect(await backend.instances.find(instance)).toMatchObject({ restarts: 2, living: true }),
      PATIENCE,
    );

    link.blackholeConnections((connection) => connection === consumer || connection >= restarted);
    await drop('stuck', 20);
    expect(await ended(worker)).toBe(75);
    expect(program.lines.filter((line) => /watchdog: deployments wait/.test(line))).toHaveLength(2);
    expect(program.lines.join('\n')).toMatch(/watchdog: it takes no deployments from the queue/);
  }, 240_000);
});
