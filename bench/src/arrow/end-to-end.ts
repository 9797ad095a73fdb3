/** From Parquet files to a database that is online, over Arrow Flight: our load, and the official Python client. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { siblingModule } from '@graphshift/core';
import type { Neo4jDevServer } from '../../../scripts/neo4j-dev.mjs';
import type { BenchContext } from '../benchmark.ts';
import { ROOT } from '../machine.ts';
import { PASSWORD } from '../neo4j/server.ts';
import { runChild } from '../process-cost.ts';
import type { ArrowLoadCommands, Imported } from './load-commands.ts';

const SCRIPT = join(ROOT, 'bench', 'src', 'arrow', 'official.py');
const TIMESTAMP = 1_700_000_000;

/** What is loaded, and into what. */
export interface Ground {
  readonly server: Neo4jDevServer;
  /** In the names of its databases. */
  readonly name: string;
  /** Directory of the snapshot. */
  readonly path: string;
  readonly rows: number;
  /** So far. */
  databases: number;
}

/** The load of a worker: check, import, proof, mark taken off. */
export async function loadOverArrow(
  { signal }: BenchContext,
  ground: Ground,
  indexId: boolean,
): Promise<Imported> {
  const { server, path } = ground;
  const module = siblingModule(import.meta.url, 'load-child');
  const { output } = await runChild<ArrowLoadCommands, 'load'>(
    module,
    'load',
    {
      url: server.url,
      flight: server.flight ?? '',
      password: PASSWORD,
      path,
      customer: `${ground.name}-n${++ground.databases}n`,
      timestamp: TIMESTAMP,
      indexId,
      serverPid: server.pid,
    },
    signal,
  );
  return whole('graphshift', output, ground);
}

/** The same files by `graphdatascience`, a table a label or type. */
export async function loadByOfficialClient(context: BenchContext, ground: Ground): Promise<Imported> {
  const { server, path } = ground;
  const { signal } = context;
  const port = new URL(server.flight ?? '').port;
  const database = `official-${ground.name}-n${++ground.databases}n`;
  const values = [SCRIPT, port, server.url, PASSWORD, database, path, String(server.pid)];
  const { stdout } = await promisify(execFile)(pythonWithClient(context), values, { signal });
  return whole('the official client', JSON.parse(stdout) as Imported, ground);
}

/** @throws where this machine has no Python with the official client */
export async function requireOfficialClient(context: BenchContext): Promise<void> {
  try {
    await promisify(execFile)(pythonWithClient(context), ['-c', 'import graphdatascience, neo4j, pyarrow']);
  } catch (cause) {
    const message =
      'the arrow benchmark needs a Python with the packages graphdatascience, neo4j and pyarrow: GDS_PYTHON names it';
    throw new Error(message, { cause });
  }
}

function pythonWithClient({ environment }: BenchContext): string {
  return environment.GDS_PYTHON ?? 'python3';
}

/** @throws where rows are missing */
export function whole<T extends { readonly rows: number }>(side: string, measured: T, { rows }: Ground): T {
  if (measured.rows !== rows) throw new Error(`${side} stored ${measured.rows} of ${rows} rows`);
  return measured;
}
