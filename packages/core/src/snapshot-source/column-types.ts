/** The column types that every loader takes, in DuckDB's words, and what they mean to a person who writes files. */

/** No type of DuckDB: the views over a snapshot's files give such a column as TIMESTAMP_NS in UTC. */
export const ZONED_NANOSECONDS = 'TIMESTAMP_NS WITH TIME ZONE';

interface SupportedType {
  /** DuckDB's name; `DECIMAL` stands for every precision up to 38. */
  readonly type: string;
  readonly words: string;
}

/**
 * Scalars that may be a property, alone or in lists, nested or not. Dictionaries, categoricals and enums are what
 * their values are. Two things cannot be told from Parquet's footer and come as what they are stored as: a duration
 * as BIGINT, in Arrow IPC too, and a 128-bit integer of polars as BLOB.
 */
export const SUPPORTED_TYPES: readonly SupportedType[] = [
  { type: 'BOOLEAN', words: 'boolean' },
  { type: 'TINYINT', words: '8-bit integer' },
  { type: 'SMALLINT', words: '16-bit integer' },
  { type: 'INTEGER', words: '32-bit integer' },
  { type: 'BIGINT', words: '64-bit integer' },
  { type: 'UTINYINT', words: 'unsigned 8-bit integer' },
  { type: 'USMALLINT', words: 'unsigned 16-bit integer' },
  { type: 'UINTEGER', words: 'unsigned 32-bit integer' },
  { type: 'UBIGINT', words: 'unsigned 64-bit integer' },
  { type: 'FLOAT', words: '32-bit float' },
  { type: 'DOUBLE', words: '64-bit float' },
  { type: 'DECIMAL', words: 'decimal of up to 38 digits' },
  { type: 'VARCHAR', words: 'text' },
  { type: 'UUID', words: 'UUID, kept as text' },
  { type: 'BLOB', words: 'bytes' },
  { type: 'DATE', words: 'date' },
  { type: 'TIME', words: 'time of day in microseconds' },
  { type: 'TIME_NS', words: 'time of day in nanoseconds' },
  { type: 'TIMESTAMP', words: 'timestamp in seconds, milliseconds or microseconds' },
  { type: 'TIMESTAMP_S', words: 'timestamp in seconds' },
  { type: 'TIMESTAMP_MS', words: 'timestamp in milliseconds' },
  { type: 'TIMESTAMP_NS', words: 'timestamp in nanoseconds' },
  { type: 'TIMESTAMP WITH TIME ZONE', words: 'timestamp with time zone' },
  { type: ZONED_NANOSECONDS, words: 'timestamp with time zone in nanoseconds' },
];

/** A column that no file gives a type: every value is null. `NULL[]` is a list of nulls. */
export const NULL_TYPE = 'NULL';

const SCALARS = new Set(SUPPORTED_TYPES.map(({ type }) => type));
const INTEGERS = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$/;

/** The type of the elements where `type` is a list, of whatever depth, else the type itself. */
export function elementType(type: string): string {
  return type.slice(0, type.length - 2 * listDepth(type));
}

/** 0 for a scalar, 1 for a list, 2 for a list of lists. */
export function listDepth(type: string): number {
  return (/(\[\])*$/.exec(type)?.[0].length ?? 0) / 2;
}

/** Whether a property may have this type. */
export function isSupportedType(type: string): boolean {
  const scalar = elementType(type);
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(scalar);
  if (decimal) return Number(decimal[1]) <= 38 && Number(decimal[2]) <= Number(decimal[1]);
  return scalar === NULL_TYPE || SCALARS.has(scalar);
}

/** Ids are text or integers; over labels of different id types they are compared as text. UUIDs are text. */
export function isIdType(type: string): boolean {
  return type === 'VARCHAR' || type === 'UUID' || type === NULL_TYPE || INTEGERS.test(type);
}

export function isTextType(type: string): boolean {
  return type === 'VARCHAR' || type === NULL_TYPE;
}

/** Labels are one comma-separated text or a list of texts. */
export function isLabelsType(type: string): boolean {
  return isTextType(type.endsWith('[]') ? type.slice(0, -2) : type);
}

/** The type that holds both, or undefined where files of one group differ. Only nulls give way: nothing is widened. */
export function sharedType(one: string, other: string): string | undefined {
  if (one === other || givesWay(other, one)) return one;
  return givesWay(one, other) ? other : undefined;
}

/** Nulls, and lists of nothing but nulls, agree with what is nested as deep or deeper. */
function givesWay(one: string, other: string): boolean {
  return elementType(one) === NULL_TYPE && listDepth(one) <= listDepth(other);
}

/** What a property may be, for a message. */
export function supportedWords(): string {
  return 'boolean, integer of 8 to 64 bits, float, decimal of up to 38 digits, text, bytes, date, time, timestamp, UUID or a list, nested or not, of one of these';
}
