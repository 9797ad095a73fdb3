/**
 * How values get into Neo4j exactly. DuckDB brings every column to one of six plain types that Parquet keeps as they
 * are, and a reader makes the driver's value of each.
 *
 * | files | Neo4j |
 * |---|---|
 * | integers within 64 bits | INTEGER; a column with a larger unsigned one is refused, or text, as configured |
 * | floats, NaN and infinities too | FLOAT |
 * | decimals | as configured: FLOAT where it holds every digit, text, or refused |
 * | BOOLEAN, VARCHAR, UUID, BLOB | BOOLEAN, STRING, STRING, bytes |
 * | DATE, TIME, TIME_NS | DATE, LOCAL TIME |
 * | timestamps without zone, with zone | LOCAL DATETIME, ZONED DATETIME in UTC; nanoseconds are kept |
 *
 * Null values are properties that are not there. A list keeps the type of its elements; Neo4j stores no list in a list,
 * no null in a list and no list of bytes, so columns that have one are refused by name.
 */

import neo4j from 'neo4j-driver';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { SnapshotColumn } from '../../../snapshot/manifest.ts';
import {
  elementType,
  listDepth,
  NULL_TYPE,
  ZONED_NANOSECONDS,
} from '../../../snapshot-source/column-types.ts';
import type { DuckRow } from '../../../snapshot-source/duckdb.ts';
import type { BoltSettings } from './settings.ts';

/** How a reader makes a value of what DuckDB hands out. */
export type ValueKind =
  | 'plain'
  | 'integer'
  | 'bytes'
  | 'date'
  | 'time-us'
  | 'time-ns'
  | 'local-us'
  | 'local-ns'
  | 'zoned-us'
  | 'zoned-ns';

export interface ValuePlan {
  readonly name: string;
  readonly kind: ValueKind;
  readonly list: boolean;
  /** DuckDB's expression for the column. */
  readonly select: string;
}

/** What a column's values range over, where that decides what becomes of it. */
interface Range {
  readonly low?: string;
  readonly high?: string;
  readonly holes: boolean;
}

/** A decimal of this many digits survives the way through a double. */
const DECIMAL_DIGITS = 15;
const INT64_MAX = 2n ** 63n - 1n;

const TEMPORAL: Readonly<Record<string, { kind: ValueKind; number: (value: string) => string }>> = {
  DATE: { kind: 'date', number: (value) => `date_diff('day', DATE '1970-01-01', ${value})` },
  TIME: { kind: 'time-us', number: (value) => `epoch_us(${value})` },
  TIME_NS: { kind: 'time-ns', number: (value) => `epoch_ns(${value})` },
  TIMESTAMP: { kind: 'local-us', number: (value) => `epoch_us(${value})` },
  TIMESTAMP_S: { kind: 'local-us', number: (value) => `epoch_us(${value})` },
  TIMESTAMP_MS: { kind: 'local-us', number: (value) => `epoch_us(${value})` },
  TIMESTAMP_NS: { kind: 'local-ns', number: (value) => `epoch_ns(${value})` },
  'TIMESTAMP WITH TIME ZONE': { kind: 'zoned-us', number: (value) => `epoch_us(${value})` },
  [ZONED_NANOSECONDS]: { kind: 'zoned-ns', number: (value) => `epoch_ns(${value})` },
};
/** Those that may be infinite, or in a year that ISO 8601 does not write. */
const ENDLESS = /^(DATE|TIMESTAMP.*)$/;

/** Aggregates that `rangeOf` reads, for one column: DuckDB expressions named by `prefix`. */
export function probes(type: string, value: string, prefix: string): string[] {
  const element = elementType(type);
  const isList = listDepth(type) === 1;
  const found: string[] = [];
  if (isList)
    found.push(
      `coalesce(bool_or(len(list_filter(${value}, lambda e: e IS NULL)) > 0), false) AS ${prefix}_holes`,
    );
  if (element === 'UBIGINT' || ENDLESS.test(element)) {
    const [low, high] = isList ? [`list_min(${value})`, `list_max(${value})`] : [value, value];
    found.push(`min(${low})::VARCHAR AS ${prefix}_low`, `max(${high})::VARCHAR AS ${prefix}_high`);
  }
  return found;
}

export function rangeOf(row: DuckRow, prefix: string): Range {
  const { [`${prefix}_low`]: low, [`${prefix}_high`]: high } = row;
  return {
    ...(typeof low === 'string' && { low }),
    ...(typeof high === 'string' && { high }),
    holes: row[`${prefix}_holes`] === true,
  };
}

/**
 * @param value DuckDB's expression for the column
 * @param where the folder, for messages
 * @throws COLUMN_TYPE, naming the column, for what Neo4j cannot keep exactly
 */
export function planValue(
  column: SnapshotColumn,
  value: string,
  range: Range,
  where: string,
  settings: Pick<BoltSettings, 'decimals' | 'unsigned'>,
): ValuePlan {
  const { name, type } = column;
  const [element, depth] = [elementType(type), listDepth(type)];
  const refuse = (problem: string) =>
    new GraphshiftError('COLUMN_TYPE', `${where}: column ${JSON.stringify(name)}: ${problem}`, {
      details: { column: name, type },
    });
  if (depth > 1) throw refuse(`it is ${type}; Neo4j stores no list in a list`);
  if (depth === 1 && element === 'BLOB') throw refuse('it is a list of bytes, which Neo4j does not store');
  if (range.holes)
    throw refuse('a list of it has a null, which Neo4j does not store; leave nulls out of lists');
  if (ENDLESS.test(element)) refuseEndless(range, refuse);
  const { kind, convert } = wayOf({ element, range, settings, refuse });
  const list = depth === 1;
  const select = list ? `list_transform(${value}, lambda e: ${convert('e')})` : convert(value);
  return { name, kind, list, select };
}

