/**
 * The written table of types: what a column of a file is sent as, so that the server takes it and Neo4j keeps what the
 * Bolt loader would have kept. `docs/arrow.md` is made from it.
 *
 * A server takes plain texts with 32-bit offsets, 64-bit integers and floats, booleans, dates, timestamps and one level
 * of lists. All else is cast on buffers where no value changes, and refused by name where one would.
 */

import { GraphshiftError } from '../../../platform/errors.ts';
import type { ArrowColumn, Shape } from '../../../snapshot-source/arrow/schema.ts';
import { elementType, listDepth, NULL_TYPE } from '../../../snapshot-source/column-types.ts';
import type { EntityType } from './gds-protocol.ts';

/** What goes over the wire, in Arrow's words. */
export type ScalarType =
  | 'Utf8'
  | 'Int64'
  | 'Float64'
  | 'Bool'
  | 'Date32'
  | 'Timestamp(us)'
  | 'Timestamp(ns)'
  | 'Timestamp(us, UTC)'
  | 'Timestamp(ns, UTC)';

export interface WireType {
  readonly scalar: ScalarType;
  readonly list: boolean;
}

interface TypeRule {
  /** In Arrow's words, for people. */
  readonly arrow: string;
  /** In DuckDB's words, as columns are named everywhere here. */
  readonly types: readonly string[];
  readonly scalar: ScalarType;
  /** What becomes of it in the graph. */
  readonly neo4j: string;
}

export const TYPE_RULES: readonly TypeRule[] = [
  { arrow: 'Utf8, LargeUtf8, Utf8View, JSON', types: ['VARCHAR'], scalar: 'Utf8', neo4j: 'STRING' },
  { arrow: 'UUID', types: ['UUID'], scalar: 'Utf8', neo4j: 'STRING' },
  {
    arrow: 'Int8 to Int64, UInt8 to UInt64, Duration',
    types: ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT'],
    scalar: 'Int64',
    neo4j: 'INTEGER; an unsigned one beyond 2^63 - 1 is an error that names the row',
  },
  { arrow: 'Float16, Float32, Float64', types: ['FLOAT', 'DOUBLE'], scalar: 'Float64', neo4j: 'FLOAT' },
  { arrow: 'Bool', types: ['BOOLEAN'], scalar: 'Bool', neo4j: 'BOOLEAN' },
  { arrow: 'Date32, Date64', types: ['DATE'], scalar: 'Date32', neo4j: 'DATE' },
  {
    arrow: 'Timestamp in s, ms, us, without zone',
    types: ['TIMESTAMP'],
    scalar: 'Timestamp(us)',
    neo4j: 'LOCAL DATETIME',
  },
  {
    arrow: 'Timestamp in ns, without zone',
    types: ['TIMESTAMP_NS'],
    scalar: 'Timestamp(ns)',
    neo4j: 'LOCAL DATETIME',
  },
  {
    arrow: 'Timestamp in s, ms, us, with zone',
    types: ['TIMESTAMP WITH TIME ZONE'],
    scalar: 'Timestamp(us, UTC)',
    neo4j: 'ZONED DATETIME in UTC',
  },
  {
    arrow: 'Timestamp in ns, with zone',
    types: ['TIMESTAMP_NS WITH TIME ZONE'],
    scalar: 'Timestamp(ns, UTC)',
    neo4j: 'ZONED DATETIME in UTC',
  },
  { arrow: 'Null', types: [NULL_TYPE], scalar: 'Utf8', neo4j: 'no property' },
];

/** What is sent over Bolt only. */
export const REFUSED_TYPES = [
  { arrow: 'Decimal32 to Decimal256', why: 'no type of the server keeps its digits' },
  { arrow: 'Time32, Time64', why: 'the server has no time of day' },
  { arrow: 'Binary, LargeBinary, BinaryView, FixedSizeBinary', why: 'the server has no bytes' },
  { arrow: 'lists in lists', why: 'Neo4j stores none' },
  { arrow: 'a null in a list', why: 'Neo4j stores none; the error names the row' },
] as const;

const MAY_BE =
  'it may be text, an integer, a float, a boolean, a date, a timestamp, or a list of one of these; the Bolt loader takes more (store.loader)';

