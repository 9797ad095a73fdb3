import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Installation,
  makeInstallation,
  type Program,
  simulateSnapshot,
  startProgram,
} from '@graphshift/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseSince } from '../src/commands/audit.ts';
import { runInProcess } from './run-in-process.ts';

const MAIN = new URL('../src/main.ts', import.meta.url);
let installation: Installation;
const programs: Program[] = [];

beforeAll(async () => {
  installation = await makeInstallation();
});
afterAll(() => installation.remove());
afterEach(async () => {
  for (const program of programs.splice(0)) await program.end('SIGKILL');
});

function start(values: string[], environment: Record<string, string> = {}): Program {
  const program = startProgram(MAIN, values, { ...installation.environment, ...environment });
  programs.push(program);
  return program;
}

/** Runs a command in this process; one that runs on is told to stop as soon as it has started. */
async function run(values: string[], environment: Record<string, string> = {}) {
  return runInProcess(values, {
    environment: { ...installation.environment, GRAPHSHIFT_LOG_LEVEL: 'error', ...environment },
    directory: installation.directory,
    signal: ['worker', 'producer'].includes(values[0] ?? '')
      ? AbortSignal.abort('SIGTERM')
      : new AbortController().signal,
  });
}

const logs = () => join(installation.directory, 'logs');
const logNames = () => readdir(logs()).catch(() => []);

describe('a process of its own', () => {
  it('answers /healthz, and its log file holds what its console says', async () => {
    const kinds = ['producer', 'worker'] as const;
    const running = kinds.map((kind) => ({ kind, program: start([kind], { HEALTH_PORT: '0' }) }));
    for (const { kind, program } of running) {
      const line = await program.line(/health at http/);
      await program.line(new RegExp(`"${kind} runs as `));
      const response = await fetch(/http:[^"]+/.exec(line)?.[0] ?? '');
      expect([response.status, await response.json()]).toMatchObject([200, { status: 'ok', kind }]);
    }
    for (const { program } of running) expect(await program.end('SIGTERM')).toBe(0);
    const names = await logNames();
    const texts = await Promise.all(names.map((name) => readFile(join(logs(), name), 'utf8')));
    expect(names.every((name) => /^graphshift_\d{8}_\d{6}(_\d+)?\.log$/.test(name))).toBe(true);
    const consoles = running.map(({ program }) => `${program.lines.join('\n')}\n`);
    expect(texts.sort()).toEqual(consoles.sort());
  });

  it('does not begin where its logs cannot be written', async () => {
    const taken = join(installation.directory, 'taken');
    await writeFile(taken, '');
    expect((await run(['worker'], { GRAPHSHIFT_LOG_DIRECTORY: taken })).code).toBe(2);
  });

  it('writes files where they are not turned off; a command that prints never does', async () => {
    const known = await logNames();
    expect((await run(['worker'], { GRAPHSHIFT_LOG_FILES: 'false' })).code).toBe(0);
    expect((await run(['--version'])).text).toMatch(/^\d+\.\d+\.\d+\n$/);
    await run(['deployments', 'ls']);
    expect(await logNames()).toEqual(known);
    await run(['worker']);
    expect(await logNames()).toHaveLength(known.length + 1);
  });
});

describe('audit', () => {
  it('tells what became of a customer, from the files too when Redis was emptied', async () => {
    for (const customer of ['audited', 'other']) {
      await simulateSnapshot(installation.data, { customer, timestamp: 1_700_000_000, nodes: 20 });
    }
    expect((await run(['up', '--once'])).code).toBe(0);
    const ask = ['audit', '--customer', 'audited', '--since', '1h', '--json'];
    const { code, text } = await run(ask);
    const entries = JSON.parse(text) as { deployment: string; to: string; at: string }[];
    expect(code).toBe(0);
    expect(entries.map(({ to }) => to)).toEqual(
      expect.arrayContaining(['discovered', 'queued', 'gated', 'loading', 'verifying', 'switching', 'live']),
    );
    expect(new Set(entries.map(({ deployment }) => deployment))).toEqual(new Set(['audited@1700000000']));
    await installation.redis.flush();
    expect(JSON.parse((await run(ask)).text)).toEqual(entries);
    expect((await run(['audit', '--customer', 'audited', '--limit', '1'])).text).toMatch(
      /live[\s\S]*the newest 1; --limit/,
    );
  });

  it('takes ISO 8601 and how far back, and refuses the rest in one line', async () => {
    const now = Date.parse('2001-02-01T12:00:00Z');
    const at = (text: string) => new Date(parseSince(text, now)).toISOString();
    expect(at('90m')).toBe('2001-02-01T10:30:00.000Z');
    expect(at('7d')).toBe('2001-01-25T12:00:00.000Z');
    expect(at('2001-02-01')).toBe('2001-02-01T00:00:00.000Z');
    expect(at('2001-02-01 03:04:05')).toBe('2001-02-01T03:04:05.000Z');
    expect(at('2001-02-01T03:04+02:00')).toBe('2001-02-01T01:04:00.000Z');
    for (const wrong of [
      '',
      'yesterday',
      '5',
      '-2h',
      '2x',
      '2001-02-31',
      '2001-13-01',
      '2001-02-01T25:00',
      '1.5h',
    ])
      expect(() => parseSince(wrong, now), wrong).toThrow(/^--since is .*ISO 8601/);
  });
});
