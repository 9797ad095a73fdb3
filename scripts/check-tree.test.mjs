import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { checkFile, checkTree } from './check-tree.mjs';
import { ROOT } from './project.mjs';

// The forbidden words are put together here, so that this file passes the check it tests.
const mock = ['vi', 'mock("x")'].join('.');
const timer = ['set', 'Timeout(done, 5)'].join('');

it.each([
  ['apps/worker/src/a.ts', "import { Queue } from 'bullmq';", 'bullmq may only be imported in'],
  ['apps/cli/src/a.ts', "const { Redis } = await import('ioredis');", 'ioredis may only be imported in'],
  ['packages/core/src/queue/a.ts', "import {\n  json,\n} from 'express';", 'express may only be imported in'],
  ['packages/core/src/gate/a.ts', "import { pino } from 'pino';", 'pino may only be imported in'],
  ['packages/core/src/gate/a.ts', "export { default } from 'opossum';", 'opossum may only be imported in'],
  ['apps/worker/src/a.ts', "import lbug from '@ladybugdb/core';", '@ladybugdb/core may only be imported in'],
  ['packages/core/src/queue/a.ts', "import { x } from '@duckdb/node-api';", '@duckdb/node-api may only be'],
  [
    'packages/core/src/queue/a.ts',
    "import { startRedis } from '@graphshift/testkit';",
    '@graphshift/testkit may only',
  ],
  ['apps/cli/src/a.ts', "import { x } from '@graphshift/core/src/a.ts';", 'imports only the door'],
  ['packages/core/src/queue/a.ts', "await redis.call('GET', 'x');", 'belongs into a .lua file'],
  ['packages/core/src/queue/a.ts', 'const at = Date.now();', 'time comes from the Clock'],
  ['apps/worker/src/a.ts', 'const at = new Date();', 'time comes from the Clock'],
  ['apps/worker/src/a.ts', timer, 'timers come from the Clock'],
  ['apps/worker/src/a.test.ts', timer, 'a test does not sleep'],
  ['apps/worker/src/a.test.ts', mock, 'module mocks are not used'],
  ['README.md', `see ${homedir()}/x`, 'names a path of one machine'],
  ['README.md', `see ${ROOT}/x`, 'names a path of one machine'],
  ['.ci/run', 'npm --registry https://registry.' + 'npmjs.org', 'names a registry host'],
])('%s may not hold %s', (path, text, what) => {
  const findings = checkFile(path, text.split('\n'));
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatch(new RegExp(`^${path}:1 `));
  expect(findings[0]).toContain(what);
});

it.each([
  ['packages/core/src/queue/a.ts', "import { Queue } from 'bullmq';"],
  ['apps/worker/test/a.test.ts', "import { Queue } from 'bullmq';"],
  ['apps/worker/src/a.ts', "import type { Redis } from 'ioredis';"],
  ['packages/core/src/platform/clock.ts', 'now: () => Date.now(),'],
  ['apps/worker/src/a.ts', 'new Date(record.at).toISOString()'],
  ['apps/worker/src/a.ts', '// Date.now() would be the wrong clock'],
  ['packages/core/src/queue/lua/a-1.lua', "return redis.call('GET', KEYS[1])"],
])('%s may hold %s', (path, text) => {
  expect(checkFile(path, [text])).toEqual([]);
});

it('says how long a file is that is too long, and passes one that is just short enough', () => {
  const lines = (count) => `${'x;\n'.repeat(count)}`.split('\n');
  expect(checkFile('a.ts', lines(400))).toEqual([]);
  expect(checkFile('a.ts', lines(401))).toEqual(['a.ts:401 401 lines; a file has at most 400']);
});

it('reads the tree, but not what is installed or built', async () => {
  const root = await mkdtemp(join(tmpdir(), 'graphshift-tree-'));
  try {
    for (const path of ['apps/a/src/x.ts', 'apps/a/dist/x.ts', 'node_modules/b/apps/a/src/x.ts']) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), '\nDate.now();\n');
    }
    expect(checkTree(root)).toEqual([
      'apps/a/src/x.ts:2 time comes from the Clock that is passed in (platform/clock.ts)',
    ]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
