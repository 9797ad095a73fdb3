import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { STATES, type State } from '../deployment/states.ts';
import { systemClock } from '../platform/clock.ts';
import { makeStatus } from './status.ts';

const SCRIPT = fileURLToPath(new URL('../../../../docs/check_graphshift.sh', import.meta.url));

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-check-'));
  path = join(directory, 'orchestrator_status.json');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const states = Object.fromEntries(STATES.map((state) => [state, state === 'live' ? 2 : 0]));

/** What a producer that does well would write. */
const healthy = makeStatus({
  statistics: {
    discovered: 2,
    completed: 2,
    failed: 0,
    retried: 0,
    durationsMs: [1000, 2000],
    states: states as Record<State, number>,
    lastActivityAt: 0,
  },
  instances: [],
  speaker: { uptimeMs: 1000, interval: 30, roots: ['data'], status: 'running' },
  now: 0,
});

function check(...values: string[]): { code: number | null; line: string } {
  const { status, stdout, stderr } = spawnSync('sh', [SCRIPT, ...values], {
    cwd: directory,
    encoding: 'utf8',
  });
  return { code: status, line: stdout + stderr };
}

/** Writes a status with some changes, so many seconds ago. */
async function put(change: Record<string, unknown>, seconds = 0, indent?: number): Promise<void> {
  await writeFile(path, JSON.stringify({ ...healthy, ...change }, null, indent));
  if (seconds === 0) return;
  const at = new Date(systemClock.now() - seconds * 1000);
  await utimes(path, at, at);
}

describe('the check script', () => {
  it.each([undefined, 2])(
    'says 0 when all is well, in one line with performance data (indent %s)',
    async (indent) => {
      await put({}, 0, indent);
      const { code, line } = check();
      expect(line).toMatch(/^OK - running, success 100\.0 %, 0 waiting, .* \| success_rate=100\.00%;95: /);
      expect(line.trimEnd().split('\n')).toHaveLength(1);
      expect(code).toBe(0);
    },
  );

  it('says 2 where there is no file', () => {
    expect(check()).toMatchObject({ code: 2, line: expect.stringMatching(/^CRITICAL - there is no/) });
  });

  it.each([
    ['success at the limit', { success_rate: 95 }, 0, 0, /^OK/],
    ['success under it', { success_rate: 94.999 }, 0, 1, /success is/],
    ['a queue at the limit', { queue_size: 10 }, 0, 0, /^OK/],
    ['a queue over it', { queue_size: 11 }, 0, 1, /11 deployments wait, over 10/],
    ['an old file that says running, as after kill -9', {}, 17, 1, /the file is 1[78] s old, over 15 s/],
    ['a file that is not so old', {}, 12, 0, /^OK/],
    ['a file from the future', {}, -60, 1, /younger than this clock/],
    ['a count that is none', { queue_size: null }, 0, 1, /queue_size is missing/],
    ['a stopping producer', { status: 'stopping' }, 0, 1, /the status is stopping/],
    ['a stopped producer', { status: 'stopped' }, 0, 1, /the status is stopped/],
    [
      'names that stand deeper or in text',
      { data_path: ['","status":"stopped"', '\\'], deployments: { status: 'x', queue_size: 99 } },
      0,
      0,
      /^OK/,
    ],
  ])('on %s', async (_name, change, seconds, code, line) => {
    await put(change, seconds);
    expect(check()).toEqual({ code, line: expect.stringMatching(line) });
  });

  it.each(['', '{', '[]', 'null', '{"status":"running"', 'status: running'])(
    'says 1 for %j, which is no status',
    async (text) => {
      await writeFile(path, text);
      expect(check()).toMatchObject({ code: 1, line: expect.stringMatching(/^WARNING - .*holds no status/) });
    },
  );

  it('takes other limits, and says 3 to wrong use', async () => {
    await put({ queue_size: 11, success_rate: 90 }, 17);
    expect(check('-q', '20', '-s', '89.5', '-a', '60', path)).toMatchObject({ code: 0 });
    expect(check('-q', 'many')).toMatchObject({ code: 3 });
    expect(check('-x')).toMatchObject({ code: 3 });
    expect(check('a', 'b')).toMatchObject({ code: 3 });
  });
});
