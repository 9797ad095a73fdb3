import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { environmentNames, settingPaths } from '../packages/core/src/config/setting-paths.ts';
import { ROOT } from './project.mjs';
import { closingAccount } from './tally.mjs';
import { runTests, testEnvironment } from './test.mjs';

const CHECKS = [
  { name: 'lint', ok: true },
  { name: 'types', ok: true },
];

/** Runs real test files in a vitest of their own and returns the closing account. */
async function account(files, checks = CHECKS) {
  const directory = await mkdtemp(join(ROOT, 'node_modules', '.tally-'));
  try {
    for (const [name, text] of Object.entries(files))
      await writeFile(
        join(directory, name),
        `import { describe, expect, it, beforeAll } from 'vitest';\n${text}`,
      );
    await writeFile(
      join(directory, 'vitest.config.mjs'),
      "export default { test: { include: ['*.test.mjs'] } };",
    );
    const env = testEnvironment(process.env);
    const { exitCode, run } = await runTests([], env, { cwd: directory, output: 'ignore' });
    return { exitCode, ...closingAccount(checks, run, exitCode) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const last = ({ lines }) => lines[lines.length - 1];
const PASSING = "it('adds', () => expect(1 + 1).toBe(2));";

describe('the closing line', () => {
  it('counts tests and checks that passed', async () => {
    const result = await account({ 'a.test.mjs': PASSING });
    expect(last(result)).toBe('3 passed, 0 failed');
    expect(result.ok).toBe(true);
  });

  it('names what failed', async () => {
    const result = await account({
      'a.test.mjs': `${PASSING} describe('x', () => { it('y', () => expect(1).toBe(2)); });`,
    });
    expect(last(result)).toBe('3 passed, 1 failed');
    expect(result.ok).toBe(false);
    expect(result.lines).toContainEqual(expect.stringMatching(/a\.test\.mjs > x > y$/));
  });

  it('names what did not run, with its reason', async () => {
    const skipping = `${PASSING} it('looks', (context) => context.skip('no browser')); it.todo('later');`;
    const result = await account({ 'a.test.mjs': skipping });
    expect(last(result)).toBe('3 passed, 0 failed, 2 skipped');
    expect(result.lines).toContainEqual(expect.stringMatching(/a\.test\.mjs > looks \(no browser\)$/));
    expect(result.lines).toContainEqual(expect.stringMatching(/> later \(still to be written\)$/));
    expect(result.lines).toContain('!!! 1 test did NOT run: no browser');
    expect(result.ok).toBe(true);
  });

  it.each([
    ['a file that cannot be imported', "import './missing.mjs';", 1],
    [
      'a hook that throws',
      `describe('x', () => { beforeAll(() => { throw new Error('no'); }); ${PASSING} });`,
      1,
    ],
    ['a rejection that nobody handles', `${PASSING} Promise.reject(new Error('lost'));`, 1],
    ['a worker that dies', "it('dies', () => { process.kill(process.pid, 'SIGKILL'); });", undefined],
  ])('counts %s as failed', async (_, text, failed) => {
    const result = await account({ 'a.test.mjs': text, 'b.test.mjs': PASSING });
    expect(result.ok).toBe(false);
    if (failed) expect(last(result)).toMatch(new RegExp(`^\\d+ passed, ${failed} failed(, \\d+ skipped)?$`));
  });

  it('counts a run without any test as failed', async () => {
    const result = await account({});
    expect(last(result)).toBe('2 passed, 1 failed');
    expect(result.lines).toContain('  no test ran');
  });
});

describe('closingAccount', () => {
  const run = { tests: [{ name: 'a', state: 'passed' }], problems: [] };

  it('counts a check that failed', () => {
    const { lines, ok } = closingAccount([{ name: 'lint', ok: false }], run, 0);
    expect(lines.slice(0, 3)).toEqual(['', 'Failed:', '  lint']);
    expect(lines[lines.length - 1]).toBe('1 passed, 1 failed');
    expect(ok).toBe(false);
  });

  it.each([
    ['wrote nothing', undefined, 0, 'vitest ended with 0 before it could tell what ran'],
    ['was killed', undefined, 1, 'vitest ended with 1 before it could tell what ran'],
    ['failed for a reason that no test names', run, 1, 'vitest ended with 1'],
    ['skipped everything', { tests: [{ name: 'a', state: 'skipped' }], problems: [] }, 0, 'no test ran'],
  ])('a run that %s has failed', (_, written, exitCode, line) => {
    const { lines, ok } = closingAccount(CHECKS, written, exitCode);
    expect(lines).toContain(`  ${line}`);
    expect(ok).toBe(false);
  });
});

it('keeps the services of the caller away from the tests', () => {
  const names = settingPaths().flatMap(environmentNames);
  const settings = Object.fromEntries(names.map((name) => [name, '1']));
  expect(testEnvironment({ PATH: '/bin', ...settings })).toEqual({ PATH: '/bin' });
});
