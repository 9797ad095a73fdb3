/**
 * The written table of types: what a column of a file is sent as, so that the server takes it and Neo4j keeps what the
 * Bolt loader would have kept. `docs/arrow.md` is made from it.
 *
 * A server takes plain texts with 32-bit offsets, 64-bit integers and floats, booleans, dates, timestamps and one level
 * of lists. All else is cast on buffers where no value changes, and refused by name where one would.
 */

import type { ArrowColumn, Shape } from '../../../snapshot-source/arrow/schema.ts';
import { elementType, listDepth, NULL_TYPE } from '../../../snapshot-source/column-types.ts';
import type { WireColumn } from './wire-values.ts';

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

/** What is not cast on buffers. */
export const OTHER_TYPES = [
  { arrow: 'Decimal32 to Decimal256', what: 'DuckDB makes FLOAT or STRING of it, as `store.decimals` says' },
  { arrow: 'Time32, Time64', what: 'goes over Bolt only: the server has no time of day' },
  {
    arrow: 'Binary, LargeBinary, BinaryView, FixedSizeBinary',
    what: 'goes over Bolt only: the server has no bytes',
  },
  { arrow: 'lists in lists, a null in a list', what: 'is refused: Neo4j stores none' },
] as const;

/** A column of a group, as it is sent. */
export interface SentColumn {
  /** Of the protocol, or the property. */
  readonly name: string;
  /** What it is called in the files. */
  readonly column: string;
  readonly wire: WireType;
  /** The same in every row, whatever the files have. */
  readonly constant?: (rows: number) => WireColumn;
  /** Of a constant: that every row of the files has just that text. */
  readonly isInFiles?: boolean;
}

/** How one column of a file is sent. */
export interface ColumnPlan extends SentColumn {
  /** Whether its buffers are what the server takes already. */
  readonly asItIs: boolean;
}

/**
 * How a file's columns are sent, in its order, or undefined where one of them becomes what no cast on buffers makes of it.
 * @param sent the columns of the group
 */
export function planColumns(
  columns: readonly ArrowColumn[],
  sent: readonly SentColumn[],
): ColumnPlan[] | undefined {
  const plans: ColumnPlan[] = [];
  for (const column of columns) {
    const own = sent.find((one) => one.column === column.name);
    if (!own || !(own.constant || canCast(column.type, own.wire))) return undefined;
    plans.push({ ...own, asItIs: isAsItIs(column, own) });
  }
  return plans;
}

/** An id is sent as a text, and may be an integer in the file; all else is sent as the table says. */
function canCast(type: string, { scalar, list }: WireType): boolean {
  const found = wireType(type);
  if (found?.list !== list) return false;
  return found.scalar === scalar || (scalar === 'Utf8' && !list && found.scalar === 'Int64');
}

/** What a column of this type is sent as by the table, or undefined. @param type in DuckDB's words */
export function wireType(type: string): WireType | undefined {
  const element = elementType(type);
  const depth = listDepth(type);
  const scalar = TYPE_RULES.find(({ types }) => types.includes(element))?.scalar;
  return scalar && depth <= 1 ? { scalar, list: depth === 1 } : undefined;
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
function isAsItIs(
  { type, storage, shape, dictionary }: ArrowColumn,
  { wire: { scalar, list }, constant, isInFiles }: SentColumn,
): boolean {
  if (dictionary || storage !== undefined || list || (constant && !isInFiles)) return false;
  if (scalar === 'Utf8') return isPlainText(shape);
  if (scalar === 'Bool') return shape.kind === 'bits';
  const width = WIDTHS[scalar];
  return shape.kind === 'fixed' && !shape.convert && type === width?.type && shape.bytes === width.bytes;
}

function isPlainText(shape: Shape): boolean {
  return shape.kind === 'bytes' && shape.text && shape.offsets === 32;
}
