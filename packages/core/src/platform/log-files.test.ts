import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from './clock.ts';
import { createLogger } from './log.ts';
import { LogFile } from './log-files.ts';

/** A clock that stands where it is put. */
function stoppedClock(at: string): Clock & { at: number } {
  return {
    at: Date.parse(at),
    now() {
      return this.at;
    },
    sleep: async () => {},
    every: () => () => {},
  };
}

let directory: string;
let clock: ReturnType<typeof stoppedClock>;
const open: LogFile[] = [];

function openFile(options: { maxFiles?: number; maxBytes?: number; directory?: string } = {}): LogFile {
  const file = new LogFile({ directory, maxFiles: 20, clock, ...options });
  open.push(file);
  return file;
}
const names = async () => (await readdir(directory)).sort();
const text = (name: string) => readFile(join(directory, name), 'utf8');

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-logs-'));
  clock = stoppedClock('2001-02-01T03:04:05Z');
});
afterEach(async () => {
  for (const file of open.splice(0)) file.close();
  await rm(directory, { recursive: true, force: true });
});

describe('log files', () => {
  it('are named by the time in UTC, and two processes of one second never share one', async () => {
    const files = [openFile(), openFile(), openFile()];
    files.forEach((file, index) => {
      file.write(`line of ${index}\n`);
    });
    expect(await names()).toEqual([
      'graphshift_20010201_030405.log',
      'graphshift_20010201_030405_2.log',
      'graphshift_20010201_030405_3.log',
    ]);
    expect(await text('graphshift_20010201_030405_2.log')).toBe('line of 1\n');
  });

  it('keep the ones written last, and leave every other file alone', async () => {
    const foreign = ['graphshift_20010101.log', 'graphshift_20010101_000000.log.gz', 'mine.log'];
    for (const name of foreign) await writeFile(join(directory, name), '');
    await mkdir(join(directory, 'graphshift_19990101_000000.log'));
    await symlink('mine.log', join(directory, 'graphshift_19990102_000000.log'));
    for (const [hour, written] of [
      ['01', 9],
      ['02', 7],
      ['03', 8],
    ] as const) {
      const path = join(directory, `graphshift_20010101_${hour}0000.log`);
      await writeFile(path, '');
      await utimes(path, written, written);
    }
    openFile({ maxFiles: 3 });
    expect(await names()).toEqual(
      [
        ...foreign,
        'graphshift_19990101_000000.log',
        'graphshift_19990102_000000.log',
        'graphshift_20010101_010000.log',
        'graphshift_20010101_030000.log',
        'graphshift_20010201_030405.log',
      ].sort(),
    );
  });

  it('go on in a new one when one is full, and stay as many as are kept', async () => {
    const file = openFile({ maxFiles: 2, maxBytes: 10 });
    for (let minute = 0; minute < 5; minute++) {
      file.write(`line ${minute} is long\n`);
      clock.at += 60_000;
    }
    expect(await names()).toEqual(['graphshift_20010201_030705.log', 'graphshift_20010201_030805.log']);
    expect(await text('graphshift_20010201_030805.log')).toBe('line 4 is long\n');
  });

  it('are made again when somebody else removes the one that is written to', async () => {
    const file = openFile();
    file.write('before\n');
    await rm(directory, { recursive: true });
    clock.at += 60_000;
    file.write('after\n');
    expect(await names()).toEqual(['graphshift_20010201_030505.log']);
    expect(await text('graphshift_20010201_030505.log')).toBe('after\n');
  });

  it('lose lines rather than the process on a full disk, and say so once', async () => {
    const name = 'graphshift_20010201_030405.log';
    const file = openFile({ maxBytes: 1 });
    const problems: string[] = [];
    file.onProblem = (message) => problems.push(message);
    file.write('first\n');
    await rm(directory, { recursive: true });
    await writeFile(directory, 'a file where the directory was');
    for (const line of ['a\n', 'b\n', 'c\n']) file.write(line);
    expect(problems).toEqual([expect.stringMatching(/^log file: lines get lost: /)]);
    await rm(directory);
    file.write('last\n');
    expect(problems.slice(1)).toEqual(['log file: 3 lines were lost; it is written to again']);
    expect(await text(name)).toBe('last\n');
  });

  it('refuse a directory that cannot be written to in one line that names the setting', async () => {
    const taken = join(directory, 'taken');
    await writeFile(taken, '');
    expect(() => openFile({ directory: join(taken, 'logs') })).toThrow(
      /^log\.directory: .*\/taken\/logs: .*GRAPHSHIFT_LOG_DIRECTORY[^\n]*$/,
    );
  });
});

describe('createLogger with files', () => {
  it('writes JSON lines of every level it passes, secrets masked', async () => {
    const secret = randomUUID();
    const log = createLogger({ level: 'debug', pretty: false, files: { directory, maxFiles: 2, clock } });
    log.debug({ password: secret, url: { token: secret } }, 'hello');
    const [name = ''] = await names();
    expect(JSON.parse(await text(name))).toMatchObject({ level: 20, password: '[secret]', msg: 'hello' });
    expect(await text(name)).not.toContain(secret);
  });

  it('makes none where nothing is logged', async () => {
    createLogger({ level: 'silent', files: { directory, maxFiles: 2, clock } }).error('unheard');
    expect(await names()).toEqual([]);
  });
});
