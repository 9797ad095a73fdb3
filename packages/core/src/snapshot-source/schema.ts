/** The schema of one label or type: what its columns may be, and that all its files agree. */

import { GraphshiftError } from '../platform/errors.ts';
import type { SnapshotColumn } from '../snapshot/manifest.ts';
import {
  isIdType,
  isLabelsType,
  isSupportedType,
  isTextType,
  sharedType,
  supportedWords,
} from './column-types.ts';
import type { SchemaVariant } from './footers.ts';
import { type GroupKind, nameProblem } from './layout.ts';

/** Names of the columns that the views of an inspected snapshot add, in lower case. */
export const FILE_COLUMN = 'graphshift_file';
export const ROW_COLUMN = 'graphshift_row';

/** `file_row_number` is DuckDB's own; the embedded store reserves the names with an underscore, whatever their case. */
const RESERVED = new Set([
  FILE_COLUMN,
  ROW_COLUMN,
  'file_row_number',
  '_id',
  '_label',
  '_src',
  '_dst',
  '_nodes',
  '_rels',
]);

interface LeadingColumn {
  readonly word: string;
  readonly fits: (type: string) => boolean;
  readonly may: string;
}

const ID_MAY = 'text or an integer';
const LEADING: Record<GroupKind, readonly LeadingColumn[]> = {
  nodes: [
    { word: 'id', fits: isIdType, may: ID_MAY },
    { word: 'labels', fits: isLabelsType, may: 'comma-separated text or a list of text' },
  ],
  relationships: [
    { word: 'source id', fits: isIdType, may: ID_MAY },
    { word: 'target id', fits: isIdType, may: ID_MAY },
    { word: 'type', fits: isTextType, may: 'text' },
  ],
};

/** How many columns stand before the properties: id and labels; source id, target id and type. */
export function leadingColumns(kind: GroupKind): number {
  return LEADING[kind].length;
}

/**
 * What is wrong with the names of one file's columns.
 * @param idProperty the property that the store keeps a node's id in; no other column may be named so
 * @throws COLUMN_MISSING, COLUMN_NAME
 */
export function checkColumnNames(
  kind: GroupKind,
  idProperty: string,
  file: string,
  names: readonly string[],
): void {
  const leading = LEADING[kind];
  const missing = leading.slice(names.length).map(({ word }) => word);
  if (missing.length > 0) {
    const columns = names.length === 0 ? 'no column' : `only ${names.map(quoted).join(', ')}`;
    const message = `${file} has ${columns}; the ${missing.join(' and the ')} column is missing (columns stand in the order ${leading.map(({ word }) => word).join(', ')}, properties)`;
    throw new GraphshiftError('COLUMN_MISSING', message, { details: { file, missing } });
  }
  const seen = new Map<string, string>();
  for (const [index, name] of names.entries()) {
    const refuse = (why: string) => {
      const message = `${file}, column ${index + 1} ${quoted(name)}: the name ${why}`;
      throw new GraphshiftError('COLUMN_NAME', message, { details: { file, column: name } });
    };
    const problem = nameProblem(name);
    if (problem) refuse(problem);
    const key = name.toLowerCase();
    const other = seen.get(key);
    if (other !== undefined) refuse(`is equal to that of column ${quoted(other)} (case makes no difference)`);
    seen.set(key, name);
    if (RESERVED.has(key)) refuse('is reserved; it may be any other');
    if (kind === 'nodes' && index >= leading.length && (key === idProperty.toLowerCase() || key === 'labels'))
      refuse('is what the store keeps the id or the labels in; a property may have any other');
  }
}

/**
 * The columns that all files of a group share. The leading columns agree in place, name and type; the properties in
 * name and type, in any order. A column without a type of its own (all null) agrees with every type.
 * @throws COLUMN_TYPE, SCHEMA_MIXED
 */
export function mergeSchemas(kind: GroupKind, variants: readonly SchemaVariant[]): SnapshotColumn[] {
  const [first, ...others] = variants;
  if (!first) return [];
  for (const variant of variants) checkTypes(kind, variant);
  let columns = [...first.columns];
  /** The file that gave each column its type, for the message about one that differs. */
  const source = new Map(columns.map(({ name }) => [name, fileOf(first)]));
  for (const other of others) columns = mergeInto(kind, columns, source, other);
  return columns;
}

function checkTypes(kind: GroupKind, variant: SchemaVariant): void {
  const file = fileOf(variant);
  for (const [index, { name, type }] of variant.columns.entries()) {
    const leading = LEADING[kind][index];
    if (leading ? leading.fits(type) : isSupportedType(type)) continue;
    const what = leading ? `${leading.word} column` : 'property';
    const message = `${file}: the ${what} ${quoted(name)} is ${type}; it may be ${leading?.may ?? supportedWords()}`;
    throw new GraphshiftError('COLUMN_TYPE', message, { details: { file, column: name, type } });
  }
}

function mergeInto(
  kind: GroupKind,
  columns: readonly SnapshotColumn[],
  source: Map<string, string>,
  variant: SchemaVariant,
): SnapshotColumn[] {
  const file = fileOf(variant);
  const mixed = (one: string, column: string, why: string) =>
    new GraphshiftError('SCHEMA_MIXED', `${one} and ${file} differ in column ${quoted(column)}: ${why}`, {
      details: { files: [one, file], column },
    });
  const theirs = new Map(variant.columns.map((column) => [column.name, column.type]));
  const extra = variant.columns.find(({ name }) => !source.has(name));
  const firstFile = source.values().next().value ?? file;
  for (const [index, { name }] of columns.slice(0, leadingColumns(kind)).entries()) {
    const other = variant.columns[index]?.name ?? '';
    if (other !== name) {
      throw mixed(firstFile, name, `column ${index + 1} is ${quoted(name)} and ${quoted(other)}`);
    }
  }
  if (extra) throw mixed(firstFile, extra.name, `there is none and ${extra.type}`);
  return columns.map(({ name, type }) => {
    const other = theirs.get(name);
    const from = source.get(name) ?? firstFile;
    if (other === undefined) throw mixed(from, name, `${type} and there is none`);
    const shared = sharedType(type, other);
    if (shared === undefined) throw mixed(from, name, `${type} and ${other}`);
    if (shared !== type) source.set(name, file);
    return { name, type: shared };
  });
}

function fileOf(variant: SchemaVariant): string {
  return variant.files[0]?.path ?? '';
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