interface Subject {
  readonly element: string;
  readonly range: Range;
  readonly settings: Pick<BoltSettings, 'decimals' | 'unsigned'>;
  readonly refuse: (problem: string) => GraphshiftError;
}

interface Way {
  readonly kind: ValueKind;
  /** From DuckDB's expression to one of a plain type. */
  readonly convert: (item: string) => string;
}

function wayOf(subject: Subject): Way {
  const { element, range, settings, refuse } = subject;
  const plain = (to: string): Way => ({ kind: 'plain', convert: (item) => `CAST(${item} AS ${to})` });
  const temporal = TEMPORAL[element];
  if (temporal) return { kind: temporal.kind, convert: (item) => `CAST(${temporal.number(item)} AS BIGINT)` };
  const digits = Number(/^DECIMAL\((\d+),/.exec(element)?.[1] ?? 0);
  if (digits > 0) return plain(decimalTarget(digits, settings.decimals, refuse));
  if (element === 'UBIGINT' && BigInt(range.high ?? 0) > INT64_MAX) {
    if (settings.unsigned === 'text') return plain('VARCHAR');
    throw refuse(`${range.high} is beyond 2^63 - 1, the largest integer that Neo4j stores`);
  }
  if (/INT/.test(element)) return { ...plain('BIGINT'), kind: 'integer' };
  if (/^(FLOAT|DOUBLE)$/.test(element)) return plain('DOUBLE');
  if (element === 'BLOB') return { kind: 'bytes', convert: (item) => item };
  if (element === 'BOOLEAN') return plain('BOOLEAN');
  if (['VARCHAR', 'UUID', NULL_TYPE].includes(element)) return plain('VARCHAR');
  throw refuse(`it is ${element}, which Neo4j does not store`);
}

function decimalTarget(
  digits: number,
  rule: BoltSettings['decimals'],
  refuse: (problem: string) => GraphshiftError,
): string {
  if (rule === 'refuse') throw refuse('it is a decimal; the setting for decimals refuses them');
  return rule === 'float' && digits <= DECIMAL_DIGITS ? 'DOUBLE' : 'VARCHAR';
}

/** Infinities and years outside 1 to 9999 have no ISO 8601 text that every reader takes. */
function refuseEndless(range: Range, refuse: (problem: string) => GraphshiftError): void {
  for (const text of [range.low, range.high])
    if (text !== undefined && (!/^\d{4}-/.test(text) || /^0000-|\(BC\)/.test(text)))
      throw refuse(`${text} is outside the years 1 to 9999`);
}

/** What makes the driver's value of DuckDB's; null stays null. */
export function readerOf(plan: Pick<ValuePlan, 'kind' | 'list'>): (value: unknown) => unknown {
  const read = READERS[plan.kind];
  if (!plan.list) return (value) => (value === null ? null : read(value));
  return (value) => (value === null ? null : (value as { items: readonly unknown[] }).items.map(read));
}

const READERS: Readonly<Record<ValueKind, (value: unknown) => unknown>> = {
  plain: (value) => value,
  integer: (value) => integerOf(value as bigint),
  bytes: (value) => {
    const { buffer, byteOffset, length } = (value as { bytes: Uint8Array }).bytes;
    return new Int8Array(buffer, byteOffset, length);
  },
  date: (value) => {
    const [year, month, day] = civil(Number(value));
    return new neo4j.types.Date(year, month, day);
  },
  'time-us': (value) => timeOf((value as bigint) * 1000n),
  'time-ns': (value) => timeOf(value as bigint),
  'local-us': (value) => new neo4j.types.LocalDateTime(...fieldsOf((value as bigint) * 1000n)),
  'local-ns': (value) => new neo4j.types.LocalDateTime(...fieldsOf(value as bigint)),
  'zoned-us': (value) => new neo4j.types.DateTime(...fieldsOf((value as bigint) * 1000n), 0),
  'zoned-ns': (value) => new neo4j.types.DateTime(...fieldsOf(value as bigint), 0),
};

const TWO_32 = 2 ** 32;

/** The driver's own integer, which costs less than its way from a BigInt. */
export function integerOf(value: bigint): unknown {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return new neo4j.Integer(number | 0, Math.floor(number / TWO_32) | 0);
  return new neo4j.Integer(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
}

const DAY_NS = 86_400_000_000_000n;
type Fields = [
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  nanosecond: number,
];

/** @param nanoseconds since 1970 */
function fieldsOf(nanoseconds: bigint): Fields {
  let days = nanoseconds / DAY_NS;
  let rest = nanoseconds % DAY_NS;
  if (rest < 0n) {
    rest += DAY_NS;
    days -= 1n;
  }
  return [...civil(Number(days)), ...clockOf(rest)];
}

function timeOf(nanoseconds: bigint): unknown {
  return new neo4j.types.LocalTime(...clockOf(nanoseconds));
}

/** @param nanoseconds since midnight */
function clockOf(nanoseconds: bigint): [hour: number, minute: number, second: number, nanosecond: number] {
  const seconds = Number(nanoseconds / 1_000_000_000n);
  return [
    Math.floor(seconds / 3600),
    Math.floor(seconds / 60) % 60,
    seconds % 60,
    Number(nanoseconds % 1_000_000_000n),
  ];
}

/** Year, month and day of the Gregorian calendar, of days since 1970. */
function civil(days: number): [year: number, month: number, day: number] {
  const date = new globalThis.Date(days * 86_400_000);
  return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
}
