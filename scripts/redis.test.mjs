import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { advice, findRedis } from './redis.mjs';
import { findServerProgram, freePort, launchServer } from './redis-server.mjs';
import { askRedis } from './resp.mjs';

const REAL = findServerProgram();
let directory;
let path;
let dataDirectory;
let system;
let started;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-find-'));
  path = join(directory, 'bin');
  dataDirectory = join(directory, 'data');
  await mkdir(path);
  system = { path, root: false, debian: false, policyFile: join(directory, 'policy-rc.d') };
  started = [];
});

afterEach(async () => {
  for (const server of started) await server.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A program of the test's own on the PATH that the finder is given. */
async function program(name, script) {
  await writeFile(join(path, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

async function find(options = {}) {
  const lines = [];
  const found = await findRedis({
    url: '',
    dataDirectory,
    system,
    say: (line) => lines.push(line),
    ...options,
  });
  started.push(found);
  return { ...found, lines };
}

async function launched() {
  const server = await launchServer(REAL.program, { directory: join(directory, 'other') });
  started.push(server);
  return server;
}

describe('REDIS_URL', () => {
  it('is used as it is, and the server goes on after stop', async () => {
    const server = await launched();
    const found = await find({ url: server.url });
    expect(found).toMatchObject({ url: server.url, how: 'url' });
    await found.stop();
    expect(await askRedis(server.url, [['PING']])).toEqual(['PONG']);
  });

  it('carries a password, which no message shows', async () => {
    const server = await launched();
    await askRedis(server.url, [['CONFIG', 'SET', 'requirepass', 's3cret']]);
    const url = (password) => `redis://:${password}@127.0.0.1:${server.port}/2`;
    expect(await find({ url: url('s3cret') })).toMatchObject({ how: 'url' });
    const wrong = await find({ url: url('hunter2') }).catch((error) => error.message);
    expect(wrong).toContain('WRONGPASS');
    expect(wrong).not.toContain('hunter2');
    await askRedis(url('s3cret'), [['CONFIG', 'SET', 'requirepass', '']]);
  });

  it('that nobody answers is one clear line, and nothing else is tried', async () => {
    await symlink(REAL.program, join(path, 'redis-server'));
    const port = await freePort();
    await expect(find({ url: `redis://127.0.0.1:${port}` })).rejects.toThrow(
      `REDIS_URL is set to redis://127.0.0.1:${port}, but no Redis answers there`,
    );
    expect(existsSync(dataDirectory)).toBe(false);
  });

  it.each(['localhost:6379', 'http://localhost', 'nonsense'])(
    '%s is refused, saying what it may be',
    async (url) => {
      await expect(find({ url })).rejects.toThrow('redis://[USER:PASSWORD@]HOST:PORT[/DB]');
    },
  );
});

describe('a program on the PATH', () => {
  it('is started on a free port, append-only and never evicting, and stop ends it', async () => {
    await symlink(REAL.program, join(path, 'redis-server'));
    const found = await find();
    expect(found.how).toBe('path');
    const [persistence, memory] = await askRedis(found.url, [
      ['INFO', 'persistence'],
      ['INFO', 'memory'],
    ]);
    expect(persistence).toContain('aof_enabled:1');
    expect(memory).toContain('maxmemory_policy:noeviction');
    // Where it listened on more than 127.0.0.1, the rest of the loopback network would be served too.
    const elsewhere = found.url.replace('127.0.0.1', '127.0.0.2');
    await expect(askRedis(elsewhere, [['PING']])).rejects.toThrow();
    expect(existsSync(join(dataDirectory, 'server.log'))).toBe(true);
    await found.stop();
    await expect(askRedis(found.url, [['PING']])).rejects.toThrow();
  });

  it('keeps its data from one start to the next', async () => {
    await symlink(REAL.program, join(path, 'redis-server'));
    const first = await find();
    await askRedis(first.url, [['SET', 'kept', 'yes']]);
    await first.stop();
    const second = await find();
    expect(await askRedis(second.url, [['GET', 'kept']])).toEqual(['yes']);
  });

  it('takes another port where one was taken meanwhile', async () => {
    const count = join(directory, 'count');
    await program(
      'redis-server',
      `[ "$1" = --version ] && exec ${REAL.program} --version
       if [ ! -e ${count} ]; then : > ${count}; echo 'bind: Address already in use' >&2; exit 1; fi
       exec ${REAL.program} "$@"`,
    );
    expect(await find()).toMatchObject({ how: 'path' });
  });

  it('is never mistaken for another server on its port', async () => {
    const other = await launched();
    await expect(launchServer(REAL.program, { directory: dataDirectory, port: other.port })).rejects.toThrow(
      'in use',
    );
  });

  it('that is too old is named with its version', async () => {
    await program('redis-server', "echo 'Redis server v=5.0.7 sha=00000000:0'");
    await expect(find()).rejects.toThrow('redis-server is version 5.0.7; 6.2 or newer is needed.');
  });
});

describe('a package of the system', () => {
  const apt = (install) => `echo "$*" >> ${directory}/calls
    case "$*" in *install*) [ -x ${system.policyFile} ] && : > ${directory}/refused; ${install} ;; esac`;

  it('is installed for root on Debian, without starting its service', async () => {
    system = { ...system, root: true, debian: true };
    await program('apt-get', apt(`/bin/ln -s ${REAL.program} ${path}/redis-server`));
    const found = await find();
    expect(found.how).toBe('installed');
    expect(found.lines[0]).toBe('Installing redis-server by apt-get (its service is not started) …');
    expect(await readFile(join(directory, 'calls'), 'utf8')).toMatch(
      /update\n.*install -y .*redis-server\n$/,
    );
    expect(existsSync(join(directory, 'refused'))).toBe(true);
    expect(existsSync(system.policyFile)).toBe(false);
  });

  it('that cannot be installed shows what apt said', async () => {
    system = { ...system, root: true, debian: true };
    await program('apt-get', apt("echo 'E: Unable to locate package' >&2; exit 100"));
    await expect(find()).rejects.toThrow('E: Unable to locate package');
    expect(existsSync(system.policyFile)).toBe(false);
  });

  it.each([
    ['not root', { debian: true }],
    ['not Debian', { root: true }],
    ['told not to', { root: true, debian: true, allowInstall: false }],
  ])('is not touched when %s', async (_, { allowInstall = true, ...machine }) => {
    system = { ...system, ...machine };
    await program('apt-get', apt('exit 0'));
    await expect(find({ allowInstall })).rejects.toThrow('No Redis');
    expect(existsSync(join(directory, 'calls'))).toBe(false);
  });
});

describe('Docker', () => {
  it('runs a container where the engine answers, found by its published port, and stop ends it', async () => {
    const port = await freePort();
    await program(
      'docker',
      `echo "$*" >> ${directory}/calls
       case $1 in
         version) echo 28.2.2 ;;
         port) echo 127.0.0.1:${port} ;;
         run) exec ${REAL.program} --port ${port} --save '' ;;
       esac`,
    );
    const found = await find();
    expect(found).toMatchObject({ how: 'docker', url: `redis://127.0.0.1:${port}` });
    const calls = await readFile(join(directory, 'calls'), 'utf8');
    expect(calls).toMatch(
      /run --rm .*--publish 127\.0\.0\.1:0:6379 .*redis:\d+\.\d+\.\d+-alpine redis-server/,
    );
    await found.stop();
    await expect(askRedis(found.url, [['PING']])).rejects.toThrow();
  });

  it('says why a container did not start', async () => {
    await program(
      'docker',
      "case $1 in version) echo 28.2.2 ;; *) echo 'no space left' >&2; exit 125 ;; esac",
    );
    await expect(find()).rejects.toThrow(/did not start: it ended at once \(exit code 125\)\nno space left/);
  });

  it('without an answering engine leaves the line that says what to do', async () => {
    await program('docker', "echo 'Cannot connect to the Docker daemon' >&2; exit 1");
    await expect(find()).rejects.toThrow(advice(process.platform));
  });
});

it('says for each platform how to get a Redis', () => {
  expect(advice('darwin')).toContain('brew install redis');
  expect(advice('linux')).toContain('apt-get install redis-server');
  expect(advice('win32')).toContain('WSL');
});

it.each(['SIGKILL', 'SIGTERM', 'SIGINT'])('a parent ended by %s leaves no server', async (signal) => {
  const script = `
    import { launchServer } from ${JSON.stringify(new URL('./redis-server.mjs', import.meta.url).href)};
    const server = await launchServer(${JSON.stringify(REAL.program)}, { directory: ${JSON.stringify(dataDirectory)} });
    console.log(server.url);
    process.stdin.resume();`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [url] = String((await once(parent.stdout, 'data'))[0]).split('\n');
  expect(await askRedis(url, [['PING']])).toEqual(['PONG']);
  parent.kill(signal);
  await once(parent, 'exit');
  await expect.poll(() => askRedis(url, [['PING']]).catch(() => 'gone'), { timeout: 60_000 }).toBe('gone');
});

it('a server that was started does not keep its parent from ending', async () => {
  const script = `
    import { launchServer } from ${JSON.stringify(new URL('./redis-server.mjs', import.meta.url).href)};
    await launchServer(${JSON.stringify(REAL.program)}, { directory: ${JSON.stringify(dataDirectory)} });`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'inherit' });
  expect(await once(parent, 'exit')).toEqual([0, null]);
});
