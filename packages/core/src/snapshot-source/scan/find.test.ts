import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findSnapshots } from './find.ts';

const NOW = 1_700_000_000_000;
let base: string;
let root: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'graphshift-find-'));
  root = join(base, 'root');
  await mkdir(root);
});

afterEach(() => rm(base, { recursive: true, force: true }));

async function put(path: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), '');
}

describe('findSnapshots', () => {
  const found = async () => {
    const { snapshots, refused } = await findSnapshots(root, { now: NOW });
    return {
      snapshots: snapshots.map(({ customer, timestamp }) => `${customer}@${timestamp}`),
      refused: refused.map(({ path, error }) => `${path.slice(root.length + 1)} ${error.code}`).sort(),
    };
  };

  it('finds every snapshot, by customer and by number, not by text', async () => {
    for (const path of ['zeta/1600000000', 'acme/999', 'acme/1600000000', 'acme/1700086400'])
      await mkdir(join(root, path), { recursive: true });
    expect(await found()).toEqual({
      snapshots: ['acme@999', 'acme@1600000000', 'acme@1700086400', 'zeta@1600000000'],
      refused: [],
    });
  });

  it('refuses names and timestamps, and the rest goes on', async () => {
    const bad = ['ab/1', 'acme-1700000000/1', 'a_b/1', 'acme/today', 'acme/01', 'acme/1700086401', 'acme/7'];
    for (const path of bad) await mkdir(join(root, path), { recursive: true });
    await put('acme/notes.txt');
    await put('readme');
    expect(await found()).toEqual({
      snapshots: ['acme@7'],
      refused: [
        'a_b CUSTOMER_NAME',
        'ab CUSTOMER_NAME',
        'acme-1700000000 CUSTOMER_NAME',
        'acme/01 SNAPSHOT_TIMESTAMP',
        'acme/1700086401 SNAPSHOT_TIMESTAMP',
        'acme/notes.txt SNAPSHOT_LAYOUT',
        'acme/today SNAPSHOT_TIMESTAMP',
        'readme SNAPSHOT_LAYOUT',
      ],
    });
  });

  it('passes over hidden names, be they files or directories', async () => {
    for (const path of ['.cache/1', '_tmp/1', 'acme/.1600000000-x', 'acme/_1'])
      await mkdir(join(root, path), { recursive: true });
    await put('.DS_Store');
    await put('acme/_lock');
    expect(await found()).toEqual({ snapshots: [], refused: [] });
  });

  it('keeps the lower-case one of customers that are equal but for case', async () => {
    for (const path of ['acme/1', 'Acme/1', 'Zeta/1', 'ZETA/1'])
      await mkdir(join(root, path), { recursive: true });
    expect(await found()).toEqual({
      snapshots: ['acme@1'],
      refused: ['Acme CUSTOMER_NAME', 'ZETA CUSTOMER_NAME', 'Zeta CUSTOMER_NAME'],
    });
  });

  it('follows links inside the root and refuses those that lead out or nowhere', async () => {
    await mkdir(join(root, 'acme/5'), { recursive: true });
    await mkdir(join(base, 'root-of-another/1'), { recursive: true });
    await symlink(join(root, 'acme'), join(root, 'inside'));
    await symlink('5', join(root, 'acme/6'));
    await symlink(join(base, 'root-of-another'), join(root, 'outside'));
    await symlink(join(base, 'root-of-another/1'), join(root, 'acme/7'));
    await symlink(join(base, 'nowhere'), join(root, 'broken'));
    await symlink(join(root, 'circle'), join(root, 'circle'));
    expect(await found()).toEqual({
      snapshots: ['acme@5', 'acme@6', 'inside@5', 'inside@6'],
      refused: [
        'acme/7 SNAPSHOT_LINK',
        'broken SNAPSHOT_LINK',
        'circle SNAPSHOT_LINK',
        'inside/7 SNAPSHOT_LINK',
        'outside SNAPSHOT_LINK',
      ],
    });
  });

  it('says which root is missing', async () => {
    await expect(findSnapshots(join(root, 'none'), { now: NOW })).rejects.toMatchObject({
      code: 'ROOT_UNREADABLE',
      message: expect.stringContaining(join(root, 'none')),
    });
  });

  it('finds snapshots in a root that is itself a link', async () => {
    await mkdir(join(root, 'acme/5'), { recursive: true });
    await symlink(root, join(base, 'link'));
    const { snapshots } = await findSnapshots(join(base, 'link'), { now: NOW });
    expect(snapshots).toEqual([{ customer: 'acme', timestamp: 5, path: join(base, 'link/acme/5') }]);
  });
});
