/** The files of each label and type as one view in DuckDB, so that names and paths are quoted once, here. */

import { join } from 'node:path';
import type { SnapshotColumn } from '../snapshot/manifest.ts';
import { columnName, FILE_INDEX, ROW_NUMBER } from './arrow/parts.ts';
import { elementType, NULL_TYPE, ZONED_NANOSECONDS } from './column-types.ts';
import { type Duck, quoteFiles, quoteIdentifier, quoteString, typeText } from './duckdb.ts';
import type { SchemaVariant } from './footers.ts';
import type { GroupKind } from './layout.ts';
import { FILE_COLUMN, ROW_COLUMN } from './schema.ts';
import type { VariantSource } from './sources.ts';

/**
 * The view over group `index` of `manifest.nodes` or `manifest.relationships`: its columns with the manifest's names
 * and types (NULL ones as VARCHAR, zoned nanoseconds as TIMESTAMP_NS in UTC), then `graphshift_file` (absolute path) and `graphshift_row` (1-based, in the file).
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

/** Rows of one file. */
export interface RowRange {
  /** Rows before them. */
  readonly from: number;
  readonly rows: number;
}

/**
 * @param variants each with what it is read from
 * @param range the rows to be read where the view is over one Parquet file; row groups without any are not read. @default all
 */
export async function createView(
  duck: Duck,
  path: string,
  view: string,
  columns: readonly SnapshotColumn[],
  variants: readonly (readonly [SchemaVariant, VariantSource])[],
  range?: RowRange,
): Promise<void> {
  const parts = variants.map(([variant, source]) =>
    source.kind === 'parquet'
      ? selectOfParquet(path, source.root, columns, variant) + rowsOf(range)
      : selectOfArrow(path, source.parts, columns, variant),
  );
  await duck.run(`CREATE OR REPLACE VIEW ${quoteIdentifier(view)} AS ${parts.join(' UNION ALL ')}`);
}

function rowsOf(range: RowRange | undefined): string {
  if (!range) return '';
  return ` WHERE file_row_number >= ${range.from} AND file_row_number < ${range.from + range.rows}`;
}

function selectOfParquet(
  path: string,
  root: string,
  columns: readonly SnapshotColumn[],
  variant: SchemaVariant,
): string {
  const own = new Map(variant.columns.map(({ name, type }) => [name, type]));
  const list = columns.map(({ name, type }) => {
    const quoted = quoteIdentifier(name);
    return `${expressionOf(quoted, own.get(name) ?? NULL_TYPE, type)} AS ${quoted}`;
  });
  const files = quoteFiles(variant.files.map((file) => join(root, file.path)));
  // Hive partitioning would invent columns from a folder or file such as `a=b`.
  const source = `read_parquet(${files}, hive_partitioning = false, union_by_name = false, filename = ${quoteString(FILE_COLUMN)}, file_row_number = true)`;
  // A copy is named as the file that it stands for.
  const file =
    root === path
      ? FILE_COLUMN
      : `${quoteString(path)} || substr(${FILE_COLUMN}, length(${quoteString(root)}) + 1) AS ${FILE_COLUMN}`;
  return `SELECT ${list.join(', ')}, ${file}, file_row_number + 1 AS ${ROW_COLUMN} FROM ${source}`;
}

function selectOfArrow(
  path: string,
  parts: readonly string[],
  columns: readonly SnapshotColumn[],
  variant: SchemaVariant,
): string {
  const places = new Map(variant.columns.map(({ name }, index) => [name, index]));
  const list = columns.map(({ name, type }) => {
    const index = places.get(name) ?? 0;
    const own = variant.columns[index]?.type ?? NULL_TYPE;
    return `${expressionOf(columnName(index), own, type)} AS ${quoteIdentifier(name)}`;
  });
  const paths = variant.files.map((file) => quoteString(join(path, file.path)));
  const file = `list_extract([${paths.join(', ')}], ${FILE_INDEX} + 1)`;
  const source = `read_parquet(${quoteFiles(parts)}, hive_partitioning = false)`;
  return `SELECT ${list.join(', ')}, ${file} AS ${FILE_COLUMN}, ${ROW_NUMBER} AS ${ROW_COLUMN} FROM ${source}`;
}

/** Columns of nulls are stored as integers, which do not cast to every type; their nulls do. */
function expressionOf(column: string, own: string, type: string): string {
  if (elementType(own) !== NULL_TYPE) return column;
  const target = typeText(type.replace(ZONED_NANOSECONDS, 'TIMESTAMP_NS').replace(/^NULL/, 'VARCHAR'));
  return nullsOf(column, own, target, 0);
}

/** The lists of `column`, with nulls of type `target` in place of its own. */
function nullsOf(column: string, own: string, target: string, depth: number): string {
  if (own === NULL_TYPE) return `CAST(NULL AS ${target})`;
  const item = `item_${depth}`;
  const inner = nullsOf(item, own.slice(0, -2), target.slice(0, -2), depth + 1);
  return `list_transform(${column}, lambda ${item}: ${inner})`;
}
