import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BROKEN_CODES,
  BROKEN_KINDS,
  breakSnapshot,
  type Installation,
  makeInstallation,
  simulateSnapshot,
  smallContent,
  startProgram,
  writeSnapshot,
} from '@graphshift/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runInProcess } from './run-in-process.ts';

const MAIN = new URL('../src/main.ts', import.meta.url);

interface Once {
  deployments: { id: string; state: string; nodes: number | null; error: string | null }[];
  aliases: { customer: string; database: string }[];
  refused?: { path: string; error: string }[];
}

let installation: Installation;

beforeAll(async () => {
  installation = await makeInstallation();
});
afterAll(() => installation.remove());
afterEach(() => installation.redis.flush());

/** Runs a command in this process; what it prints and its exit code. */
async function run(...values: string[]): Promise<{ code: number; text: string }> {
  return runInProcess(values, {
    environment: installation.environment,
    directory: installation.directory,
  });
}

/** Runs a command in a process of its own, for what it says on standard error. */
async function spawn(values: string[], environment: Record<string, string> = {}) {
  const program = startProgram(MAIN, values, { ...installation.environment, ...environment });
  return { code: await program.ended(), lines: program.lines };
}

describe('up --once', () => {
  it('makes what is whole live, names what is wrong with the rest, and exits 1', async () => {
    const timestamp = 1_700_000_000;
    await simulateSnapshot(installation.data, { customer: 'good', timestamp, nodes: 100 });
    for (const kind of BROKEN_KINDS) {
      const path = await simulateSnapshot(installation.data, {
        customer: `broken-${kind}`,
        timestamp,
        nodes: 50,
      });
      await breakSnapshot(path, kind);
    }
    await mkdir(join(installation.data, 'a_b', '1700000000'), { recursive: true });
    await mkdir(join(installation.data, 'good', 'yesterday'), { recursive: true });

    const { code, text } = await run('up', '--once', '--json', '--workers', '2', '--log-level', 'silent');
    const { deployments, aliases, refused } = JSON.parse(text) as Once;
    expect(code).toBe(1);
    expect(aliases).toEqual([{ customer: 'good', database: 'good-1700000000' }]);
    expect(deployments.find(({ id }) => id === 'good@1700000000')).toMatchObject({
      state: 'live',
      nodes: 102,
    });
    for (const kind of BROKEN_KINDS) {
      const broken = deployments.find(({ id }) => id === `broken-${kind}@1700000000`);
      expect([kind, broken?.state]).toEqual([kind, 'dead']);
      expect(broken?.error, kind).toMatch(kind === 'empty' ? /nodes\/<Label>/ : /nodes\/|relationships\//);
    }
    expect(refused?.map(({ error }) => error).join('\n')).toMatch(/a_b[\s\S]*yesterday|yesterday[\s\S]*a_b/);

    const dead = await run('dead', 'ls', '--json');
    const letters = JSON.parse(dead.text) as { customer: string; error: { code: string } }[];
    expect(dead.code).toBe(1);
    expect(Object.fromEntries(letters.map((letter) => [letter.customer, letter.error.code]))).toEqual(
      Object.fromEntries(Object.entries(BROKEN_CODES).map(([kind, error]) => [`broken-${kind}`, error])),
    );
  });

  it('takes a mended snapshot live after a retry by hand, and prints it in every command', async () => {
    const path = await simulateSnapshot(installation.data, {
      customer: 'mended',
      timestamp: 1_700_000_000,
      nodes: 50,
    });
    await breakSnapshot(path, 'missing-column');
    await run('up', '--once', '--log-level', 'silent');
    const shown = await run('deployments', 'show', 'mended@1700000000');
    expect(shown).toMatchObject({ code: 1, text: expect.stringContaining('COLUMN_MISSING') });
    await writeSnapshot(installation.data, smallContent('mended', 1_700_000_000));
    const retried = await run('dead', 'retry', 'mended@1700000000');
    expect(retried).toMatchObject({ code: 0, text: expect.stringContaining('run 2 is queued') });
    await run('up', '--once', '--log-level', 'silent');

    const listed = await run('deployments', 'ls', '--customer', 'mended', '--json');
    expect(JSON.parse(listed.text)).toMatchObject([{ state: 'live', run: 2, nodes: 3, relationships: 2 }]);
    expect((await run('aliases', 'ls')).text).toMatch(/mended +mended-1700000000/);
    const people = await run(
      'query',
      'mended',
      'MATCH (p:Person) WHERE p.name = $name RETURN p.id AS id',
      '--param',
      'name=Ada',
      '--json',
    );
    expect(JSON.parse(people.text)).toEqual([{ id: '1' }]);
  });
});

describe('wrong use', () => {
  it.each([
    [['deployments', 'show', 'nonsense'], /"nonsense" is no deployment; it must be <customer>@<unix time>/],
    [['deployments', 'ls', '--state', 'lively'], /--state is "lively"; it must be one of/],
    [['dead', 'retry'], /takes either a deployment or --all/],
    [['simulate', '--customer', 'a_b'], /--customer "a_b" has a character other than/],
    [
      ['simulate', '--customer', 'acme', '--broken', 'bones'],
      /--broken is "bones"; it must be one of truncated/,
    ],
    [['up', '--workers', 'many'], /orchestrator.num_workers is "many" \(flag\)/],
    [['upp'], /unknown command 'upp'/],
    [
      ['up', '--redis', 'http://127.0.0.1'],
      /redis.url is "http:\/\/127.0.0.1" \(flag\): must begin with redis:\/\//,
    ],
    [['up', '--store', 'mysql://somewhere'], /store.url is "mysql:\/\/somewhere"; it must be embedded:DIR/],
  ])('%j exits 2 with one clear line', async (values, line) => {
    const { code, lines } = await spawn(values);
    expect(lines.join('\n')).toMatch(line);
    expect(code).toBe(2);
  });

  it('does not take an empty value for zero', async () => {
    const file = join(installation.directory, 'empty.yaml');
    await writeFile(file, 'orchestrator:\n  settle_seconds:\n  retention: true\n');
    const { code, lines } = await spawn(['config', 'check', '--config', file], {
      GRAPHSHIFT_ORCHESTRATOR_SETTLE_SECONDS: '',
    });
    expect(lines.join('\n')).toMatch(/settle_seconds is null \(file\): must be a number/);
    expect(lines.join('\n')).toMatch(/retention is true \(file\): must be a number/);
    expect(code).toBe(2);
  });

  it('names an alias that is not there and exits 1', async () => {
    const { code, lines } = await spawn(['query', 'nobody', 'MATCH (n) RETURN n']);
    expect(lines.join('\n')).toContain('no alias nobody');
    expect(code).toBe(1);
  });

  it('names the key of a configuration file and what was meant', async () => {
    const file = join(installation.directory, 'wrong.yaml');
    await writeFile(file, 'orchestrator:\n  scan_intervall: 5\n');
    const { code, lines } = await spawn(['config', 'check', '--config', file]);
    expect(lines.join('\n')).toContain(
      'unknown key orchestrator.scan_intervall; did you mean scan_interval?',
    );
    expect(code).toBe(2);
  });

  it('says which service cannot be reached, without its password, and exits 3', async () => {
    const away = { REDIS_URL: 'redis://:secret@127.0.0.1:1' };
    const { code, lines } = await spawn(['deployments', 'ls'], away);
    expect(lines.join('\n')).toMatch(/redis redis:\/\/127.0.0.1:1 cannot be reached: .*ECONNREFUSED/);
    expect(lines.join('\n')).not.toContain('secret');
    expect(code).toBe(3);
    // What readers see is the store's to say.
    expect(await spawn(['aliases', 'ls'], away)).toMatchObject({ code: 0 });
  });

  it('refuses to listen for others without a token', async () => {
    const { code, lines } = await spawn(['dashboard', '--host', '0.0.0.0', '--port', '0']);
    expect(lines.join('\n')).toMatch(/neither dashboard.token nor dashboard.password is set/);
    expect(code).toBe(2);
  });
});

describe('a closed gate', () => {
  it('ends up --once with the reason and exit 1', async () => {
    for (const customer of ['one', 'two', 'three']) {
      await simulateSnapshot(installation.data, {
        customer: `gate-${customer}`,
        timestamp: 1_700_000_000,
        nodes: 20,
      });
    }
    const { code, text } = await runFull(
      { GRAPHSHIFT_ORCHESTRATOR_MAX_DATABASES: '2', GRAPHSHIFT_ORCHESTRATOR_RETENTION: '1' },
      'up',
      '--once',
      '--once-timeout',
      '20',
      '--json',
      '--log-level',
      'silent',
    );
    const { deployments } = JSON.parse(text) as Once;
    const waiting = deployments.filter(({ state }) => state === 'waiting');
    expect(code).toBe(1);
    expect(waiting.length).toBeGreaterThan(0);
    expect(waiting[0]?.error).toMatch(/at most 2 databases/);
  });
});

describe('config', () => {
  it('prints each value with where it came from, and no secret', async () => {
    const { text } = await run('config', 'print', '--json');
    const rows = JSON.parse(text) as { setting: string; value: unknown; source: string }[];
    expect(rows.find(({ setting }) => setting === 'orchestrator.scan_interval')).toMatchObject({
      value: 0.2,
      source: 'environment',
    });
    expect(rows.find(({ setting }) => setting === 'orchestrator.retention')).toMatchObject({
      value: 2,
      source: 'default',
    });
    const secret = await runCommandWith({ GRAPHSHIFT_DASHBOARD_TOKEN: 'hush' }, 'config', 'print', '--json');
    expect(secret).not.toContain('hush');
  });

  it('offers a sample that is itself a right configuration', async () => {
    const { text } = await run('config', 'sample');
    const file = join(installation.directory, 'sample.yaml');
    await writeFile(file, text);
    expect(await run('config', 'check', '--config', file)).toMatchObject({ code: 0 });
  });
});

async function runCommandWith(environment: Record<string, string>, ...values: string[]): Promise<string> {
  return (await runFull(environment, ...values)).text;
}

async function runFull(
  environment: Record<string, string>,
  ...values: string[]
): Promise<{ code: number; text: string }> {
  return runInProcess(values, {
    environment: { ...installation.environment, ...environment },
    directory: installation.directory,
  });
}

describe('up', () => {
  it('runs until Ctrl-C and exits 130, leaving the alias where it is', async () => {
    await simulateSnapshot(installation.data, { customer: 'steady', timestamp: 1_700_000_000, nodes: 50 });
    const up = startProgram(MAIN, ['up', '--port', '0'], installation.environment);
    await up.line(/cutover: alias steady moved from nothing to steady-1700000000/);
    expect(await up.line(/Bull Board http:\/\/127\.0\.0\.1:\d+\/queues/)).toBeTruthy();
    expect(await up.end('SIGINT')).toBe(130);
    expect((await run('aliases', 'ls')).text).toContain('steady-1700000000');
  });
});

describe('simulate', () => {
  it("copies the customer's newest snapshot under a new timestamp, which is a new snapshot", async () => {
    const first = (await run('simulate', '--customer', 'copycat', '--rows', '100')).text.trim();
    const second = (await run('simulate', '--customer', 'copycat')).text.trim();
    expect(second).not.toBe(first);
    await run('up', '--once', '--log-level', 'silent');
    const { text } = await run('deployments', 'ls', '--customer', 'copycat', '--json');
    const states = (JSON.parse(text) as { state: string; path: string }[]).map(({ path, state }) => [
      path,
      state,
    ]);
    expect(Object.fromEntries(states)).toMatchObject({ [second]: 'live', [first]: 'superseded' });
  });
});
