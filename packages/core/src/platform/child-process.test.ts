import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ChildProcess, ChildTimeout } from './child-process.ts';

type Commands = {
  echo: { input: unknown; output: unknown };
  count: { input: number; output: number };
  fail: { input: undefined; output: undefined };
  hang: { input: undefined; output: undefined };
  die: { input: undefined; output: undefined };
  pid: { input: undefined; output: number };
};

const CHILD = `
import { GraphshiftError } from ${JSON.stringify(new URL('./errors.ts', import.meta.url).href)};
import { serveParent } from ${JSON.stringify(new URL('./child-process.ts', import.meta.url).href)};
serveParent({
  echo: async (input) => input,
  count: async (to, report) => { for (let i = 1; i <= to; i++) report(i); return to; },
  fail: async () => { throw new GraphshiftError('COLUMN_TYPE', 'no such type', { details: { column: 'c' } }); },
  hang: () => new Promise(() => process.stdin.resume()),
  die: async () => { console.error('last words'); process.exitCode = 3; process.disconnect = undefined; process.exit(3); },
  pid: async () => process.pid,
});
`;

let directory: string;
let module: URL;
let child: ChildProcess<Commands>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-child-'));
  const path = join(directory, 'child.ts');
  await writeFile(path, CHILD);
  module = pathToFileURL(path);
  child = new ChildProcess<Commands>(module, { name: 'tester' });
});

afterEach(async () => {
  await child.kill();
  await rm(directory, { recursive: true, force: true });
});

it('carries values, progress and catalogued errors', async () => {
  const value = { wide: 2n ** 70n, at: new Date(5), list: [null, 'é😀'] };
  expect(await child.call('echo', value)).toEqual(value);
  const progress: unknown[] = [];
  expect(await child.call('count', 3, { onProgress: (step) => progress.push(step) })).toBe(3);
  expect(progress).toEqual([1, 2, 3]);
  await expect(child.call('fail', undefined)).rejects.toMatchObject({
    code: 'COLUMN_TYPE',
    message: 'no such type',
    details: { column: 'c' },
  });
  expect(child.alive).toBe(true);
});

it('tells how the child died, with its last words', async () => {
  await expect(child.call('die', undefined)).rejects.toMatchObject({
    code: 'LOADER_DIED',
    message: 'tester process ended with exit code 3; its last words: last words',
  });
  expect(child.alive).toBe(false);
  await expect(child.call('echo', 1)).rejects.toMatchObject({ code: 'LOADER_DIED' });
});

it('kills the child on abort and when it takes too long', async () => {
  const stop = new AbortController();
  const hanging = child.call('hang', undefined, { signal: stop.signal });
  stop.abort(new Error('enough'));
  await expect(hanging).rejects.toMatchObject({ code: 'ABORTED', cause: { message: 'enough' } });
  await child.kill();
  expect(child.alive).toBe(false);
  child = new ChildProcess<Commands>(module, { name: 'tester' });
  await expect(child.call('hang', undefined, { timeoutMs: 10 })).rejects.toBeInstanceOf(ChildTimeout);
});

it('ends with its parent', async () => {
  const note = join(directory, 'pid');
  const parent = join(directory, 'parent.mts');
  await writeFile(
    parent,
    `import { writeFileSync } from 'node:fs';
     import { ChildProcess } from ${JSON.stringify(new URL('./child-process.ts', import.meta.url).href)};
     const child = new ChildProcess(new URL(${JSON.stringify(module.href)}), { name: 'tester' });
     writeFileSync(${JSON.stringify(note)}, String(await child.call('pid', undefined)));
     process.send('ready');
     await child.call('hang', undefined);`,
  );
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const process_ = fork(parent, { execArgv: ['--import', loader], silent: true });
  await once(process_, 'message');
  const pid = Number(await readFile(note, 'utf8'));
  expect(isRunning(pid)).toBe(true);
  // The grandchild holds the pipe of its parent's standard error: it is closed when both are gone.
  const gone = once(process_, 'close');
  process_.kill('SIGKILL');
  await gone;
  await expect.poll(() => isRunning(pid), { timeout: 60_000 }).toBe(false);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
