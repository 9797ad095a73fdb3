/** Neo4j's own importer, as `neo4j-admin database import full` runs it, on the same rows as CSV. */

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { buildNeo4jDev } from '../../../scripts/neo4j-dev.mjs';
import type { BenchContext } from '../benchmark.ts';
import { HEAP_MB } from '../neo4j/server.ts';
import { runProgram } from '../process-cost.ts';
import type { Ground } from './end-to-end.ts';

/** The importer's header of each label and type, and the columns of the files. */
const NODES = {
  Person: [
    'id AS "id:ID"',
    'name',
    'age AS "age:long"',
    'score AS "score:double"',
    'active AS "active:boolean"',
  ],
  Topic: ['id AS "id:ID"', 'title', 'views AS "views:long"'],
};
const RELATIONSHIPS = {
  KNOWS: ['source AS ":START_ID"', 'target AS ":END_ID"', 'since AS "since:long"', 'note'],
  FOLLOWS: ['source AS ":START_ID"', 'target AS ":END_ID"', 'since AS "since:long"'],
};

export interface ImporterRun {
  /** Of the whole process. */
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Writes the rows as the importer takes them; nobody's clock runs. @returns its arguments */
export async function writeCsv({ directory }: BenchContext, { path }: Ground): Promise<string[]> {
  const folder = join(directory, 'csv');
  await mkdir(folder);
  const instance = await DuckDBInstance.create(':memory:');
  const duck = await instance.connect();
  const values: string[] = [];
  for (const [kind, groups] of Object.entries({ nodes: NODES, relationships: RELATIONSHIPS }))
    for (const [name, columns] of Object.entries(groups)) {
      const files = join(path, kind, name, '*.parquet');
      const csv = join(folder, `${name}.csv`);
      await duck.run(
        `COPY (SELECT ${columns.join(', ')} FROM read_parquet('${files}')) TO '${csv}' (HEADER)`,
      );
      values.push(`--${kind}=${name}=${csv}`);
    }
  duck.closeSync();
  instance.closeSync();
  return values;
}

/** From the start of its process to a store on the disk that no server serves yet. */
export async function runImporter(
  { directory, signal }: BenchContext,
  files: readonly string[],
): Promise<ImporterRun> {
  const home = join(directory, 'importer');
  await mkdir(join(home, 'conf'), { recursive: true });
  await writeFile(join(home, 'conf', 'neo4j.conf'), '');
  const { java, classPath } = await buildNeo4jDev({ signal });
  const settings = [`NEO4J_HOME=${home}`, `NEO4J_CONF=${join(home, 'conf')}`];
  const command = ['org.neo4j.cli.AdminTool', 'database', 'import', 'full', 'neo4j', '--id-type=string'];
  const report = `--report-file=${join(home, 'import.report')}`;
  const jvm = [java, `-Xmx${HEAP_MB}m`, ...OPENED, '-cp', classPath, ...command];
  const { cost } = await runProgram('env', [...settings, ...jvm, report, ...files], signal);
  await rm(home, { recursive: true });
  return { seconds: cost.wallSeconds, cpuSeconds: cost.cpuSeconds };
}

/** What the kernel reaches into. */
const OPENED = ['java.base/java.nio', 'java.base/java.io', 'java.base/sun.nio.ch'].map(
  (part) => `--add-opens=${part}=ALL-UNNAMED`,
);