export type ColumnRole = 'id' | 'labels' | 'type' | 'property';

/** How one column of a file is sent. */
export interface ColumnPlan {
  /** The column of the protocol, or the property. */
  readonly name: string;
  readonly role: ColumnRole;
  readonly wire: WireType;
  /** Whether its buffers are what the server takes already. */
  readonly asItIs: boolean;
}

const ROLES: Record<EntityType, readonly { readonly name: string; readonly role: ColumnRole }[]> = {
  node: [
    { name: 'nodeId', role: 'id' },
    { name: 'labels', role: 'labels' },
  ],
  relationship: [
    { name: 'sourceNodeId', role: 'id' },
    { name: 'targetNodeId', role: 'id' },
    { name: 'relationshipType', role: 'type' },
  ],
};

/**
 * How a file's columns are sent, the leading ones under the protocol's names.
 * @param file as messages name it
 * @throws COLUMN_TYPE naming file, column, type and what it may be; COLUMN_NAME for a property that is called like a
 * column of the protocol
 */
export function planColumns(file: string, entity: EntityType, columns: readonly ArrowColumn[]): ColumnPlan[] {
  const leading = ROLES[entity];
  const taken = new Set(leading.map(({ name }) => name));
  return columns.map((column, index) => {
    const own = leading[index] ?? { name: column.name, role: 'property' as const };
    if (own.role === 'property' && taken.has(column.name)) throw nameTaken(file, column.name);
    const wire = wireType(column.type, own.role);
    if (!wire) throw refused(file, column);
    return { ...own, wire, asItIs: isAsItIs(column, wire) };
  });
}

/** What a column of this type is sent as, or undefined. @param type in DuckDB's words */
export function wireType(type: string, role: ColumnRole): WireType | undefined {
  const element = elementType(type);
  const depth = listDepth(type);
  const scalar = TYPE_RULES.find(({ types }) => types.includes(element))?.scalar;
  if (!scalar || depth > 1) return undefined;
  switch (role) {
    case 'id':
      return depth === 0 && (scalar === 'Utf8' || scalar === 'Int64')
        ? { scalar: 'Utf8', list: false }
        : undefined;
    case 'type':
      return depth === 0 && scalar === 'Utf8' ? { scalar, list: false } : undefined;
    case 'labels':
      return scalar === 'Utf8' ? { scalar, list: true } : undefined;
    case 'property':
      return { scalar, list: depth === 1 };
  }
}

const WIDTHS: Readonly<Partial<Record<ScalarType, { readonly type: string; readonly bytes: number }>>> = {
  Int64: { type: 'BIGINT', bytes: 8 },
  Float64: { type: 'DOUBLE', bytes: 8 },
  Date32: { type: 'DATE', bytes: 4 },
  'Timestamp(us)': { type: 'TIMESTAMP', bytes: 8 },
};

/**
 * A zone must be UTC on the wire and may be any in a file, and lists may hold nulls that must be refused: neither goes
 * as it is.
 */
function isAsItIs({ type, storage, shape, dictionary }: ArrowColumn, { scalar, list }: WireType): boolean {
  if (dictionary || storage !== undefined || list) return false;
  if (scalar === 'Utf8') return isPlainText(shape);
  if (scalar === 'Bool') return shape.kind === 'bits';
  const width = WIDTHS[scalar];
  return shape.kind === 'fixed' && !shape.convert && type === width?.type && shape.bytes === width.bytes;
}

function isPlainText(shape: Shape): boolean {
  return shape.kind === 'bytes' && shape.text && shape.offsets === 32;
}

function refused(file: string, { name, type }: ArrowColumn): GraphshiftError {
  const message = `${file}: the column ${JSON.stringify(name)} is ${type}, which Arrow Flight imports do not take; ${MAY_BE}`;
  return new GraphshiftError('COLUMN_TYPE', message, { details: { file, column: name, type } });
}

function nameTaken(file: string, name: string): GraphshiftError {
  const message = `${file}: the property ${JSON.stringify(name)} is called like a column of the import protocol; it may have any other name, or go over Bolt (store.loader)`;
  return new GraphshiftError('COLUMN_NAME', message, { details: { file, column: name } });
}
