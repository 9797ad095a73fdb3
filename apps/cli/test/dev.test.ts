import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Program, startProgram } from '@graphshift/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { neo4jDevProblem } from '../../../scripts/neo4j-dev.mjs';

const MAIN = new URL('../src/main.ts', import.meta.url);
const problem = process.env.GRAPHSHIFT_TEST_NEO4J_PROBLEM || neo4jDevProblem();

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-dev-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function start(values: readonly string[], environment: Record<string, string> = {}): Program {
  return startProgram(MAIN, ['dev', 'neo4j', ...values], environment);
}

async function refusal(values: readonly string[], environment: Record<string, string> = {}) {
  const program = start(values, environment);
  const code = await program.ended();
  return { code, line: program.lines.find((line) => line.startsWith('graphshift: ')) };
}

describe('graphshift dev neo4j says in one line what is wrong', () => {
  it.each([
    [['--flight', '-1'], '--flight is "-1"; it must be a whole number from 0 to 65535'],
    [['--bolt', 'seven'], '--bolt is "seven"; it must be a whole number from 0 to 65535'],
    [['--max-databases', '1'], '--max-databases is "1"; it must be a whole number of at least 2'],
  ])('with %j', async (values, said) => {
    expect(await refusal(values)).toEqual({ code: 2, line: expect.stringContaining(said) });
  });

  it('without a Java, or with one that is too old', async () => {
    const bin = join(directory, 'jdk', 'bin');
    const java = { JAVA_HOME: dirname(bin) };
    expect(await refusal([], java)).toEqual({
      code: 2,
      line: expect.stringContaining('no Java: JAVA_HOME is'),
    });
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, 'java'), '#!/bin/sh\necho \'openjdk version "11.0.2" 2019-01-15\' >&2\n');
    await chmod(join(bin, 'java'), 0o755);
    expect(await refusal([], java)).toEqual({
      code: 2,
      line: expect.stringContaining('java is Java 11; JDK 17 or 21 is needed'),
    });
  });
});

describe('graphshift dev neo4j', () => {
  beforeEach((context) => {
    if (problem) context.skip(problem);
  });

  it('serves until a signal, and refuses a port or a directory that is taken meanwhile', async () => {
    const data = join(directory, 'data');
    const environment = { NEO4J_DEV_JAVA_OPTS: '-XX:TieredStopAtLevel=1' };
    const program = start(['--bolt', '0', '--data', data, '--heap-mb', '512', '--json'], environment);
    const { url } = JSON.parse(await program.line(/^\{/)) as { url: string };
    expect(url).toMatch(/^bolt:\/\/127\.0\.0\.1:\d+$/);
    expect(program.lines).toContainEqual(expect.stringContaining('for development and tests only'));
    expect(program.lines).toContain('user neo4j, password graphshift');
    const { port } = new URL(url);
    expect(await refusal(['--bolt', port, '--data', join(directory, 'other')])).toEqual({
      code: 2,
      line: expect.stringContaining(`port ${port} of 127.0.0.1 is taken; name another with --bolt`),
    });
    expect(await refusal(['--bolt', '0', '--data', data])).toEqual({
      code: 2,
      line: expect.stringContaining('is in use by another server'),
    });
    expect(await program.end('SIGINT')).toBe(130);
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(Number(port), '127.0.0.1', resolve));
    await new Promise((resolve) => free.close(resolve));
  });

  it('refuses a directory that it did not make, and a password that is too short, which it does not repeat', async () => {
    await mkdir(join(directory, 'foreign'));
    await writeFile(join(directory, 'foreign', 'precious'), '');
    expect(await refusal(['--bolt', '0', '--data', join(directory, 'foreign')])).toEqual({
      code: 2,
      line: expect.stringContaining('was not made by this program'),
    });
    const short = await refusal(['--bolt', '0', '--data', join(directory, 'new'), '--password', 's3cret']);
    expect(short).toEqual({
      code: 2,
      line: expect.stringContaining('the password has 6 characters; it must have at least 8'),
    });
    expect(short.line).not.toContain('s3cret');
  });
});
