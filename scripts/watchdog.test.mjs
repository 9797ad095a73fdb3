import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';

const WATCHDOG = new URL('./watchdog.mjs', import.meta.url).href;

function alive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it.each([
  ['runs', ''],
  ['is stopped', "child.kill('SIGSTOP');"],
])('ends a child that %s when its parent is killed', async (_, after) => {
  const parent = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { spawn } from 'node:child_process';
       import { endWithParent } from ${JSON.stringify(WATCHDOG)};
       // It reads nothing from its parent, so that nothing but the watchdog ends it.
       const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
       endWithParent(child);
       ${after}
       console.log(child.pid);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const pid = Number(String((await once(parent.stdout, 'data'))[0]));
  try {
    expect(alive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(() => alive(pid), { timeout: 60_000 }).toBe(false);
  } finally {
    if (alive(pid)) process.kill(pid, 'SIGKILL');
  }
});
