import { mkdir, mkdtemp, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { observeSnapshot } from './observe.ts';
import { writeSnapshot } from './simulate.ts';

let base: string;
let root: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'graphshift-observe-'));
  root = join(base, 'root');
  await mkdir(root);
});

afterEach(() => rm(base, { recursive: true, force: true }));

async function put(path: string, content = 'PAR1'): Promise<string> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
  return join(root, path);
}

const small = (customer = 'acme', timestamp = 1_600_000_000) =>
  writeSnapshot(root, {
    customer,
    timestamp,
    nodes: { Person: [{ id: 1, labels: 'Person' }] },
    relationships: { KNOWS: [{ source: 1, target: 1, type: 'KNOWS' }] },
  });

describe('observeSnapshot', () => {
  const problem = async (path: string) => {
    const { problem: error } = await observeSnapshot(path, { root });
    return error && `${error.code} ${error.message}`;
  };

  it('lists data files, sorted, and passes over what stands beside them', async () => {
    const path = await small();
    for (const name of [
      '_SUCCESS',
      'manifest.json',
      'nodes/.DS_Store',
      'nodes/Person/.x.parquet.tmp',
      'nodes/Person/_metadata',
    ])
      await writeFile(join(path, name), '');
    const observation = await observeSnapshot(path, { root });
    expect(observation.problem).toBeUndefined();
    expect(observation.files.map((file) => file.path)).toEqual([
      'nodes/Person/part-0.parquet',
      'relationships/KNOWS/part-0.parquet',
    ]);
    expect(observation.bytes).toBe(observation.files.reduce((sum, file) => sum + file.bytes, 0));
  });

  it('has a fingerprint that changes with size, time, name and number of files only', async () => {
    const path = await small();
    const print = async () => (await observeSnapshot(path, { root })).fingerprint;
    const file = join(path, 'nodes/Person/part-0.parquet');
    const prints = [await print()];
    expect(await print()).toBe(prints[0]);
    await utimes(file, 1, 1.5);
    prints.push(await print());
    await writeFile(join(path, 'nodes/Person/part-1.parquet'), 'PAR1');
    prints.push(await print());
    await rm(file);
    prints.push(await print());
    await truncate(join(path, 'nodes/Person/part-1.parquet'), 3);
    prints.push(await print());
    expect(new Set(prints).size).toBe(prints.length);
  });

  it.each([
    ['stray.txt', 'SNAPSHOT_LAYOUT stray.txt'],
    ['edges/KNOWS/a.parquet', 'SNAPSHOT_LAYOUT edges'],
    ['nodes/a.parquet', 'SNAPSHOT_LAYOUT nodes/a.parquet'],
    ['nodes/Person/deep/a.parquet', 'SNAPSHOT_LAYOUT nodes/Person/deep'],
    ['nodes/Person/a.csv', 'FILE_FORMAT nodes/Person/a.csv has no suffix that names a format'],
    ['nodes/Person/a.parquet', 'FILE_TRUNCATED nodes/Person/a.parquet'],
    ['nodes/person/a.parquet', 'NAME_INVALID nodes/Person and nodes/person'],
    ['relationships/PERSON/a.parquet', 'NAME_INVALID nodes/Person and relationships/PERSON'],
    ['nodes/a`b/a.parquet', 'NAME_INVALID "nodes/a`b"'],
    ['nodes/a\nb/a.parquet', 'NAME_INVALID "nodes/a\\nb"'],
  ])('refuses %j', async (file, expected) => {
    const path = await small();
    await put(`acme/1600000000/${file}`);
    expect(await problem(path)).toContain(expected);
  });

  it.each([
    ['', 'FILE_TRUNCATED'],
    ['PA', 'FILE_TRUNCATED'],
    ['PAR1', 'FILE_TRUNCATED'],
    ['PAR1 and a beginning of data', 'FILE_TRUNCATED'],
    ['PAR1____\xff\xff\x00\x00PAR1', 'FILE_TRUNCATED'],
    ['PAR1\x00\x00\x00\x00PARE', 'FILE_FORMAT'],
    ['PARE\x00\x00\x00\x00PARE', 'FILE_FORMAT'],
    ['ARROW1\x00\x00 and so on', 'FILE_FORMAT'],
    ['id,labels\n1,Person\n', 'FILE_FORMAT'],
    ['x', 'FILE_FORMAT'],
  ])('judges a file that holds %j', async (content, code) => {
    const path = await small();
    await writeFile(join(path, 'nodes/Person/part-0.parquet'), content, 'latin1');
    expect(await problem(path)).toMatch(new RegExp(`^${code} nodes/Person/part-0.parquet`));
  });

  it('wants at least one node file', async () => {
    await mkdir(join(root, 'acme/1/nodes/Person'), { recursive: true });
    expect(await problem(join(root, 'acme/1'))).toMatch(/^SNAPSHOT_EMPTY/);
    await rm(join(root, 'acme/1/nodes'), { recursive: true });
    expect(await problem(join(root, 'acme/1'))).toMatch(/^SNAPSHOT_EMPTY/);
  });

  it('follows links inside the root and refuses those out of it, on every level', async () => {
    const path = await small();
    const other = await small('other');
    await symlink(join(other, 'nodes/Person'), join(path, 'nodes/Linked'));
    await symlink(join(other, 'nodes/Person/part-0.parquet'), join(path, 'nodes/Person/part-1.parquet'));
    const whole = await observeSnapshot(path, { root });
    expect(whole.problem).toBeUndefined();
    expect(whole.files).toHaveLength(4);
    for (const place of ['nodes/Out', 'nodes/Person/out.parquet', 'relationships/KNOWS/out.parquet']) {
      await symlink(base, join(path, place));
      expect(await problem(path)).toContain(`SNAPSHOT_LINK ${place} `);
      await rm(join(path, place));
    }
  });

  it('calls a snapshot gone that is not there', async () => {
    expect(await problem(join(root, 'acme/1'))).toMatch(/^SNAPSHOT_GONE/);
  });

  it('never fails while files come and go', async () => {
    const path = await small();
    const churn = async () => {
      for (let turn = 0; turn < 60; turn += 1) {
        await put(`acme/1600000000/nodes/Person/t-${turn % 3}.parquet`, 'PAR1....PAR1');
        await rm(join(path, `nodes/Person/t-${turn % 3}.parquet`));
      }
    };
    let busy = true;
    const done = churn().finally(() => {
      busy = false;
    });
    let looks = 0;
    for (; busy; looks += 1) {
      const { problem: error } = await observeSnapshot(path, { root });
      if (error) expect(['SNAPSHOT_GONE', 'FILE_TRUNCATED']).toContain(error.code);
    }
    await done;
    expect(looks).toBeGreaterThan(0);
    expect((await observeSnapshot(path, { root })).problem).toBeUndefined();
  });
});
