/** How real processes stop, and what the status file and `graphshift status` say meanwhile. */

import { spawnSync } from 'node:child_process';
import { readdir, readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Backend } from '@graphshift/core';
import {
  type Installation,
  makeInstallation,
  type Program,
  simulateSnapshot,
  startProgram,
} from '@graphshift/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { runInProcess } from './run-in-process.ts';

const MAIN = new URL('../src/main.ts', import.meta.url);
const CHECK = fileURLToPath(new URL('../../../docs/check_graphshift.sh', import.meta.url));
const TIMESTAMP = 1_700_000_000;

let installation: Installation;
let backend: Backend;
let programs: Program[];
/** A snapshot whose load takes seconds: three hundred thousand rows. */
let large: string;

beforeAll(async () => {
  installation = await makeInstallation();
  backend = await installation.open();
  programs = [];
  large = await simulateSnapshot(join(installation.directory, 'elsewhere'), {
    customer: 'large',
    timestamp: TIMESTAMP,
    nodes: 60_000,
  });
});
afterEach(async () => {
  for (const program of programs.splice(0)) await program.end('SIGKILL');
});
afterAll(() => installation.remove());

function start(values: string[], environment: Record<string, string> = {}): Program {
  const program = startProgram(MAIN, values, { ...installation.environment, ...environment });
  programs.push(program);
  return program;
}

async function run(...values: string[]): Promise<{ code: number; text: string }> {
  return runInProcess(values, {
    environment: installation.environment,
    directory: installation.directory,
  });
}

/** Enqueues the large snapshot under a name of its own. */
async function deployLarge(customer: string): Promise<string> {
  const { head } = await backend.deployments.discover({ customer, timestamp: TIMESTAMP, path: large });
  await backend.wakeUps.ensureHead(backend.deployments, head);
  return `${customer}@${TIMESTAMP}`;
}

const statusPath = () => installation.environment.GRAPHSHIFT_ORCHESTRATOR_STATUS_FILE ?? '';

async function statusFile(): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(statusPath(), 'utf8'));
}

const check = () => spawnSync('sh', [CHECK, statusPath()], { encoding: 'utf8' });

describe('a process that is told to stop', () => {
  it('lets a running load go live, takes nothing new, says so in the status file, and exits 0', async () => {
    const up = start(['up', '--port', '0']);
    await up.line(/up runs as/);
    expect(await statusFile()).toMatchObject({ status: 'running', workers: 1, tasks_discovered: 0 });
    expect(check()).toMatchObject({ status: 0 });
    const id = await deployLarge('patient');
    await up.line(/checked \d+ rows/);
    const { code, text } = await run('status', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(text)).toMatchObject({
      status: 'running',
      workers: 1,
      scan_interval: 0.2,
      data_path: installation.data,
      queues: { deploy: { active: 1 } },
      deployments: { loading: 1 },
      instances: [{ kind: 'up', state: 'running', capacity: 1 }],
      problems: [],
    });

    up.process.kill('SIGTERM');
    await up.line(/stops: SIGTERM; takes nothing new, 1 deployment in hand may go on for 300 s/);
    await up.line(/waits up to 300 s more for patient@1700000000 \(loading/);
    await vi.waitFor(
      async () => expect(await statusFile()).toMatchObject({ status: 'stopping', workers: 0 }),
      60_000,
    );
    expect(check()).toMatchObject({ status: 1 });
    await simulateSnapshot(installation.data, { customer: 'late', timestamp: TIMESTAMP, nodes: 20 });
    expect(await up.ended()).toBe(0);
    const record = await backend.deployments.get(id);
    expect(record).toMatchObject({ state: 'live', attempts: 0, crashes: 0, epoch: 1 });
    expect(await backend.deployments.get(`late@${TIMESTAMP}`)).toBeUndefined();
    expect(await statusFile()).toMatchObject({ status: 'stopped', tasks_completed: 1 });
    expect(await backend.instances.list()).toEqual([]);
    expect((await run('status')).text).toMatch(/no producer runs[\s\S]*no instances/);
  });

  it('gives a load back after shutdown_timeout, or at a second signal, whole and without an attempt', async () => {
    const worker = (seconds: string) =>
      start(['worker'], { GRAPHSHIFT_ORCHESTRATOR_SHUTDOWN_TIMEOUT: seconds });
    const id = await deployLarge('handed-on');
    const expectGivenBack = async () => {
      const record = await backend.deployments.get(id);
      expect(record).toMatchObject({ state: 'queued', attempts: 0, crashes: 0, holder: '' });
      const job = await backend.wakeUps.queue.getJob(`${id}~1`);
      expect([await job?.getState(), job?.attemptsMade]).toEqual([
        expect.stringMatching(/delayed|waiting/),
        0,
      ]);
      const databases = await readdir(join(installation.store, 'databases'));
      expect(databases.filter((name) => name.startsWith('handed-on'))).toEqual([]);
    };

    const short = worker('0.2');
    await short.line(/checked \d+ rows/);
    expect(await short.end('SIGTERM')).toBe(0);
    expect(short.lines.join('\n')).toMatch(/0\.2 s are over; gives back handed-on@1700000000/);
    await expectGivenBack();

    const hurried = start(['up', '--once']);
    await hurried.line(/checked \d+ rows/);
    hurried.process.kill('SIGTERM');
    await hurried.line(/waits up to 300 s more for handed-on@1700000000/);
    expect(await hurried.end('SIGTERM')).toBe(130);
    expect(await statusFile()).toMatchObject({ status: 'stopped' });
    expect(hurried.lines.join('\n')).toMatch(/told again; gives back handed-on@1700000000/);
    await expectGivenBack();

    const last = worker('300');
    await last.line(/cutover: alias handed-on moved from nothing to handed-on-1700000000/);
    expect(await last.end('SIGINT')).toBe(130);
    expect(await backend.deployments.get(id)).toMatchObject({ state: 'live', attempts: 0, crashes: 0 });
  });
});

describe('two producers', () => {
  it('write one status file: the second takes it over when the first is killed', async () => {
    const first = start(['producer']);
    await first.line(/writes the status file/);
    const second = start(['producer']);
    await second.line(/producer runs as/);
    expect(second.lines.join('\n')).not.toContain('writes the status file');
    await first.end('SIGKILL');
    const left = await statusFile();
    expect(left).toMatchObject({ status: 'running', pid: first.process.pid });
    // Nobody has said that it ended: the file's age does.
    const at = new Date(Date.now() - 17_000);
    await utimes(statusPath(), at, at);
    expect(check()).toMatchObject({ status: 1, stdout: expect.stringContaining('s old, over 15 s') });
    await second.line(/writes the status file/);
    await vi.waitFor(
      async () => expect(await statusFile()).toMatchObject({ status: 'running', pid: second.process.pid }),
      60_000,
    );
    expect(await second.end('SIGTERM')).toBe(0);
    expect(await statusFile()).toMatchObject({ status: 'stopped', pid: second.process.pid });
  });
});

describe('a command that waits for no signal', () => {
  it('ends at the first one with 130', async () => {
    const port = await deafPort();
    const status = start(['status'], { REDIS_URL: `redis://127.0.0.1:${port.port}` });
    await port.called;
    expect(await status.end('SIGINT')).toBe(130);
    port.close();
  });
});

/** A server that takes connections and never answers. */
async function deafPort(): Promise<{ port: number; called: Promise<void>; close: () => void }> {
  const { createServer } = await import('node:net');
  const server = createServer();
  const called = new Promise<void>((resolve) => server.once('connection', () => resolve()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, called, close: () => server.close() };
}
