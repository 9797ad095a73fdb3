import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

const DEMO = new URL('./demo.mjs', import.meta.url).href;
let directory;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-demo-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** Runs `program` under a parent that does what `npm run demo` does once Redis is found. */
async function runUnderParent(program) {
  const file = join(directory, 'program.mjs');
  await writeFile(file, program);
  const script = `
    import { runProgram } from ${JSON.stringify(DEMO)};
    const ended = runProgram(${JSON.stringify(file)}, ['--once', 'a b'], 'redis://here');
    process.on('SIGINT', () => console.log('parent has passed on what it passes on'));
    process.exitCode = await ended;`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  parent.stdout.setEncoding('utf8');
  return parent;
}

const WAITING = 'console.log(process.pid); setInterval(() => {}, 1000);';
const firstLine = async (parent) => String((await once(parent.stdout, 'data'))[0]).trim();

it('hands on the arguments, Redis and the exit code', async () => {
  const parent = await runUnderParent(
    'console.log(JSON.stringify([process.argv.slice(2), process.env.REDIS_URL])); process.exitCode = 7;',
  );
  expect(JSON.parse(await firstLine(parent))).toEqual([['--once', 'a b'], 'redis://here']);
  expect(await once(parent, 'exit')).toEqual([7, null]);
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])('passes %s on and ends with %i', async (signal, code) => {
  const parent = await runUnderParent(WAITING);
  await firstLine(parent);
  parent.kill(signal);
  expect(await once(parent, 'exit')).toEqual([code, null]);
});

it('passes a signal on once, and lets the program end in its own time', async () => {
  const parent = await runUnderParent(`
    let times = 0;
    process.on('SIGINT', () => { times += 1; });
    process.on('SIGTERM', () => { console.log('signals ' + times); process.exit(0); });
    setInterval(() => {}, 1000);
    console.log(process.pid);`);
  const pid = Number(await firstLine(parent));
  for (let i = 0; i < 2; i++) {
    parent.kill('SIGINT');
    expect(await firstLine(parent)).toBe('parent has passed on what it passes on');
  }
  process.kill(pid, 'SIGTERM');
  expect(await firstLine(parent)).toBe('signals 1');
  expect(parent.exitCode ?? (await once(parent, 'exit'))[0]).toBe(130);
});

it('leaves no program behind when the parent is killed', async () => {
  const parent = await runUnderParent(WAITING);
  const pid = Number(await firstLine(parent));
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  const alive = () => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  await expect.poll(alive, { timeout: 60_000 }).toBe(false);
});
