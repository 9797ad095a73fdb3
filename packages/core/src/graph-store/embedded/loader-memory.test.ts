import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeSnapshotRoot, type SnapshotRoot, smallContent } from '@graphshift/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { GraphStore } from '../graph-store.ts';
import { createEmbeddedStore } from './store.ts';

let root: SnapshotRoot;
let stores: GraphStore[];

beforeEach(async () => {
  root = await makeSnapshotRoot();
  // Two processes of one machine, or two containers on one volume.
  const options = { directory: join(root.path, 'store'), loaderMemoryBytes: 512 * 2 ** 20 };
  stores = [createEmbeddedStore(options), createEmbeddedStore(options)];
  for (const store of stores) await store.start();
});
afterEach(async () => {
  for (const store of stores) await store.stop();
  await root.remove();
});

const heap = async (store: GraphStore | undefined) => (await store?.health())?.percent.heap;

it('shows the largest loading process of any process, from its check to its end', async () => {
  const [own, other] = stores;
  expect(await heap(own)).toBe(0);
  const path = await root.write(smallContent('acme', 1_700_000_000));
  const request = { customer: 'acme', timestamp: 1_700_000_000, run: 1, epoch: 1, path };
  const load = await own!.openLoad(request);
  await load.check();
  const share = await heap(other);
  // Node and the two engines take some tens of MB at least, and far from 512 MB for two people.
  expect(share).toBeGreaterThan(5);
  expect(share).toBeLessThan(85);
  await load.nodes();
  await load.relationships();
  await load.seal();
  expect(await heap(other)).toBe(0);
});

it('does not count a loader that died, and never what is no build', async () => {
  const leave = async (database: string, ageSeconds: number) => {
    const file = join(root.path, 'store', 'databases', database, 'scratch', 'memory-percent');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, '99.0');
    const at = performance.timeOrigin / 1000 - ageSeconds;
    await utimes(file, at, at);
  };
  await leave('acme-1700000000.r1.e1.building', 60);
  await leave('acme-1700000000', 0);
  expect(await heap(stores[0])).toBe(0);
  await leave('acme-1700000001.r1.e2.building', -1);
  expect(await heap(stores[0])).toBe(99);
});
