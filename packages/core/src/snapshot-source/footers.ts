/**
 * Rows and schema of every file of a group, from the footers alone: two queries over all Parquet files, whatever their
 * number, and one DESCRIBE for each schema that differs; of Arrow files the metadata of every message.
 */

import { join } from 'node:path';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { SnapshotColumn } from '../snapshot/manifest.ts';
import { describeArrow } from './arrow/import.ts';
import type { ArrowColumn } from './arrow/schema.ts';
import { NULL_TYPE, ZONED_NANOSECONDS } from './column-types.ts';
import { type Duck, type DuckRow, quoteFiles } from './duckdb.ts';
import { formatOf } from './file-format.ts';
import type { ListedFile } from './layout.ts';

/** Files whose footers say the same columns, in the same order. */
export interface SchemaVariant {
  /** Names as they stand in the file, types as DuckDB reads them or `NULL`. */
  readonly columns: readonly SnapshotColumn[];
  /** In the order of paths; all of one format. */
  readonly files: readonly ListedFile[];
  /** Set for Arrow files: how the first one lays these columns out. */
  readonly arrow?: readonly ArrowColumn[];
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

type NameCheck = (file: string, names: readonly string[]) => void;

/**
 * @param path the snapshot's absolute directory
 * @param check called with each distinct schema before its types are asked for; throws what is wrong with it
 * @throws FILE_TRUNCATED naming the first file whose footer cannot be read; FILE_FORMAT, FILE_UNREADABLE
 */
export async function readFooters(
  duck: Duck,
  path: string,
  files: readonly ListedFile[],
  check: NameCheck,
): Promise<GroupFooters> {
  const of = (format: string) => files.filter((file) => formatOf(file.path) === format);
  const parts = [
    await readParquetFooters(duck, path, of('parquet'), check),
    await readArrowFooters(path, of('arrow'), check),
  ];
  const place = new Map(files.map((file, index) => [file, index]));
  const first = ({ files: [file] }: SchemaVariant) => (file ? (place.get(file) ?? 0) : 0);
  return {
    variants: parts.flatMap(({ variants }) => variants).sort((one, other) => first(one) - first(other)),
    rows: new Map(parts.flatMap(({ rows }) => [...rows])),
  };
}

async function readArrowFooters(
  path: string,
  files: readonly ListedFile[],
  check: NameCheck,
): Promise<GroupFooters> {
  const rows = new Map<string, number>();
  const variants = new Map<string, SchemaVariant & { files: ListedFile[] }>();
  for (const file of files) {
    const found = await describeArrow({ name: file.path, path: join(path, file.path) });
    rows.set(file.path, found.rows);
    const columns = found.columns.map(({ name, type }) => ({ name, type }));
    const signature = JSON.stringify(found.columns.map(({ name, type, storage }) => [name, type, storage]));
    const alike = variants.get(signature);
    if (alike) {
      alike.files.push(file);
      continue;
    }
    check(
      file.path,
      columns.map(({ name }) => name),
    );
    variants.set(signature, { files: [file], columns, arrow: found.columns });
  }
  return { variants: [...variants.values()], rows };
}

async function readParquetFooters(
  duck: Duck,
  path: string,
  files: readonly ListedFile[],
  check: NameCheck,
): Promise<GroupFooters> {
  if (files.length === 0) return { variants: [], rows: new Map() };
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
  for (const group of bySignature.values()) variants.push(await variantOf(duck, path, group, check));
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

async function variantOf(
  duck: Duck,
  path: string,
  files: readonly ListedFile[],
  check: NameCheck,
): Promise<SchemaVariant> {
  const [file] = files;
  if (!file) throw new GraphshiftError('INTERNAL', 'a schema without a file');
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
  const old = nodes.some((node) => leafOf(node)?.type === INT96);
  const exact = !old || (await areWrittenBySpark(duck, path, files));
  const columns = nodes.map((node, index) => ({
    name: node.name,
    type: typeOf(node, String(described[index]?.column_type), exact),
  }));
  return { files, columns };
}

/** The timestamp of old writers: nanoseconds, which DuckDB cuts to microseconds without a word. */
const INT96 = 'INT96';

/**
 * Spark writes INT96 by default, but its own timestamps have microseconds only; so nothing is cut. What it wrote in
 * the calendar of before 1582 (`legacyINT96`) is another matter.
 */
async function areWrittenBySpark(duck: Duck, path: string, files: readonly ListedFile[]): Promise<boolean> {
  const list = quoteFiles(files.map((file) => join(path, file.path)));
  const [found] = await duck.rows(
    `SELECT count(DISTINCT file_name) FILTER (decode(key) = 'org.apache.spark.version') AS written,
       count(*) FILTER (decode(key) = 'org.apache.spark.legacyINT96') AS legacy
     FROM parquet_kv_metadata(${list})`,
  );
  return Number(found?.written) === files.length && Number(found?.legacy) === 0;
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
 * DuckDB 1.5.6 describes a column of nulls (pyarrow, polars) as INTEGER, a decimal of more than 38 digits as DOUBLE,
 * and zoned nanoseconds and INT96 as microseconds; all of these would be silently wrong. JSON is text.
 */
function typeOf(node: SchemaNode, described: string, exactInt96: boolean): string {
  const leaf = leafOf(node);
  const lists = described.match(/(\[\])*$/)?.[0] ?? '';
  if (!leaf) return described;
  const logical = String(leaf.logical_type ?? '');
  if (logical.startsWith('NullType')) return NULL_TYPE + lists;
  if (leaf.type === INT96 && !exactInt96) return INT96 + lists;
  if (described.startsWith('DOUBLE') && isDecimal(leaf)) {
    return `DECIMAL(${leaf.precision ?? 'more than 38'},${leaf.scale ?? 0})${lists}`;
  }
  if (described.startsWith('TIMESTAMP WITH TIME ZONE') && /NANOS=(?!<null>)/.test(logical)) {
    return ZONED_NANOSECONDS + lists;
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
