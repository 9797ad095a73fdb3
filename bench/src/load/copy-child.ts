/** What a person would write with LadybugDB alone: tables, one COPY a folder, no checks of its own. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { serveParent } from '@graphshift/core';
import { Connection, Database } from '@ladybugdb/core';
import type { LoadCommands, LoadInput } from './load-commands.ts';
import { SCHEMA } from './snapshot.ts';

/** The loader's share of its memory for the buffer pool, and the size of its databases: both sides have the same. */
const POOL_SHARE = 0.4;
const MAX_DATABASE_BYTES = 64 * 2 ** 30;

serveParent<LoadCommands>({ load: copy });

async function copy({ snapshot, directory, memoryBytes, threads }: LoadInput) {
  await mkdir(directory);
  const pool = Math.floor(memoryBytes * POOL_SHARE);
  const database = new Database(join(directory, 'graph'), pool, true, false, MAX_DATABASE_BYTES);
  const connection = new Connection(database, threads);
  let rows = 0;
  for (const [label, columns] of Object.entries(SCHEMA.nodes)) {
    await run(connection, `CREATE NODE TABLE ${label}(${columns})`);
    rows += copied(await run(connection, `COPY ${label} FROM '${snapshot}/nodes/${label}/*.parquet'`));
  }
  for (const [type, { from, to, columns }] of Object.entries(SCHEMA.relationships)) {
    await run(connection, `CREATE REL TABLE ${type}(FROM ${from} TO ${to}, type STRING, ${columns})`);
    rows += copied(await run(connection, `COPY ${type} FROM '${snapshot}/relationships/${type}/*.parquet'`));
  }
  await run(connection, 'CHECKPOINT');
  await connection.close();
  await database.close();
  return { rows, peakMemory: process.resourceUsage().maxRSS * 1024 };
}

async function run(connection: Connection, statement: string): Promise<string> {
  const result = await connection.query(statement);
  if (Array.isArray(result)) throw new Error(`${statement} has several results`);
  const [row] = await result.getAll();
  result.close();
  return String(Object.values(row ?? {})[0]);
}

function copied(message: string): number {
  return Number(/^(\d+) tuple/.exec(message)?.[1]);
}
