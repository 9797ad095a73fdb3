/** Snapshots written on purpose: for trying the pipeline, whole or broken in one known way. */

import { mkdir, mkdtemp, open, readdir, rename, rm, symlink, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { type ErrorCode, GraphshiftError } from '../platform/errors.ts';
import type { SnapshotName } from '../snapshot/names.ts';
import { type Duck, openDuck, quoteFiles, quoteIdentifier, quoteString } from './duckdb.ts';
import type { GroupKind } from './layout.ts';

/** One file: a SELECT whose result is its content, or rows with the same keys in each. */
export type FileContent = string | readonly Readonly<Record<string, FileValue>>[];
export type FileValue = string | number | bigint | boolean | null | Date | readonly FileValue[];

/** One file, or an array of files. */
export type GroupContent = FileContent | readonly FileContent[];

export interface SnapshotContent extends SnapshotName {
  readonly nodes: Readonly<Record<string, GroupContent>>;
  readonly relationships?: Readonly<Record<string, GroupContent>>;
}

/**
 * Writes a snapshot under a hidden name and renames it when it is whole, replacing one of the same name.
 * @returns the snapshot's directory
 */
export async function writeSnapshot(root: string, content: SnapshotContent): Promise<string> {
  const customer = join(resolve(root), content.customer);
  await mkdir(customer, { recursive: true });
  const building = await mkdtemp(join(customer, `.${content.timestamp}-`));
  const path = join(customer, String(content.timestamp));
  try {
    await withDuck(async (duck) => {
      await writeGroups(duck, join(building, 'nodes'), content.nodes);
      await writeGroups(duck, join(building, 'relationships'), content.relationships ?? {});
    });
    await rm(path, { recursive: true, force: true });
    await rename(building, path);
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    throw error;
  }
  return path;
}

async function writeGroups(
  duck: Duck,
  path: string,
  groups: Readonly<Record<string, GroupContent>>,
): Promise<void> {
  for (const [name, content] of Object.entries(groups)) {
    const folder = join(path, name);
    await mkdir(folder, { recursive: true });
    for (const [index, file] of filesOf(content).entries()) {
      await copyTo(
        duck,
        typeof file === 'string' ? file : selectOf(file),
        join(folder, `part-${index}.parquet`),
      );
    }
  }
}

function filesOf(content: GroupContent): readonly FileContent[] {
  const [first] = content;
  if (typeof content === 'string') return [content];
  const isFile = first === undefined || (typeof first === 'object' && !Array.isArray(first));
  return isFile ? [content as FileContent] : (content as readonly FileContent[]);
}

function selectOf(rows: readonly Readonly<Record<string, FileValue>>[]): string {
  const [first] = rows;
  if (!first)
    throw new GraphshiftError('USAGE', 'rows say no columns; give a SELECT for a file without rows');
  const columns = Object.keys(first);
  const tuples = rows.map((row) => `(${columns.map((name) => literal(row[name] ?? null)).join(', ')})`);
  return `SELECT * FROM (VALUES ${tuples.join(', ')}) AS rows(${columns.map(quoteIdentifier).join(', ')})`;
}

function literal(value: FileValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return quoteString(value);
  if (value instanceof Date) return `TIMESTAMP ${quoteString(value.toISOString().slice(0, -1))}`;
  if (typeof value === 'object') return `[${value.map(literal).join(', ')}]`;
  if (typeof value === 'number') return Number.isInteger(value) ? `${value}::BIGINT` : `${value}::DOUBLE`;
  return String(value);
}

async function copyTo(duck: Duck, select: string, path: string): Promise<void> {
  await duck.run(`COPY (${select}) TO ${quoteString(path)} (FORMAT parquet)`);
}

export async function withDuck<T>(work: (duck: Duck) => Promise<T>): Promise<T> {
  const spillDirectory = await mkdtemp(join(tmpdir(), 'graphshift-simulate-'));
  const duck = await openDuck({ spillDirectory });
  try {
    return await work(duck);
  } finally {
    duck.close();
    await rm(spillDirectory, { recursive: true, force: true });
  }
}

export interface Simulation extends SnapshotName {
  /** Person nodes. @default 1000 */
  readonly nodes?: number;
  /** KNOWS relationships between them. @default three a person */
  readonly relationships?: number;
  /** Other seeds give other values. @default the timestamp */
  readonly seed?: number;
}

/** The content of a synthetic snapshot: people who know each other and work at companies, one company for 50 people. */
export function simulatedContent(simulation: Simulation): SnapshotContent {
  const { customer, timestamp } = simulation;
  const people = whole(simulation.nodes ?? 1000, 'nodes', 1);
  const knows = whole(simulation.relationships ?? people * 3, 'relationships', 0);
  const seed = whole(simulation.seed ?? timestamp, 'seed', 0);
  const companies = Math.ceil(people / 50);
  const random = (salt: number, below: number) => `CAST(hash(i, ${salt}, ${seed}) % ${below} AS BIGINT)`;
  return {
    customer,
    timestamp,
    nodes: {
      Person: `SELECT i AS id, CASE WHEN i % 10 = 0 THEN 'Person,Employee' ELSE 'Person' END AS labels,
        'Person ' || i AS name, i % 7 <> 0 AS active, 9007199254740993 + i AS serial,
        ${random(1, 100_000)} / 1000.0::DOUBLE AS score, CAST(${random(2, 1_000_000)} / 100 AS DECIMAL(12, 2)) AS balance,
        DATE '1950-01-01' + CAST(${random(3, 20_000)} AS INTEGER) AS born,
        make_timestamp(1600000000000000 + ${random(4, 1_000_000_000_000)}) AS updated,
        to_timestamp(1600000000 + ${random(5, 100_000_000)}) AS seen,
        CASE WHEN i % 3 = 0 THEN NULL ELSE ['tag' || i % 5, 'tag' || i % 8] END AS tags
        FROM range(${people}) rows(i)`,
      Company: `SELECT ${people} + i AS id, ['Company', 'Organisation'] AS labels, 'Company ' || i AS name,
        ${random(6, 1000)} AS employees FROM range(${companies}) rows(i)`,
    },
    relationships: {
      KNOWS: `SELECT ${random(7, people)} AS source, ${random(8, people)} AS target, 'KNOWS' AS type,
        DATE '2000-01-01' + CAST(${random(9, 9000)} AS INTEGER) AS since, ${random(10, 1000)} / 1000.0::DOUBLE AS weight
        FROM range(${knows}) rows(i)`,
      WORKS_AT: `SELECT i AS source, ${people} + ${random(11, companies)} AS target, 'WORKS_AT' AS type,
        ${random(12, 40)} AS years FROM range(${people}) rows(i)`,
    },
  };
}

/** @returns the snapshot's directory */
export async function simulateSnapshot(root: string, simulation: Simulation): Promise<string> {
  return writeSnapshot(root, simulatedContent(simulation));
}

function whole(value: number, name: string, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new GraphshiftError('USAGE', `${name} is ${value}; it may be an integer of at least ${least}`);
}

/** The ways to break a snapshot, each with the error that its load ends in. */
export const BROKEN_CODES = {
  truncated: 'FILE_TRUNCATED',
  magic: 'FILE_FORMAT',
  'missing-column': 'COLUMN_MISSING',
  'mixed-schema': 'SCHEMA_MIXED',
  empty: 'SNAPSHOT_EMPTY',
  'duplicate-id': 'NODE_ID_DUPLICATE',
  'dangling-end': 'RELATIONSHIP_END',
  'wrong-label': 'NODE_LABEL',
  'wrong-type': 'RELATIONSHIP_TYPE',
  symlink: 'SNAPSHOT_LINK',
} as const satisfies Record<string, ErrorCode>;

export type BrokenKind = keyof typeof BROKEN_CODES;
export const BROKEN_KINDS = Object.keys(BROKEN_CODES) as readonly BrokenKind[];

/**
 * Breaks a whole snapshot of Parquet files in one way; the two kinds about relationships need one.
 * @param path `<root>/<customer>/<unix seconds>`
 */
export async function breakSnapshot(path: string, kind: BrokenKind): Promise<void> {
  if (kind === 'empty') {
    for (const group of ['nodes', 'relationships']) {
      await rm(join(path, group), { recursive: true, force: true });
      await mkdir(join(path, group));
    }
    return;
  }
  const about = kind === 'dangling-end' || kind === 'wrong-type' ? 'relationships' : 'nodes';
  const file = await firstFile(path, about);
  if (kind === 'truncated') return truncate(file, 40);
  if (kind === 'magic') return overwriteStart(file, 'XXXX');
  if (kind === 'symlink') {
    // The directory that holds the root is there, and outside.
    return symlink(resolve(path, '..', '..', '..'), join(dirname(file), 'outside.parquet'));
  }
  await withDuck((duck) => breakRows(duck, file, kind));
}

type RowsKind = Exclude<BrokenKind, 'empty' | 'truncated' | 'magic' | 'symlink'>;

async function breakRows(duck: Duck, file: string, kind: RowsKind): Promise<void> {
  const source = `read_parquet(${quoteFiles([file])}, hive_partitioning = false)`;
  const described = await duck.rows(`DESCRIBE SELECT * FROM ${source}`);
  const column = (index: number) => {
    const { column_name: name, column_type: type } = described.at(index) ?? {};
    return { name: quoteIdentifier(String(name)), type: String(type) };
  };
  const firstRow = (index: number, value: string) =>
    `SELECT * REPLACE (CASE WHEN row_number() OVER () = 1 THEN ${value} ELSE ${column(index).name} END AS ${column(index).name}) FROM ${source}`;
  const beside = join(dirname(file), 'part-broken.parquet');
  switch (kind) {
    case 'missing-column':
      return rewrite(duck, `SELECT ${column(0).name} FROM ${source}`, file);
    case 'mixed-schema': {
      const type = column(-1).type === 'BOOLEAN' ? 'DOUBLE' : 'BOOLEAN';
      const { name } = column(-1);
      const select = `SELECT * REPLACE (CAST(NULL AS ${type}) AS ${name}) FROM ${source} LIMIT 0`;
      return copyTo(duck, select, beside);
    }
    case 'duplicate-id':
      return copyTo(duck, `SELECT * FROM ${source} LIMIT 1`, beside);
    case 'dangling-end':
      return rewrite(duck, firstRow(1, missingId(column(1).type)), file);
    case 'wrong-label':
      return rewrite(duck, firstRow(1, column(1).type.endsWith('[]') ? "['Nobody']" : "'Nobody'"), file);
    case 'wrong-type':
      return rewrite(duck, firstRow(2, "'WRONG_TYPE'"), file);
  }
}

/** An id that a snapshot hardly has: the largest of its type. */
function missingId(type: string): string {
  const bits: Record<string, number> = { TINYINT: 8, SMALLINT: 16, INTEGER: 32, BIGINT: 64 };
  const size = bits[type.replace(/^U/, '')];
  if (size === undefined) return "'no such node'";
  return String((1n << BigInt(type.startsWith('U') ? size : size - 1)) - 1n);
}

async function rewrite(duck: Duck, select: string, file: string): Promise<void> {
  const fresh = join(dirname(file), `.${basename(file)}`);
  await copyTo(duck, select, fresh);
  await rename(fresh, file);
}

async function overwriteStart(file: string, text: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.write(text, 0);
  } finally {
    await handle.close();
  }
}

async function firstFile(path: string, kind: GroupKind): Promise<string> {
  const folder = join(path, kind);
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.parquet'));
  const [first] = names.sort();
  if (first === undefined) throw new GraphshiftError('USAGE', `${folder} has no Parquet file to break`);
  return join(folder, first);
}
