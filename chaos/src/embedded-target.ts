/**
 * The embedded store, read as docs/architecture.md lays it out on disk, with the graph library itself and no code of the
 * product. Where the user may mount, it stands on a small file system of its own, whose disk can be filled.
 */

import { execFile } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Random } from '@graphshift/testkit';
import { Connection, Database } from '@ladybugdb/core';
import type { AliasSeen, Content, DatabaseSeen, Scale, Seen, Target } from './target.ts';

const run = promisify(execFile);

const SCALE: Scale = {
  paceMs: [600, 2600],
  sizes: { small: 20, medium: 1500, large: 12_000 },
  lookMs: 250,
};
const STORE_MEGABYTES = 384;
const CHUNK = Buffer.alloc(2 ** 20);
/** An alias may move, and what it left be dropped, between the steps of a look. */
const TRIES = 30;
const DATABASE = /^(.+)-(\d+)$/;

export async function openEmbeddedTarget(directory: string): Promise<Target> {
  const store = join(directory, 'store');
  await mkdir(store, { recursive: true });
  const problem = await mount(store);
  return {
    kind: 'embedded',
    environment: () => ({ GRAPHSHIFT_STORE: `embedded:${store}` }),
    flags: { 'store.url': `embedded:${store}` },
    reader: { kind: 'embedded', url: store, pauseMs: 15 },
    scale: SCALE,
    faults: problem === undefined ? { full: (random) => fill(store, random) } : {},
    leftOut: problem === undefined ? [] : [`full: no small file system can be mounted here (${problem})`],
    wasDown: () => false,
    look: () => look(store),
    content: (database) => contentOf(join(store, 'databases', database, 'graph.lbug')),
    listing: async () => (await run('ls', ['-lAR', '--time-style=full-iso', store])).stdout,
    close: async () => {
      if (problem === undefined) await unmount(store);
    },
  };
}

/** @returns why it could not be mounted */
async function mount(path: string): Promise<string | undefined> {
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${STORE_MEGABYTES}m`, 'tmpfs', path]);
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text.split('\n').find((line) => line.startsWith('mount:')) ?? 'mount is not allowed';
  }
}

async function unmount(path: string): Promise<void> {
  // Lazily: a killed loader may still be on its way out.
  await run('umount', ['-l', path]);
}

async function fill(store: string, random: Random): Promise<string> {
  const path = join(store, 'filling');
  const forMs = random.whole(1000, 4000);
  const file = openSync(path, 'w');
  let megabytes = 0;
  try {
    for (; megabytes <= STORE_MEGABYTES; megabytes++) writeSync(file, CHUNK);
  } catch {
    // It is full.
  }
  closeSync(file);
  await wait(forMs);
  rmSync(path);
  return `${megabytes} MiB for ${forMs} ms`;
}

async function look(store: string): Promise<Seen> {
  const problems: string[] = [];
  const aliases: AliasSeen[] = [];
  for (const customer of await names(join(store, 'aliases'))) {
    const alias = await readAlias(store, customer);
    if (typeof alias === 'string') problems.push(alias);
    else aliases.push(alias);
  }
  const databases: DatabaseSeen[] = [];
  for (const name of await names(join(store, 'databases'))) {
    const database = await readDatabase(store, name);
    if (database) databases.push(database);
  }
  return { databases, aliases, problems };
}

/** An alias with what it leads to, or what is wrong with it. */
async function readAlias(store: string, customer: string): Promise<AliasSeen | string> {
  let problem = '';
  for (let attempt = 0; attempt < TRIES; attempt++) {
    try {
      const cutover = basename(await readlink(join(store, 'aliases', customer)));
      const directory = join(store, 'cutovers', customer, cutover);
      const database = basename(await readlink(join(directory, 'database')));
      const properties = JSON.parse(await readFile(join(directory, 'properties.json'), 'utf8'));
      const entries = await readdir(join(store, 'databases', database));
      problem = flaw(database, entries);
      if (problem === '') return aliasOf(customer, database, properties);
    } catch (error) {
      problem = String(error);
    }
    await wait(5);
  }
  return `alias ${customer} leads to nothing whole: ${problem}`;
}

function flaw(database: string, entries: readonly string[]): string {
  if (entries.some((entry) => entry.startsWith('LOADING'))) return `${database} has its load mark still`;
  return entries.includes('graph.lbug') && entries.includes('certificate.json')
    ? ''
    : `${database} has no graph`;
}

function aliasOf(customer: string, database: string, properties: Record<string, unknown>): AliasSeen {
  const holds = (properties.holds ?? []) as readonly { timestamp: number }[];
  return {
    customer,
    database,
    timestamp: Number(DATABASE.exec(database)?.[2] ?? 0),
    pinned: properties.pin !== undefined,
    holds: holds.map(({ timestamp }) => timestamp),
  };
}

async function readDatabase(store: string, name: string): Promise<DatabaseSeen | undefined> {
  try {
    const directory = join(store, 'databases', name);
    const entries = await readdir(directory);
    const { ino, birthtimeMs } = await stat(directory);
    const [, customer = '', timestamp = '0'] =
      DATABASE.exec(name.replace(/\.r\d+\.e\d+\.building$/, '')) ?? [];
    const complete = !name.endsWith('.building') && !entries.some((entry) => entry.startsWith('LOADING'));
    return {
      name,
      customer,
      timestamp: Number(timestamp),
      complete: complete && entries.includes('graph.lbug'),
      identity: `${ino}/${birthtimeMs}`,
    };
  } catch {
    // It was dropped or renamed meanwhile.
    return undefined;
  }
}

async function names(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(() => [])).sort();
}

/** Address space of a handle; the library's default exhausts it with the eleventh. */
const HANDLE_BYTES = 64 * 2 ** 30;

async function contentOf(path: string): Promise<Content> {
  const database = new Database(path, 64 * 2 ** 20, true, true, HANDLE_BYTES);
  const connection = new Connection(database, 1);
  const ask = async (statement: string) => {
    const answer = await connection.query(statement);
    const result = Array.isArray(answer) ? answer[0] : answer;
    const [row] = (await result?.getAll()) ?? [];
    result?.close();
    return String(row?.n ?? '');
  };
  try {
    const rows: Record<string, number> = {};
    for (const label of ['Person', 'Company'])
      rows[label] = Number(await ask(`MATCH (n:${label}) RETURN count(*) AS n`));
    for (const type of ['KNOWS', 'WORKS_AT'])
      rows[type] = Number(await ask(`MATCH ()-[r:${type}]->() RETURN count(*) AS n`));
    const employees = await ask('MATCH (c:Company) RETURN CAST(sum(c.employees) AS INT64) AS n');
    const years = await ask('MATCH ()-[w:WORKS_AT]->() RETURN CAST(sum(w.years) AS INT64) AS n');
    return { rows, sum: `${employees}/${years}` };
  } finally {
    await connection.close();
    await database.close();
  }
}
