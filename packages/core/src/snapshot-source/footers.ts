/**
 * Rows and schema of every file of a group, from the footers alone: two queries over all files, whatever their
 * number, and one DESCRIBE for each schema that differs.
 */

import { join } from 'node:path';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { SnapshotColumn } from '../snapshot/manifest.ts';
import { NULL_TYPE } from './column-types.ts';
import { type Duck, type DuckRow, quoteFiles } from './duckdb.ts';
import type { ListedFile } from './layout.ts';

/** Files whose footers say the same columns, in the same order. */
export interface SchemaVariant {
  /** Names as they stand in the file, types as DuckDB reads them or `NULL`. */
  readonly columns: readonly SnapshotColumn[];
  /** In the order of paths. */
  readonly files: readonly ListedFile[];
}

export interface GroupFooters {
  /** In the order of their first files. */
  readonly variants: readonly SchemaVariant[];
  /** By relative path. */
  readonly rows: ReadonlyMap<string, number>;
}

/** Names and nulls that DuckDB's own description loses, from the tree of the footer. */
interface SchemaNode {
  readonly name: string;
  readonly row: DuckRow;
  readonly children: readonly SchemaNode[];
}

/**
 * @param path the snapshot's absolute directory
 * @param check called with each distinct schema before its types are asked for; throws what is wrong with it
 * @throws FILE_TRUNCATED naming the first file whose footer cannot be read
 */
export async function readFooters(
  duck: Duck,
  path: string,
  files: readonly ListedFile[],
  check: (file: string, names: readonly string[]) => void,
): Promise<GroupFooters> {
  const byPath = new Map(files.map((file) => [join(path, file.path), file]));
  const list = quoteFiles([...byPath.keys()]);
  const { counts, signatures } = await querySchemas(duck, list).catch((error) =>
    blame(duck, path, files, error),
  );
  const rows = new Map<string, number>();
  for (const row of counts) {
    const file = byPath.get(String(row.file_name));
    if (file) rows.set(file.path, Number(row.num_rows));
  }
  const bySignature = new Map<string, ListedFile[]>();
  const signatureOf = new Map(signatures.map((row) => [String(row.file_name), String(row.signature)]));
  for (const [name, file] of byPath) {
    const signature = signatureOf.get(name);
    if (signature === undefined || !rows.has(file.path)) {
      throw new GraphshiftError('INTERNAL', `no footer was read for ${file.path}`);
    }
    const alike = bySignature.get(signature);
    if (alike) alike.push(file);
    else bySignature.set(signature, [file]);
  }
  const variants: SchemaVariant[] = [];
  for (const group of bySignature.values()) {
    const first = group[0];
    if (first) variants.push({ files: group, columns: await columnsOf(duck, path, first, check) });
  }
  return { variants, rows };
}

/** REQUIRED and OPTIONAL are read alike, so they make no difference; field ids and the root's name neither. */
const SIGNATURES = `
  SELECT file_name, md5(string_agg(
      CASE WHEN column_id = 0 THEN CAST(num_children AS VARCHAR) ELSE to_json({
        n: name, t: type, l: type_length, k: num_children, r: repetition_type = 'REPEATED',
        c: converted_type, s: scale, p: precision, g: logical_type, d: duckdb_type})::VARCHAR END,
      ',' ORDER BY column_id)) AS signature
  FROM parquet_schema`;

async function querySchemas(duck: Duck, list: string) {
  const counts = await duck.rows(`SELECT file_name, num_rows FROM parquet_file_metadata(${list})`);
  const signatures = await duck.rows(`${SIGNATURES}(${list}) GROUP BY file_name`);
  return { counts, signatures };
}

/** DuckDB does not name the file whose footer it cannot read, so each is tried; only the way to an error is slow. */
async function blame(duck: Duck, path: string, files: readonly ListedFile[], error: unknown): Promise<never> {
  for (const file of files) {
    try {
      await querySchemas(duck, quoteFiles([join(path, file.path)]));
    } catch (cause) {
      const message = `${file.path} has a footer that cannot be read: ${firstLine(cause)}`;
      throw new GraphshiftError('FILE_TRUNCATED', message, { details: { file: file.path }, cause });
    }
  }
  throw error;
}

async function columnsOf(
  duck: Duck,
  path: string,
  file: ListedFile,
  check: (file: string, names: readonly string[]) => void,
): Promise<SnapshotColumn[]> {
  const list = quoteFiles([join(path, file.path)]);
  const elements = await duck.rows(`SELECT * FROM parquet_schema(${list}) ORDER BY column_id`);
  const [root] = treeOf(elements, 0);
  const nodes = root?.children ?? [];
  check(
    file.path,
    nodes.map((node) => node.name),
  );
  const described = await duck.rows(
    `DESCRIBE SELECT * FROM read_parquet(${list}, hive_partitioning = false)`,
  );
  return nodes.map((node, index) => ({
    name: node.name,
    type: typeOf(node, String(described[index]?.column_type)),
  }));
}

/** The element at `start` with everything below it, and the index of the next one. */
function treeOf(elements: readonly DuckRow[], start: number): [SchemaNode | undefined, number] {
  const row = elements[start];
  if (!row) return [undefined, start];
  const children: SchemaNode[] = [];
  let next = start + 1;
  for (let left = Number(row.num_children ?? 0); left > 0; left -= 1) {
    const [child, after] = treeOf(elements, next);
    if (child) children.push(child);
    next = after;
  }
  return [{ name: String(row.name), row, children }, next];
}

/**
 * DuckDB 1.5.6 describes a column of nulls (pyarrow, polars) as INTEGER, a decimal of more than 38 digits as DOUBLE and
 * zoned nanoseconds as zoned microseconds; all three would be silently wrong. JSON is text.
 */
function typeOf(node: SchemaNode, described: string): string {
  const leaf = leafOf(node);
  const lists = described.match(/(\[\])*$/)?.[0] ?? '';
  if (leaf && String(leaf.logical_type ?? '').startsWith('NullType')) return NULL_TYPE + lists;
  if (leaf && described.startsWith('DOUBLE') && isDecimal(leaf)) {
    return `DECIMAL(${leaf.precision ?? 'more than 38'},${leaf.scale ?? 0})${lists}`;
  }
  // DuckDB reads these in microseconds, without a word.
  if (
    leaf &&
    described.startsWith('TIMESTAMP WITH TIME ZONE') &&
    /NANOS=(?!<null>)/.test(String(leaf.logical_type ?? ''))
  ) {
    return `TIMESTAMP_NS WITH TIME ZONE${lists}`;
  }
  return described.replace(/^JSON(?=(\[\])*$)/, 'VARCHAR');
}

/** The one leaf of a scalar or a list; undefined for structs and maps. */
function leafOf(node: SchemaNode): DuckRow | undefined {
  if (node.children.length === 0) return node.row;
  const [child] = node.children;
  return node.children.length === 1 && child ? leafOf(child) : undefined;
}

function isDecimal(leaf: DuckRow): boolean {
  return leaf.converted_type === 'DECIMAL' || String(leaf.logical_type ?? '').startsWith('DecimalType');
}

/** The first line of an error's message, without what DuckDB adds of the query. */
export function firstLine(error: unknown): string {
  return messageOf(error).split('\n', 1)[0] ?? '';
}
