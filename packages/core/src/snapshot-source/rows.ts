/**
 * The rules that need every row: ids there and unique, labels and types those of their folders, ends that are nodes.
 * Each is a query that counts, and a second one that names rows where the first found any.
 */

import { relative, sep } from 'node:path';
import { type ErrorCode, GraphshiftError } from '../platform/errors.ts';
import type { EndLabels, SnapshotGroup } from '../snapshot/manifest.ts';
import { type Duck, type DuckRow, quoteIdentifier, quoteString } from './duckdb.ts';
import { FILE_COLUMN, ROW_COLUMN } from './schema.ts';
import { labelsExpression, viewOf } from './views.ts';

/** How many offending ids or rows a message names. */
const NAMED = 5;
/** How many places of duplicate ids are looked for. */
const PLACES = 20;

/** The id of every node as text, with the index of its label in `manifest.nodes`. */
export const IDS_TABLE = 'snapshot_ids';

interface RowsContext {
  readonly duck: Duck;
  /** The snapshot's absolute directory. */
  readonly path: string;
}

interface Place {
  readonly file: string;
  readonly row: number;
  readonly value: unknown;
}

/**
 * Fills `snapshot_ids` and holds every node to the rules of ids and labels.
 * @throws NODE_ID_MISSING, NODE_LABEL, NODE_ID_DUPLICATE
 */
export async function checkNodes(context: RowsContext, groups: readonly SnapshotGroup[]): Promise<void> {
  const { duck } = context;
  await duck.run(`CREATE OR REPLACE TABLE ${IDS_TABLE} (id VARCHAR, label USMALLINT)`);
  for (const [index, group] of groups.entries()) {
    const [id, labels] = group.columns;
    if (!id || !labels) continue;
    const view = viewOf('nodes', index);
    const column = quoteIdentifier(id.name);
    await refuse(context, view, `${column} IS NULL`, 'NULL', 'NODE_ID_MISSING', (count, places) => {
      return `nodes/${group.name}: ${rowsOf(count)} no id: ${list(places, () => '')}`;
    });
    const list_ = labelsExpression(labels);
    // A text that is just the label is the ordinary case, and much cheaper to compare than to split.
    const plain = labels.type.endsWith('[]')
      ? 'true'
      : `${quoteIdentifier(labels.name)} IS DISTINCT FROM ${quoteString(group.name)}`;
    const lacks = `${plain} AND NOT list_contains(${list_}, ${quoteString(group.name)})`;
    await refuse(context, view, lacks, `array_to_string(${list_}, ',')`, 'NODE_LABEL', (count, places) => {
      const found = (value: unknown) => ` (labels ${JSON.stringify(value ?? '')})`;
      return `nodes/${group.name}: ${rowsOf(count)} labels that lack ${JSON.stringify(group.name)}: ${list(places, found)}`;
    });
    await duck.run(`INSERT INTO ${IDS_TABLE} SELECT CAST(${column} AS VARCHAR), ${index} FROM ${view}`);
  }
  await refuseDuplicates(context, groups);
}

async function refuseDuplicates(context: RowsContext, groups: readonly SnapshotGroup[]): Promise<void> {
  const [found] = await context.duck.rows(
    `SELECT count(*) AS total, min(id, ${NAMED}) AS ids
     FROM (SELECT id FROM ${IDS_TABLE} GROUP BY id HAVING count(*) > 1)`,
  );
  const total = Number(found?.total ?? 0);
  if (total === 0) return;
  const ids = Array.isArray(found?.ids) ? found.ids.map(String) : [];
  const slots = ids.map((_, index) => `$${index + 1}`).join(', ');
  const parts = groups.map(({ columns: [id] }, index) => {
    const text = `CAST(${quoteIdentifier(id?.name ?? '')} AS VARCHAR)`;
    return `SELECT ${text} AS value, ${FILE_COLUMN}, ${ROW_COLUMN} FROM ${viewOf('nodes', index)} WHERE ${text} IN (${slots})`;
  });
  const rows = await context.duck.rows(
    `SELECT * FROM (${parts.join(' UNION ALL ')}) ORDER BY value, ${FILE_COLUMN}, ${ROW_COLUMN} LIMIT ${PLACES}`,
    ids,
  );
  const places = rows.map((row) => placeOf(context, row));
  const words = ids.map((id) => {
    const where = places.filter(({ value }) => value === id).map(({ file, row }) => `${file} row ${row}`);
    return where.length > 0 ? `${JSON.stringify(id)} in ${where.join(', ')}` : JSON.stringify(id);
  });
  const message = `${total === 1 ? 'one node id stands' : `${total} node ids stand`} more than once: ${words.join('; ')}`;
  throw new GraphshiftError('NODE_ID_DUPLICATE', message, { details: { count: total, ids, places } });
}

/**
 * Holds every relationship to the rules of types and ends; needs `snapshot_ids`.
 * @returns for each group the labels of the nodes at its ends
 * @throws RELATIONSHIP_TYPE, RELATIONSHIP_END
 */
