import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findProgram } from './programs.mjs';
import { ROOT } from './project.mjs';

const MAIN =
  'console.log(JSON.stringify({ cwd: process.cwd(), args: process.argv.slice(2) })); process.exitCode = 3;';
let directory;
let checkout;
let elsewhere;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'graphshift launcher-')));
  checkout = join(directory, 'checkout');
  elsewhere = join(directory, 'elsewhere');
  await mkdir(join(checkout, 'apps/cli/dist'), { recursive: true });
  await mkdir(join(checkout, 'node_modules'));
  await mkdir(elsewhere);
  for (const name of ['graphshift', 'package.json']) await cp(join(ROOT, name), join(checkout, name));
  await writeFile(join(checkout, 'apps/cli/dist/main.js'), MAIN);
});

afterEach(() => rm(directory, { recursive: true, force: true }));

function run(file, args = [], path = process.env.PATH) {
  return spawnSync(file, args, { cwd: elsewhere, encoding: 'utf8', env: { PATH: path } });
}

/** A directory with the few programs that the launcher calls, and the given `node`, if any. */
async function pathWith(node) {
  const path = join(directory, 'bin');
  await mkdir(path);
  for (const name of ['sed', 'dirname', 'readlink']) await symlink(findProgram([name]), join(path, name));
  if (node) await writeFile(join(path, 'node'), node, { mode: 0o755 });
  return path;
}

it('runs the command in the directory of the caller, with its arguments and exit code', () => {
  const { stdout, status } = run(join(checkout, 'graphshift'), [
    'query',
    'us-ca',
    'MATCH (n) RETURN "a b"',
    '',
  ]);
  expect(JSON.parse(stdout)).toEqual({
    cwd: elsewhere,
    args: ['query', 'us-ca', 'MATCH (n) RETURN "a b"', ''],
  });
  expect(status).toBe(3);
});

it('is found through links, absolute and relative', async () => {
  await symlink(join(checkout, 'graphshift'), join(directory, 'absolute'));
  await symlink('../absolute', join(elsewhere, 'relative'));
  expect(run(join(elsewhere, 'relative'), ['status']).status).toBe(3);
});

it.each(['apps/cli/dist', 'node_modules'])(
  'without %s says in one line to run the set-up',
  async (missing) => {
    await rm(join(checkout, missing), { recursive: true });
    const { stderr, status } = run(join(checkout, 'graphshift'));
    expect(stderr).toMatch(/^[^\n]*run: npm run setup\n$/);
    expect(status).toBe(2);
  },
);

it('without Node says so in one line', async () => {
  const { stderr, status } = run(join(checkout, 'graphshift'), [], await pathWith());
  expect(stderr).toMatch(
    /^graphshift: Node is not on the PATH; Graphshift needs Node \d+\.\d+\.\d+ or newer\.\n$/,
  );
  expect(status).toBe(2);
});

it.each(['v20.18.3', 'v18.20.8'])('with Node %s says in one line that it is too old', async (version) => {
  const { stderr, status } = run(
    join(checkout, 'graphshift'),
    [],
    await pathWith(`#!/bin/sh\necho ${version}\n`),
  );
  expect(stderr).toMatch(
    new RegExp(`^graphshift: Node ${version.slice(1)} is too old; Graphshift needs .*\n$`),
  );
  expect(status).toBe(2);
});

it.each(['v20.19.0', 'v24.1.0'])('takes Node %s', async (version) => {
  const node = `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\nexec ${process.execPath} "$@"\n`;
  const path = `${await pathWith(node)}:${dirname(process.execPath)}`;
  expect(run(join(checkout, 'graphshift'), [], path).status).toBe(3);
});
