import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Installation, makeInstallation, startProgram } from '@graphshift/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runInProcess } from './run-in-process.ts';

const MAIN = new URL('../src/main.ts', import.meta.url);

let installation: Installation;
let environment: Record<string, string>;

beforeAll(async () => {
  installation = await makeInstallation();
  environment = { ...installation.environment };
});
afterAll(() => installation.remove());
afterEach(async () => {
  environment = { ...installation.environment };
  await installation.redis.flush();
  await rm(installation.data, { recursive: true });
  await mkdir(installation.data);
});

async function run(...values: string[]): Promise<{ code: number; text: string }> {
  return runInProcess([...values, '--log-level', 'silent'], {
    environment,
    directory: installation.directory,
  });
}

/** Drops one snapshot and returns its directory. The store outlives a test, so each has a customer of its own. */
async function simulate(customer: string, ...values: string[]): Promise<string> {
  const { text } = await run('simulate', '--customer', customer, '--json', ...values);
  const [path] = JSON.parse(text) as string[];
  return path ?? expect.unreachable('nothing was dropped');
}

interface Once {
  deployments: { id: string; state: string; nodes: number }[];
}

describe('a copy', () => {
  it('made by cp -r under a new timestamp is a new snapshot, loaded again', async () => {
    const old = await simulate('copied', '--rows', '40');
    await run('up', '--once');
    const copy = join(dirname(old), String(Number(old.split('/').at(-1)) + 1));
    execFileSync('cp', ['-r', old, copy]);
    const { code, text } = await run('up', '--once', '--json');
    const { deployments } = JSON.parse(text) as Once;
    expect(deployments.map(({ state }) => state).sort()).toEqual(['live', 'replaced']);
    expect(new Set(deployments.map(({ nodes }) => nodes))).toEqual(new Set([deployments[0]?.nodes]));
    expect(code).toBe(0);
  });

  it('is what simulate drops where it is told no source', async () => {
    const old = await simulate('again', '--rows', '40');
    const copy = await simulate('again');
    expect(Number(copy.split('/').at(-1))).toBeGreaterThan(Number(old.split('/').at(-1)));
    const file = join('nodes', 'Person', 'part-0.parquet');
    expect(await readFile(join(copy, file))).toEqual(await readFile(join(old, file)));
  });
});

describe('the readiness rule', () => {
  it.each(['marker', 'manifest'])('%s is met by what simulate drops, whole or broken', async (rule) => {
    environment.GRAPHSHIFT_ORCHESTRATOR_READINESS = rule;
    const whole = await simulate(`${rule}-whole`, '--rows', '40');
    expect(await readdir(whole)).toContain(rule === 'marker' ? '_SUCCESS' : 'manifest.json');
    await simulate(`${rule}-broken`, '--rows', '40', '--broken', 'truncated');
    const { text } = await run('up', '--once', '--json');
    const { deployments } = JSON.parse(text) as Once;
    const states = new Map(deployments.map(({ id, state }) => [id.split('@')[0], state]));
    expect([states.get(`${rule}-whole`), states.get(`${rule}-broken`)]).toEqual(['live', 'dead']);
  });

  it('names what up --once has waited for in vain', async () => {
    const path = await simulate('late', '--rows', '40');
    const program = startProgram(MAIN, ['up', '--once', '--once-timeout', '1'], {
      ...environment,
      GRAPHSHIFT_ORCHESTRATOR_READINESS: 'marker',
    });
    const id = `late@${path.split('/').at(-1)}`;
    expect(await program.line(/--once ends after/)).toContain(`${id} waits for its _SUCCESS`);
    expect(await program.ended()).toBe(1);
  });
});
