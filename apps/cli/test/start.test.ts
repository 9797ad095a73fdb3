import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectRedis } from '@graphshift/core';
import { type Installation, makeInstallation, startProgram } from '@graphshift/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runInProcess } from './run-in-process.ts';

const MAIN = new URL('../src/main.ts', import.meta.url);

let installation: Installation;
beforeAll(async () => {
  installation = await makeInstallation();
});
afterAll(() => installation.remove());

/** Runs a command in this process; what it prints and its exit code. */
async function run(environment: Record<string, string>, ...values: string[]) {
  return runInProcess(values, {
    environment: { ...installation.environment, ...environment },
    directory: installation.directory,
  });
}

function start(environment: Record<string, string>, ...values: string[]) {
  return startProgram(MAIN, values, { ...installation.environment, ...environment });
}

describe('the start of a process', () => {
  it('tells everything that is wrong at once, each in a line that says what to do', async () => {
    const file = join(installation.directory, 'a-file');
    await writeFile(file, '');
    const missing = join(installation.directory, 'missing');
    const list = join(installation.directory, 'roots.yaml');
    await writeFile(list, `orchestrator:\n  data_path: [${missing}, ${file}]\n`);
    const worker = start(
      { REDIS_URL: 'redis://127.0.0.1:1', GRAPHSHIFT_STORE: `embedded:${file}/store`, GRAPHSHIFT_DATA: '' },
      'worker',
      '--config',
      list,
    );
    expect(await worker.ended()).toBe(2);
    const said = worker.lines.filter((line) => line.startsWith('graphshift: '));
    expect(said).toHaveLength(4);
    expect(said[0]).toMatch(/data_path: .*missing does not exist\. Create or mount the snapshot root/);
    expect(said[1]).toMatch(/data_path: .*a-file is not a directory\. Create or mount/);
    expect(said[2]).toMatch(
      /redis:\/\/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED.*\. Start Redis or correct/,
    );
    expect(said[3]).toMatch(
      /the store's directory .*a-file\/store cannot be used: .*\. Use a store that has/,
    );
  });

  it('refuses a Redis that evicts or keeps nothing, naming both, with exit 3', async () => {
    const redis = await connectRedis({ url: installation.redis.url });
    try {
      await redis.config('SET', 'maxmemory-policy', 'allkeys-lru', 'appendonly', 'no', 'save', '');
      const producer = start({}, 'producer');
      expect(await producer.ended()).toBe(3);
      const said = producer.lines.filter((line) => line.startsWith('graphshift: ')).join('\n');
      expect(said).toMatch(/has maxmemory-policy allkeys-lru, which drops jobs; it must be noeviction\. Set/);
      expect(said).toMatch(/keeps nothing on disk; set appendonly yes\. Set/);
    } finally {
      await redis.config('SET', 'maxmemory-policy', 'noeviction', 'appendonly', 'yes');
      redis.disconnect();
    }
  });

  it('names its profile, and in one line what was left at its default', async () => {
    const worker = start({}, 'worker', '--profile', 'production', '--log-level', 'info');
    const line = await worker.line(/left at their default: /);
    await worker.line(/worker runs/);
    expect(line).toContain('orchestrator.retention 2');
    expect(line).toContain('redis.prefix graphshift, ');
    for (const set of [
      'num_workers',
      'orchestrator.scan_interval',
      'shutdown_timeout',
      'redis.url',
      'data_path',
    ])
      expect(line).not.toContain(set);
    expect(worker.lines.join('\n')).toMatch(/profile production from .*config\/profiles\/production\.yaml/);
    expect(await worker.end()).toBe(0);
  });
});

describe('config', () => {
  it('check looks at paths, and with --services at Redis and the store', async () => {
    expect(await run({}, 'config', 'check')).toMatchObject({ code: 0 });
    expect(await run({ GRAPHSHIFT_DATA: 'missing' }, 'config', 'check')).toMatchObject({ code: 2 });
    const down = { REDIS_URL: 'redis://127.0.0.1:1' };
    expect(await run(down, 'config', 'check')).toMatchObject({ code: 0 });
    expect(await run(down, 'config', 'check', '--services')).toMatchObject({ code: 3 });
    expect(await run({}, 'config', 'check', '--services')).toMatchObject({
      code: 0,
      text: expect.stringContaining('Redis and the store answer'),
    });
    const secret = { REDIS_URL: installation.redis.url.replace('//', '//:secret@') };
    const open = JSON.parse((await run(secret, 'config', 'check', '--json')).text) as Record<string, unknown>;
    expect(open).toMatchObject({ ok: true, services: null });
    const both = JSON.parse((await run({}, 'config', 'check', '--services', '--json')).text) as typeof open;
    expect(both).toMatchObject({
      ok: true,
      services: { redis: installation.redis.url, store: `embedded:${installation.store}` },
    });
    const noted = await run({ GRAPHSHIFT_ORCHESTRATOR_SCAN_INTERVALL: '5' }, 'config', 'check', '--json');
    expect(JSON.parse(noted.text)).toMatchObject({
      ok: true,
      notes: [expect.stringMatching(/did you mean/)],
    });
  });

  it('check makes no directory, and refuses a store whose directory cannot be made', async () => {
    const closed = join(installation.directory, 'closed');
    await mkdir(closed);
    const file = join(closed, 'a-file');
    await writeFile(file, '');
    expect(await run({ GRAPHSHIFT_STORE: `embedded:${file}/store` }, 'config', 'check')).toMatchObject({
      code: 3,
    });
    expect(await run({ GRAPHSHIFT_STORE: `embedded:${closed}/new` }, 'config', 'check')).toMatchObject({
      code: 0,
    });
    expect(existsSync(join(closed, 'new'))).toBe(false);
  });

  it('print shows what the profile set', async () => {
    const { text } = await run({ GRAPHSHIFT_PROFILE: 'high-volume' }, 'config', 'print', '--json');
    const rows = JSON.parse(text) as { setting: string; value: unknown; source: string }[];
    expect(rows.find(({ setting }) => setting === 'orchestrator.num_workers')).toMatchObject({
      value: 4,
      source: 'profile',
    });
    const table = await run({}, 'config', 'print', '--profile', 'production');
    expect(table.text).toMatch(/^profile production from .*production\.yaml\n/);
    expect(table.text).toMatch(/orchestrator\.shutdown_timeout +600 +profile/);
  });
});
