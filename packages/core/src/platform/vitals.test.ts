import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, vi } from 'vitest';
import { memoryOfTree, Vitals } from './vitals.ts';

it('tell the memory of the process with that of its children', async () => {
  const own = await memoryOfTree(process.pid);
  expect(own).toBeGreaterThan(20 * 1024 * 1024);
  const child = spawn(process.execPath, [
    '-e',
    'globalThis.kept = Buffer.alloc(2e8, 1); console.log("kept"); setInterval(() => {}, 1000)',
  ]);
  try {
    await once(child.stdout, 'data');
    expect((await memoryOfTree(process.pid)) - own).toBeGreaterThan(1.5e8);
    expect(await memoryOfTree(child.pid ?? 0)).toBeGreaterThan(1.5e8);
  } finally {
    child.kill('SIGKILL');
  }
});

it('tell how late the event loop was, since the reading before', async () => {
  const vitals = new Vitals();
  vitals.start();
  vitals.start();
  try {
    // The histogram begins to count with its second look.
    await vi.waitFor(
      async () => {
        const until = performance.now() + 150;
        while (performance.now() < until);
        for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
        expect((await vitals.read()).loopDelayMs).toBeGreaterThanOrEqual(100);
      },
      { timeout: 60_000, interval: 100 },
    );
  } finally {
    vitals.stop();
    vitals.stop();
  }
});
