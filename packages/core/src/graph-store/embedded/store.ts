/** The embedded graph store: LadybugDB databases in a directory, fed by DuckDB. Needs no server. */

import { randomBytes } from 'node:crypto';
import { open, readdir, stat, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphshiftError, messageOf } from '../../platform/errors.ts';
import { type Logger, silentLogger } from '../../platform/log.ts';
import type { GraphStore, ParityReport, QueryTarget, StoreHealth } from '../graph-store.ts';
import { Aliases, resolveAlias } from './aliases.ts';
import { Databases } from './databases.ts';
import { Drops } from './drops.ts';
import { unlessMissing } from './durable-file.ts';
import { Fence } from './fence.ts';
import { importLadybug } from './ladybug.ts';
import { Layout } from './layout.ts';
import { type LoaderSettings, openEmbeddedLoad } from './load.ts';
import { loaderPercent } from './loader-memory.ts';
import { Presence } from './presence.ts';
import { QueryRunner } from './query.ts';
import { giveId, readId } from './store-id.ts';

export interface EmbeddedStoreOptions {
  /** Everything the store keeps lies below it; several processes of one machine may share it. */
  readonly directory: string;
  readonly log?: Logger;
  /** Memory of one loading process, in bytes. @default 1 GiB */
  readonly loaderMemoryBytes?: number;
  /** Threads of one loading process. @default 2 */
  readonly threads?: number;
  /** Memory of one reading process; a query that takes more is ended. @default 1 GiB */
  readonly queryMemoryBytes?: number;
  /** Reading processes at a time. @default 4 */
  readonly queryProcesses?: number;
  /** How long a reading process is kept for the next query, in milliseconds. @default 10_000 */
  readonly queryIdleMs?: number;
  /** The property that holds a node's id. @default 'id' */
  readonly idProperty?: string;
  /** A snapshot must have a manifest.json that holds. @default false */
  readonly requireManifest?: boolean;
}

const GIBIBYTE = 2 ** 30;

export function createEmbeddedStore(options: EmbeddedStoreOptions): GraphStore {
  const log = options.log ?? silentLogger;
  const layout = new Layout(options.directory);
  const fence = new Fence(layout);
  const databases = new Databases(layout, fence);
  const aliases = new Aliases(layout, fence, databases, log);
  const drops = new Drops(layout, fence, aliases);
  const presence = new Presence(layout);
  const queries = new QueryRunner({
    memoryBytes: options.queryMemoryBytes ?? GIBIBYTE,
    processes: options.queryProcesses ?? 4,
    idleMs: options.queryIdleMs ?? 10_000,
  });
  const loader = loaderOf(options);
  const readable = async (name: string) => {
    const { state } = await databases.judge(name);
    if (state === 'marked' || state === 'complete') return layout.database(name);
    throw new GraphshiftError('CONFLICT', `database ${name} is ${state} and cannot be read`);
  };
  const directoryOf = (target: QueryTarget) =>
    'alias' in target ? resolveAlias(layout, target.alias) : readable(target.database);

  return {
    kind: 'embedded',
    // A reader that has a file open keeps it, whatever becomes of its name.
    drainMs: 0,
    start: async ({ used = false } = {}) => {
      await importLadybug();
      if (used) await presence.require();
      await startUsing(layout);
      await drops.sweep();
      log.debug({ directory: layout.root }, 'embedded store is ready');
    },
    stop: () => queries.stop(),
    id: () => readId(layout),
    health: () => health(layout, presence),
    list: ({ customer } = {}) =>
      presence.during(async () => ({
        databases: await databases.list(customer),
        aliases: await aliases.list(customer),
      })),
    alias: (customer) => presence.during(() => aliases.read(customer)),
    epochFloor: (customer) =>
      presence.during(async () =>
        Math.max(
          await fence.highest(customer),
          await fence.highestPrepared(customer),
          await databases.highestMark(customer),
          (await aliases.read(customer))?.properties.epoch ?? 0,
        ),
      ),
    openLoad: (request, loadOptions = {}) => openEmbeddedLoad(databases, request, loader, loadOptions),
    certificate: (database) => databases.certificate(database),
    databaseBytes: async (database) => bytesIn(layout.database(database)),
    counts: async (database) => queries.counts(await readable(database)),
    carryOver: async (_, { statements = [] }) => leaveAside(statements.map(({ file }) => file)),
    unmark: (database, epoch) => databases.unmark(database, epoch),
    takeOver: (customer, epoch, { isNew } = {}) =>
      presence.during(async () => {
        await fence.raise(customer, epoch, isNew);
        return aliases.read(customer);
      }),
    prepareAlias: (change) => aliases.prepare(change),
    prepareDrop: (customer, name, epoch) => drops.prepare(customer, name, epoch),
    query: async (target, cypher, queryOptions = {}) =>
      queries.query(await directoryOf(target), cypher, queryOptions),
  };
}

function loaderOf(options: EmbeddedStoreOptions): LoaderSettings {
  return {
    memoryBytes: options.loaderMemoryBytes ?? GIBIBYTE,
    threads: options.threads ?? 2,
    idProperty: options.idProperty ?? 'id',
    requireManifest: options.requireManifest ?? false,
  };
}

/** Every node table has its key, and there is nothing else to make: no other indexes, no constraints, no roles. */
function leaveAside([file]: readonly string[]): ParityReport {
  const notes =
    file === undefined
      ? []
      : [`${file} is left aside: the embedded store has no indexes or constraints to make`];
  return { indexes: 0, constraints: 0, privileges: 0, notes };
}

async function startUsing(layout: Layout): Promise<void> {
  try {
    await layout.create();
    await giveId(layout);
    await touch(layout);
  } catch (error) {
    throw new GraphshiftError(
      'STORE_UNFIT',
      `the store's directory ${layout.root} cannot be used: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

async function health(layout: Layout, presence: Presence): Promise<StoreHealth> {
  const meaning = { heap: "a loading process's memory (loader_memory_mb)" };
  try {
    await presence.look();
  } catch (error) {
    return { reachable: false, writable: false, percent: {}, problem: messageOf(error) };
  }
  const disk = await diskOf(layout.root);
  try {
    const heap = await loaderPercent(layout.area('databases'), await touch(layout));
    return { reachable: true, writable: true, percent: { heap, ...disk.percent }, meaning, ...disk.room };
  } catch (error) {
    return { reachable: true, writable: false, percent: disk.percent, problem: messageOf(error) };
  }
}

/** Bytes of all files in a database's directory. */
async function bytesIn(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true });
  const sizes = entries.map(async (entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? bytesIn(path) : (await stat(path)).size;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

interface Disk {
  readonly percent: { readonly disk?: number };
  readonly room?: Required<Pick<StoreHealth, 'disk'>>;
}

async function diskOf(directory: string): Promise<Disk> {
  try {
    const { blocks, bavail, bsize } = await statfs(directory);
    if (blocks === 0) return { percent: {} };
    const room = { disk: { free: bavail * bsize, total: blocks * bsize } };
    return { percent: { disk: Math.round((1 - bavail / blocks) * 1000) / 10 }, room };
  } catch {
    return { percent: {} };
  }
}

/** Writes to the store. @returns the time in ms by the file system's own clock */
async function touch(layout: Layout): Promise<number> {
  // Several checks run at once, and another process's sweep may take the file first.
  const path = join(layout.area('trash'), `.touch-${process.pid}-${randomBytes(4).toString('hex')}`);
  const handle = await open(path, 'w');
  try {
    return (await handle.stat()).mtimeMs;
  } finally {
    await handle.close();
    await unlessMissing(unlink(path));
  }
}
