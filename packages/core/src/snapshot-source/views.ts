/** The files of each label and type as one view in DuckDB, so that names and paths are quoted once, here. */

import { join } from 'node:path';
import type { SnapshotColumn } from '../snapshot/manifest.ts';
import { elementType, NULL_TYPE } from './column-types.ts';
import { type Duck, quoteFiles, quoteIdentifier, quoteString } from './duckdb.ts';
import type { SchemaVariant } from './footers.ts';
import type { GroupKind } from './layout.ts';
import { FILE_COLUMN, ROW_COLUMN } from './schema.ts';

/**
 * The view over group `index` of `manifest.nodes` or `manifest.relationships`: its columns with the manifest's names
 * and types (NULL ones as VARCHAR), then `graphshift_file` (absolute path) and `graphshift_row` (1-based, in the file).
 */
export function viewOf(kind: GroupKind, index: number): string {
  return `snapshot_${kind}_${index}`;
}

/** A column's labels as a list of texts: trimmed, empty ones left out. `NULL` becomes the empty list. */
export function labelsExpression(column: SnapshotColumn): string {
  const name = quoteIdentifier(column.name);
  const list = column.type.endsWith('[]')
    ? `CAST(${name} AS VARCHAR[])`
    : `string_split(CAST(${name} AS VARCHAR), ',')`;
  return `coalesce(list_filter(list_transform(${list}, lambda label: trim(label)), lambda label: label <> ''), [])`;
}

export async function createView(
  duck: Duck,
  path: string,
  view: string,
  columns: readonly SnapshotColumn[],
  variants: readonly SchemaVariant[],
): Promise<void> {
  const parts = variants.map((variant) => selectOf(path, columns, variant));
  await duck.run(`CREATE OR REPLACE VIEW ${quoteIdentifier(view)} AS ${parts.join(' UNION ALL ')}`);
}

function selectOf(path: string, columns: readonly SnapshotColumn[], variant: SchemaVariant): string {
  const own = new Map(variant.columns.map(({ name, type }) => [name, type]));
  const list = columns.map(({ name, type }) => {
    const quoted = quoteIdentifier(name);
    return `${expressionOf(quoted, own.get(name) ?? NULL_TYPE, type)} AS ${quoted}`;
  });
  const files = quoteFiles(variant.files.map((file) => join(path, file.path)));
  // Hive partitioning would invent columns from a folder or file such as `a=b`.
  const source = `read_parquet(${files}, hive_partitioning = false, union_by_name = false, filename = ${quoteString(FILE_COLUMN)}, file_row_number = true)`;
  return `SELECT ${list.join(', ')}, ${FILE_COLUMN}, file_row_number + 1 AS ${ROW_COLUMN} FROM ${source}`;
}

/** Columns of nulls are stored as integers, which do not cast to every type; their nulls do. */
function expressionOf(column: string, own: string, type: string): string {
  if (elementType(own) !== NULL_TYPE) return column;
  const target = type.replace(/^NULL(?=(\[\])?$)/, 'VARCHAR');
  if (own === NULL_TYPE) return `CAST(NULL AS ${target})`;
  return `list_transform(${column}, lambda item: CAST(NULL AS ${elementType(target)}))`;
}
