/**
 * How a snapshot is cut into chunks: each has a mark in the database, and holds the same rows in the same order
 * whoever stages it again, so that a load that was cut goes on where it was.
 *
 * Nodes are cut by a hash of their id. Relationships are cut by the buckets of both ends: two chunks that have no
 * bucket in common have no end in common, and can be written at one time without waiting for each other.
 */

import { createHash } from 'node:crypto';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { SnapshotGroup, SnapshotManifest } from '../../../snapshot/manifest.ts';
import { type Duck, quoteIdentifier } from '../../../snapshot-source/duckdb.ts';
import type { SnapshotGroups } from '../../../snapshot-source/inspect.ts';
import { type GroupKind, nameProblem } from '../../../snapshot-source/layout.ts';
import { leadingColumns } from '../../../snapshot-source/schema.ts';
import { labelsExpression, viewOf } from '../../../snapshot-source/views.ts';
import { quoteName } from '../names.ts';
import type { BoltSettings } from './settings.ts';
import { planValue, probes, rangeOf, type ValuePlan } from './values.ts';

/** Labels and types that are the loader's own begin so. */
const RESERVED = /^_graphshift/i;
/** Between the labels of a row where they are one text; no label has it. */
export const LABEL_SEPARATOR = '\u001f';

/** Chunks of nodes are no smaller: each is a query and a transaction at least. */
const FEWEST_NODES = 20_000;
const MOST_NODE_CHUNKS = 64;
/** Chunks of relationships are no smaller; a type with few rows is one chunk, which runs alone. */
const FEWEST_RELATIONSHIPS = 2500;
/** Eight buckets keep four sessions apart; more are for chunks that would take long to sort. */
const USUAL_BUCKETS = 8;
const MOST_BUCKETS = 16;
const MOST_RELATIONSHIPS = 200_000;

/** Rows of one label set; most labels have one. */
export interface LabelSet {
  readonly labels: readonly string[];
  readonly rows: number;
}

export interface ChunkPlan {
  /** Of its mark. */
  readonly key: number;
  /** Value of the column `part` in the staged files. */
  readonly part: number;
  /** What it has in common with others that must not run beside it. */
  readonly buckets: readonly number[];
}

export interface GroupPlan {
  readonly kind: GroupKind;
  /** In the manifest's list of its kind. */
  readonly index: number;
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  /** The id, or the ids of both ends, as text: DuckDB's expressions. */
  readonly ids: readonly string[];
  readonly properties: readonly ValuePlan[];
  /** Of nodes. */
  readonly labelSets: readonly LabelSet[];
  /** DuckDB's expression for the labels as one text, where there are several sets. */
  readonly labels?: string;
  /** DuckDB's expression for the part of a row; undefined where there is one. */
  readonly part?: string;
  readonly chunks: readonly ChunkPlan[];
}

export interface LoadPlan {
  readonly groups: readonly GroupPlan[];
  /** Two plans with the same one have the same chunks with the same rows. */
  readonly fingerprint: string;
}

/** @throws COLUMN_TYPE, NAME_INVALID */
export async function planGroups(
  duck: Duck,
  manifest: SnapshotGroups,
  settings: BoltSettings,
): Promise<GroupPlan[]> {
  const keys = { next: 0 };
  const groups: GroupPlan[] = [];
  for (const kind of ['nodes', 'relationships'] as const)
    for (const [index, group] of manifest[kind].entries())
      groups.push(await planGroup({ duck, settings, keys }, kind, index, group));
  return groups;
}

/** See `LoadPlan`. */
export async function fingerprintOf(
  duck: Duck,
  groups: readonly GroupPlan[],
  { contentHash: hash }: SnapshotManifest,
  { idProperty, keepId }: BoltSettings,
): Promise<string> {
  const [version] = await duck.rows('SELECT version() AS version');
  const basis = { version: 2, duckdb: version?.version, hash, idProperty, keepId, groups };
  return createHash('sha256').update(JSON.stringify(basis)).digest('hex');
}

interface Planner {
  readonly duck: Duck;
  readonly settings: BoltSettings;
  readonly keys: { next: number };
}

async function planGroup(
  planner: Planner,
  kind: GroupKind,
  index: number,
  group: SnapshotGroup,
): Promise<GroupPlan> {
  checkName(`${kind}/${group.name}`, group.name);
  const view = viewOf(kind, index);
  const ids = group.columns
    .slice(0, kind === 'nodes' ? 1 : 2)
    .map(({ name }) => `CAST(${quoteIdentifier(name)} AS VARCHAR)`);
  const properties = await planProperties(planner, view, kind, group);
  const column = group.columns[1];
  const labelSets = kind === 'nodes' && column ? await labelSetsOf(planner.duck, view, group, column) : [];
  const cut = cutRows(kind, ids, group.rows);
  return {
    kind,
    index,
    name: group.name,
    rows: group.rows,
    bytes: group.files.reduce((sum, file) => sum + file.bytes, 0),
    ids,
    properties,
    labelSets,
    ...(labelSets.length > 1 && column && { labels: labelsText(labelsExpression(column)) }),
    ...(cut.part !== undefined && { part: cut.part }),
    chunks: cut.parts.map((part) => ({ ...part, key: planner.keys.next++ })),
  };
}