export async function checkRelationships(
  context: RowsContext,
  groups: readonly SnapshotGroup[],
): Promise<EndLabels[]> {
  for (const [index, group] of groups.entries()) {
    const type = quoteIdentifier(group.columns[2]?.name ?? '');
    const differs = `${type} IS DISTINCT FROM ${quoteString(group.name)}`;
    const view = viewOf('relationships', index);
    await refuse(context, view, differs, type, 'RELATIONSHIP_TYPE', (count, places) => {
      const found = (value: unknown) => ` (type ${JSON.stringify(value ?? null)})`;
      return `relationships/${group.name}: ${rowsOf(count)} a type other than ${JSON.stringify(group.name)}: ${list(places, found)}`;
    });
  }
  return labelsOfEnds(context, groups);
}

/** All types in one query, so that the hash table over the ids is built once. */
async function labelsOfEnds(context: RowsContext, groups: readonly SnapshotGroup[]): Promise<EndLabels[]> {
  const parts = groups.flatMap((group, index) => endsOf(group, index, ''));
  if (parts.length === 0) return [];
  const found = await context.duck.rows(
    `SELECT position, side, ids.label, count(*) AS total FROM (${parts.join(' UNION ALL ')}) ends
     LEFT JOIN ${IDS_TABLE} ids ON ends.id = ids.id GROUP BY position, side, ids.label ORDER BY position, ids.label`,
  );
  for (const [index, group] of groups.entries()) {
    const missing = found.filter(({ position, label }) => Number(position) === index && label === null);
    const count = missing.reduce((sum, { total }) => sum + Number(total), 0);
    if (count > 0) await refuseMissingEnds(context, group, index, count);
  }
  return groups.map((_, index) => {
    const at = (end: string) =>
      found
        .filter(({ position, side }) => Number(position) === index && side === end)
        .map(({ label }) => Number(label));
    return { source: at('source'), target: at('target') };
  });
}

/** Names the first ends that no node has. */
async function refuseMissingEnds(
  context: RowsContext,
  group: SnapshotGroup,
  index: number,
  count: number,
): Promise<never> {
  const rows = await context.duck.rows(
    `SELECT ends.*, ends.id AS value FROM (${endsOf(group, index, `, ${FILE_COLUMN}, ${ROW_COLUMN}`).join(' UNION ALL ')}) ends
     ANTI JOIN ${IDS_TABLE} ids ON ends.id = ids.id ORDER BY ${FILE_COLUMN}, ${ROW_COLUMN}, side LIMIT ${NAMED}`,
  );
  const places = rows.map((row) => ({ ...placeOf(context, row), side: String(row.side) }));
  const words = places.map(
    ({ file, row, side, value }) => `${file} row ${row} (${side} ${JSON.stringify(value)})`,
  );
  const message = `relationships/${group.name}: ${count === 1 ? 'one end is' : `${count} ends are`} no node of the snapshot: ${words.join('; ')}`;
  throw new GraphshiftError('RELATIONSHIP_END', message, { details: { count, places } });
}

function endsOf(group: SnapshotGroup, index: number, more: string): string[] {
  return ['source', 'target'].map((side, end) => {
    const id = `CAST(${quoteIdentifier(group.columns[end]?.name ?? '')} AS VARCHAR)`;
    return `SELECT ${id} AS id, ${index} AS position, ${quoteString(side)} AS side${more} FROM ${viewOf('relationships', index)}`;
  });
}

/** Throws when rows of the view fulfil `condition`, naming the first of them. */
async function refuse(
  context: RowsContext,
  view: string,
  condition: string,
  value: string,
  code: ErrorCode,
  message: (count: number, places: readonly Place[]) => string,
): Promise<void> {
  const [found] = await context.duck.rows(`SELECT count(*) AS total FROM ${view} WHERE ${condition}`);
  const count = Number(found?.total ?? 0);
  if (count === 0) return;
  const rows = await context.duck.rows(
    `SELECT ${FILE_COLUMN}, ${ROW_COLUMN}, ${value} AS value FROM ${view} WHERE ${condition}
     ORDER BY ${FILE_COLUMN}, ${ROW_COLUMN} LIMIT ${NAMED}`,
  );
  const places = rows.map((row) => placeOf(context, row));
  throw new GraphshiftError(code, message(count, places), {
    details: { file: places[0]?.file, count, places },
  });
}

function placeOf(context: RowsContext, row: DuckRow): Place {
  const file = relative(context.path, String(row[FILE_COLUMN])).split(sep).join('/');
  return { file, row: Number(row[ROW_COLUMN]), value: row.value };
}

function rowsOf(count: number): string {
  return count === 1 ? 'one row has' : `${count} rows have`;
}

function list(places: readonly Place[], found: (value: unknown) => string): string {
  return places.map(({ file, row, value }) => `${file} row ${row}${found(value)}`).join('; ');
}
