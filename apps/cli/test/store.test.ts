/** Processes that come to one Redis with different stores. */

import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, type Logger, openBackend, silentLogger } from '@graphshift/core';
import { type Installation, makeInstallation, startProgram } from '@graphshift/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInProcess } from './run-in-process.ts';

const MAIN = new URL('../src/main.ts', import.meta.url);

let installation: Installation;
let other: string;
const opened: Backend[] = [];

beforeEach(async () => {
  installation = await makeInstallation();
  other = `embedded:${join(installation.directory, 'other')}`;
});
afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.stop();
  await installation.remove();
});

/** As a worker opens it. */
async function work(url?: string, log: Logger = silentLogger): Promise<Backend> {
  const settings = installation.settings(url === undefined ? {} : { 'store.url': url });
  const { directory } = installation;
  const backend = await openBackend({ settings, directory, log, readsSnapshots: true });
  opened.push(backend);
  return backend;
}

const beat = ({ instances }: Backend) =>
  instances.beat({
    id: 'worker-1',
    kind: 'worker',
    host: 'here',
    pid: 1,
    version: '0',
    state: 'running',
    capacity: 1,
    active: 0,
    busyMs: 0,
    uptimeMs: 1000,
    everyMs: 60_000,
  });

async function run(...values: string[]): Promise<{ code: number; text: string }> {
  const { environment, directory } = installation;
  return runInProcess(values, { environment, directory });
}

/** Makes the record of a customer that is live, whatever the store says. */
async function live({ deployments }: Backend, customer: string): Promise<void> {
  const place = { customer, timestamp: 1_700_000_000, path: '/x', epoch: 1, fields: {}, detail: 'test' };
  await deployments.restore({ ...place, state: 'live' });
}

describe('a process that comes with another store', () => {
  it('is refused in one line that names both, once somebody is at work with the first', async () => {
    await beat(await work());
    const program = startProgram(MAIN, ['worker'], { ...installation.environment, GRAPHSHIFT_STORE: other });
    expect(await program.ended()).toBe(2);
    const said = program.lines.filter((line) => line.startsWith('graphshift:'));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('has the records of another store: embedded:');
    expect(said[0]).toContain(`and not ${other} on`);
    expect((await run('deployments', 'ls', '--store', other)).code).toBe(2);
    expect(await run('deployments', 'ls')).toMatchObject({ code: 0 });
  });

  it('is refused while something is live, and not where nothing is and nobody is at work', async () => {
    const first = await work();
    const second = await work(other);
    await expect(first.identity.check(false)).rejects.toMatchObject({ code: 'STORE_OTHER' });
    await live(second, 'acme');
    await expect(work()).rejects.toMatchObject({ code: 'STORE_OTHER' });
  });

  it('is none where the store was only moved', async () => {
    const backend = await work();
    await live(backend, 'acme');
    const before = await backend.identity.known();
    await backend.stop();
    await rename(installation.store, join(installation.directory, 'other'));
    const moved = await work(other);
    expect((await moved.identity.own())?.id).toBe(before?.id);
  });

  it('is told by one of the first store where it came first after Redis was emptied', async () => {
    const lines: string[] = [];
    const error = (line: string) => lines.push(line);
    const log = Object.assign(Object.create(silentLogger), { error });
    const first = await work(undefined, log);
    await installation.redis.flush();
    await work(other);
    await beat(first);
    await first.identity.keep();
    await first.identity.keep();
    expect(lines).toEqual([expect.stringContaining(`has the records of another store: ${other} `)]);
  });
});

describe('the command `store`', () => {
  it('shows both, and lets the records be about another store when everything live is there and all is stopped', async () => {
    // Made before anything is live, as by a copy.
    await (await work(other)).stop();
    const first = await work();
    await beat(first);
    await live(first, 'acme');
    expect(await run('store', 'show')).toMatchObject({ code: 0 });
    expect(await run('store', 'show', '--store', other)).toMatchObject({
      code: 1,
      text: expect.stringContaining('which is another one'),
    });
    expect(await run('store', 'adopt', '--store', other)).toMatchObject({ code: 1 });
    await first.instances.leave('worker-1');
    // Acme is live by the records, and the other store has no alias of it.
    expect(await run('store', 'adopt', '--store', other)).toMatchObject({ code: 1 });
    await first.redis.del(first.keys.state('live'));
    expect(await run('store', 'adopt', '--store', other)).toMatchObject({
      code: 0,
      text: expect.stringContaining('the records are about embedded:'),
    });
    expect(await run('deployments', 'ls')).toMatchObject({ code: 2 });
    expect(await run('store', 'adopt')).toMatchObject({ code: 0 });
    const audit = await first.deployments.audit({ limit: 10 });
    expect(audit.map(({ detail }) => detail).join()).toContain('instead of');
  });
});
