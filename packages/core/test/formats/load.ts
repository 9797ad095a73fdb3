/** One label from files on disk, loaded into an embedded store of its own and read back. */

import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEmbeddedStore } from '../../src/graph-store/embedded/store.ts';
import type { GraphStore } from '../../src/graph-store/graph-store.ts';

export const FIXTURES = fileURLToPath(new URL('fixtures', import.meta.url));
export const LABEL = 'Types';
const CUSTOMER = 'acme';

export interface Bench {
  readonly directory: string;
  readonly store: GraphStore;
  /** Loads files as one snapshot and returns its database. */
  load(timestamp: number, files: readonly string[]): Promise<string>;
  /** The types of a database's columns in the store's words. */
  storedTypes(database: string): Promise<Record<string, string>>;
  /** All nodes by id, as a query for these properties gives them. */
  rows(database: string, properties: readonly string[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

export async function openBench(): Promise<Bench> {
  const directory = await mkdtemp(join(tmpdir(), 'graphshift-formats-'));
  const store = createEmbeddedStore({ directory: join(directory, 'store') });
  await store.start();
  return {
    directory,
    store,
    load: (timestamp, files) => load(directory, store, timestamp, files),
    storedTypes: async (database) => {
      const file = join(directory, 'store', 'databases', database, 'types.json');
      const { labels } = JSON.parse(await readFile(file, 'utf8'));
      return Object.fromEntries(
        labels[LABEL].map(({ name, stored }: { name: string; stored: string }) => [name, stored]),
      );
    },
    rows: async (database, properties) => {
      const list = properties.map((name) => `n.\`${name}\` AS \`${name}\``).join(', ');
      const result = await store.query({ database }, `MATCH (n:${LABEL}) RETURN ${list} ORDER BY n.id`);
      return result.rows as Record<string, unknown>[];
    },
    close: async () => {
      await store.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The directory of a snapshot with these files. */
export async function layOut(
  directory: string,
  timestamp: number,
  files: readonly string[],
): Promise<string> {
  const path = join(directory, 'data', CUSTOMER, String(timestamp));
  const folder = join(path, 'nodes', LABEL);
  await mkdir(folder, { recursive: true });
  for (const file of files) await copyFile(file, join(folder, basename(file)));
  return path;
}

async function load(
  directory: string,
  store: GraphStore,
  timestamp: number,
  files: readonly string[],
): Promise<string> {
  const path = await layOut(directory, timestamp, files);
  const request = { customer: CUSTOMER, timestamp, run: 1, epoch: 1, path };
  const opened = await store.openLoad(request);
  try {
    await opened.check();
    await opened.nodes();
    await opened.relationships();
    const { database } = await opened.seal();
    await store.unmark(database, 1);
    return database;
  } catch (error) {
    await opened.abort();
    throw error;
  }
}
