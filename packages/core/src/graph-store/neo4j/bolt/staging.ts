/** Rows of a kind, brought to plain types and cut into chunks: Parquet files in the scratch directory. */

import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Duck, quoteIdentifier, quoteString } from '../../../snapshot-source/duckdb.ts';
import { FILE_COLUMN, ROW_COLUMN } from '../../../snapshot-source/schema.ts';
import { viewOf } from '../../../snapshot-source/views.ts';
import type { GroupPlan } from './plan.ts';

/** Rows of a row group; many files are written at one time, and each holds one in memory. */
const ROW_GROUP = 8192;

/** Rows that wait in memory until they are written to the files of their parts; DuckDB's own is 524,288. */
const WAITING_ROWS = 32_768;

/** Where a group's files are, and the rows of each of its parts. */
export interface StagedGroup {
  readonly directory: string;
  readonly rows: ReadonlyMap<number, number>;
}

/** Stages groups one after the other, each once, while others are written. */
export class Stager {
  readonly #duck: Duck;
  readonly #path: string;
  readonly #scratch: string;
  readonly #staged = new Map<GroupPlan, Promise<StagedGroup>>();
  #last: Promise<unknown> = Promise.resolve();

  /** @param path the snapshot's directory */
  constructor(duck: Duck, path: string, scratch: string) {
    this.#duck = duck;
    this.#path = path;
    this.#scratch = scratch;
  }

  stage(group: GroupPlan): Promise<StagedGroup> {
    const known = this.#staged.get(group);
    if (known) return known;
    const staged = this.#last.then(() =>
      stageGroup(this.#duck, group, this.#path, directoryOf(this.#scratch, group)),
    );
    // A failure is for whoever needs this group.
    this.#last = staged.catch(() => undefined);
    this.#staged.set(group, staged);
    return staged;
  }

  /** Removes the files of a group that is in the database. */
  async remove(group: GroupPlan): Promise<void> {
    await rm(directoryOf(this.#scratch, group), { recursive: true, force: true });
  }
}

function directoryOf(scratch: string, { kind, index }: GroupPlan): string {
  return join(scratch, `${kind}-${index}`);
}

async function stageGroup(
  duck: Duck,
  group: GroupPlan,
  path: string,
  directory: string,
): Promise<StagedGroup> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const selects = [
    ...group.ids.map((id, index) => `${id} AS k${index}`),
    ...group.properties.map(({ select }, index) => `${select} AS p${index}`),
    ...(group.labels === undefined ? [] : [`${group.labels} AS labels`]),
    // Eight bytes in place of a path, the same wherever the root is mounted.
    `hash(substr(${quoteIdentifier(FILE_COLUMN)}, ${resolve(path).length + 2})) AS f`,
    `${quoteIdentifier(ROW_COLUMN)} AS r`,
    `CAST(${group.part ?? '0'} AS INTEGER) AS part`,
  ];
  await duck.run(`SET partitioned_write_flush_threshold = ${WAITING_ROWS}`);
  // One part each is a file each: what reads a chunk reads nothing else.
  await duck.run(
    `COPY (SELECT ${selects.join(', ')} FROM ${viewOf(group.kind, group.index)}) TO ${quoteString(directory)}
     (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE ${ROW_GROUP}, PARTITION_BY (part), OVERWRITE_OR_IGNORE)`,
  );
  const rows = new Map<number, number>();
  for (const { part, rows: count } of await partsOf(duck, directory))
    rows.set(part, (rows.get(part) ?? 0) + count);
  return { directory, rows };
}

async function partsOf(duck: Duck, directory: string): Promise<{ part: number; rows: number }[]> {
  const [found] = await duck.rows(
    `SELECT count(*) AS files FROM glob(${quoteString(join(directory, '*', '*.parquet'))})`,
  );
  if (Number(found?.files ?? 0) === 0) return [];
  const rows = await duck.rows(
    `SELECT regexp_extract(file_name, 'part=(\\d+)', 1)::INTEGER AS part, sum(num_rows)::BIGINT AS rows
     FROM parquet_file_metadata(${quoteString(join(directory, '*', '*.parquet'))}) GROUP BY part`,
  );
  return rows.map(({ part, rows: count }) => ({ part: Number(part), rows: Number(count) }));
}

/** The rows of a part from a place on, in an order that is the same whoever staged them. */
export function selectPart(group: GroupPlan, staged: StagedGroup, part: number, from: number): string {
  const labels = group.labels === undefined ? [] : ['labels'];
  const columns = [
    ...group.ids.map((_, index) => `k${index}`),
    ...group.properties.map((_, index) => `p${index}`),
    ...labels,
  ];
  // Neighbours in a batch are neighbours in the server's index and store: a quarter of its time for relationships.
  const order = [...labels, ...group.ids.map((_, index) => `k${index}`), 'f', 'r'];
  const files = quoteString(join(staged.directory, `part=${part}`, '*.parquet'));
  return `SELECT ${columns.join(', ')} FROM read_parquet(${files}, hive_partitioning = false)
    ORDER BY ${order.join(', ')}${from > 0 ? ` OFFSET ${from}` : ''}`;
}