function labelsText(list: string): string {
  return `array_to_string(list_sort(list_distinct(${list})), chr(31))`;
}

async function planProperties(
  { duck, settings }: Planner,
  view: string,
  kind: GroupKind,
  group: SnapshotGroup,
): Promise<ValuePlan[]> {
  const where = `${kind}/${group.name}`;
  const columns = group.columns.slice(leadingColumns(kind));
  for (const { name } of columns) quoteName(name);
  const value = (name: string) => quoteIdentifier(name);
  const aggregates = columns.flatMap(({ name, type }, index) => probes(type, value(name), `p${index}`));
  const [row = {}] =
    aggregates.length > 0 ? await duck.rows(`SELECT ${aggregates.join(', ')} FROM ${view}`) : [];
  return columns.map((column, index) =>
    planValue(column, value(column.name), rangeOf(row, `p${index}`), where, settings),
  );
}

/** @throws NAME_INVALID for a label that cannot be one */
async function labelSetsOf(
  duck: Duck,
  view: string,
  group: SnapshotGroup,
  column: SnapshotGroup['columns'][number],
): Promise<LabelSet[]> {
  // Few distinct values: they are split once each, not once a row.
  const name = quoteIdentifier(column.name);
  const rows = await duck.rows(
    `SELECT labels, sum(rows)::BIGINT AS rows FROM
     (SELECT ${labelsText(labelsExpression(column))} AS labels, rows FROM (SELECT ${name}, count(*) AS rows FROM ${view} GROUP BY ${name}))
     GROUP BY labels ORDER BY labels`,
  );
  const sets = rows.map(({ labels, rows: count }) => ({
    labels: String(labels).split(LABEL_SEPARATOR),
    rows: Number(count),
  }));
  for (const { labels } of sets) for (const label of labels) checkName(`nodes/${group.name}: label`, label);
  return sets.length > 0 ? sets : [{ labels: [group.name], rows: 0 }];
}

function checkName(where: string, name: string): void {
  const problem =
    nameProblem(name) ?? (RESERVED.test(name) ? 'begins with _Graphshift, as marks do' : undefined);
  if (problem)
    throw new GraphshiftError('NAME_INVALID', `${where} ${JSON.stringify(name)}: the name ${problem}`);
  quoteName(name);
}

export interface Cut {
  readonly part?: string;
  readonly parts: readonly Omit<ChunkPlan, 'key'>[];
}

/** By the number of rows alone. @param ids expressions of the id, or of those of both ends */
export function cutRows(kind: GroupKind, ids: readonly string[], rows: number): Cut {
  return kind === 'nodes' ? cutNodes(ids, rows) : cutRelationships(ids, rows);
}

function cutNodes(ids: readonly string[], rows: number): Cut {
  if (rows === 0) return { parts: [] };
  const count = Math.min(MOST_NODE_CHUNKS, powerBelow(rows / FEWEST_NODES));
  const parts = Array.from({ length: count }, (_, part) => ({ part, buckets: [] }));
  return count > 1 ? { part: `hash(${ids[0]}) % ${count}`, parts } : { parts };
}

/** By rows alone, so that it is the same with other settings. */
function cutRelationships(ids: readonly string[], rows: number): Cut {
  if (rows === 0) return { parts: [] };
  // A chunk of two buckets of n has 2 / n² of the rows.
  const fit = powerBelow(Math.sqrt((rows * 2) / FEWEST_RELATIONSHIPS));
  const needed = 2 * powerBelow(Math.sqrt((rows * 2) / MOST_RELATIONSHIPS));
  const count = Math.min(fit, MOST_BUCKETS, Math.max(USUAL_BUCKETS, needed));
  if (count === 1) return { parts: [{ part: 0, buckets: bucketsOf(0, 1) }] };
  const [source, target] = ids.map((id) => `hash(${id}) % ${count}`);
  const all = Array.from({ length: count }, (_, bucket) => bucket);
  const parts = all.flatMap((low) =>
    all.slice(low).map((high) => ({
      part: low * count + high,
      buckets: [...bucketsOf(low, count), ...(low === high ? [] : bucketsOf(high, count))],
    })),
  );
  return { part: `least(${source}, ${target}) * ${count} + greatest(${source}, ${target})`, parts };
}

/** A bucket of a coarse cut as those of the finest, so that types with different cuts keep apart as well. */
function bucketsOf(bucket: number, count: number): number[] {
  return Array.from({ length: MOST_BUCKETS / count }, (_, step) => bucket + step * count);
}

/** The greatest power of two that is not above it, and at least one. */
function powerBelow(value: number): number {
  return value < 2 ? 1 : 2 ** Math.floor(Math.log2(value));
}
