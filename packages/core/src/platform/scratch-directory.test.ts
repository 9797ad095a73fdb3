import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Program, startProgram } from '@graphshift/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeScratchDirectory, sweepScratchDirectories } from './scratch-directory.ts';

/** Makes one, says where, and stays. */
const PROGRAM = `
import { makeScratchDirectory } from ${JSON.stringify(new URL('./scratch-directory.ts', import.meta.url).href)};
void makeScratchDirectory(process.argv[2]).then(({ path }) => console.log('at ' + path));
setInterval(() => {}, 1000);
`;

let directory: string;
let parent: string;
let program: Program | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gs-scratch-'));
  parent = join(directory, 'tmp');
  await mkdir(parent);
});
afterEach(async () => {
  await program?.end('SIGKILL');
  program = undefined;
  await rm(directory, { recursive: true, force: true });
});

/** Of another process, with a file in it. */
async function madeElsewhere(): Promise<string> {
  const path = join(directory, 'program.ts');
  await writeFile(path, PROGRAM);
  program = startProgram(new URL(`file://${path}`), [parent], {});
  const at = (await program.line(/^at /)).slice('at '.length);
  await writeFile(join(at, 'rows.parquet'), 'rows');
  return at;
}

it('goes with all that is in it', async () => {
  const scratch = await makeScratchDirectory(parent);
  await mkdir(join(scratch.path, 'spill'));
  await scratch.remove();
  await scratch.remove();
  expect(await readdir(parent)).toEqual([]);
});

it('is swept once its process was killed, and not before', async () => {
  const own = await makeScratchDirectory(parent);
  const other = await madeElsewhere();
  expect(await sweepScratchDirectories(parent)).toEqual([]);
  // It sleeps, and is there.
  program?.process.kill('SIGSTOP');
  expect(await sweepScratchDirectories(parent)).toEqual([]);
  await program?.end('SIGKILL');
  expect(await sweepScratchDirectories(parent)).toEqual([other]);
  expect([existsSync(other), existsSync(own.path)]).toEqual([false, true]);
  await own.remove();
});

it("is swept from before the machine's last start, and left where it is another machine's or not ours", async () => {
  const other = await madeElsewhere();
  await program?.end('SIGKILL');
  const [, host, start] = /load-(\w+)-(\w+)-\w+$/.exec(other) ?? [];
  const before = join(parent, `graphshift-load-${host}-00000000-aaaaaa`);
  await rename(other, before);
  const others = [
    `graphshift-load-00000000-11111111-bbbbbb`,
    'graphshift-load-cccccc',
    'graphshift-kept-dddddd',
  ];
  for (const name of [...others, `mine-${host}-${start}-eeeeee`]) await mkdir(join(parent, name));
  expect(await sweepScratchDirectories(parent)).toEqual([before]);
  expect(await readdir(parent)).toHaveLength(4);
});

it('is swept where its process was killed while it made it, an hour later', async () => {
  const made = join(parent, 'graphshift-made-aaaaaa');
  await mkdir(made);
  expect(await sweepScratchDirectories(parent)).toEqual([]);
  const past = new Date(Date.now() - 2 * 3_600_000);
  await utimes(made, past, past);
  expect(await sweepScratchDirectories(parent)).toEqual([made]);
});

it('is swept by nobody where its path is too long to listen there', async () => {
  parent = join(parent, 'x'.repeat(100));
  await mkdir(parent);
  const scratch = await makeScratchDirectory(parent);
  await writeFile(join(scratch.path, 'rows.parquet'), 'rows');
  expect(await sweepScratchDirectories(parent)).toEqual([]);
  await scratch.remove();
  expect(await readdir(parent)).toEqual([]);
});
