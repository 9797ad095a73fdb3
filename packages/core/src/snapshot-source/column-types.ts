/** The column types that every loader takes, in DuckDB's words, and what they mean to a person who writes files. */

interface SupportedType {
  /** DuckDB's name; `DECIMAL` stands for every precision up to 38. */
  readonly type: string;
  readonly words: string;
}

/**
 * Scalars that may be a property, alone or as a list of them (one level). Dictionaries, categoricals and enums are
 * text in Parquet. Three things cannot be told from the footer and come as what they are stored as: a duration as
 * BIGINT, a 128-bit integer of polars as BLOB, and a zoned timestamp in nanoseconds in microseconds.
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
];

/** A column that no file gives a type: every value is null. `NULL[]` is a list of nulls. */
export const NULL_TYPE = 'NULL';
const NULL_LIST = 'NULL[]';

const SCALARS = new Set(SUPPORTED_TYPES.map(({ type }) => type));
const INTEGERS = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$/;

/** The type of the elements where `type` is a list of one level, else the type itself. */
export function elementType(type: string): string {
  return type.endsWith('[]') ? type.slice(0, -2) : type;
}

/** Whether a property may have this type. */
export function isSupportedType(type: string): boolean {
  const scalar = elementType(type);
  const decimal = /^DECIMAL\((\d+),\d+\)$/.exec(scalar);
  if (decimal) return Number(decimal[1]) <= 38;
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
  return isTextType(elementType(type));
}

/** The type that holds both, or undefined where files of one group differ. Only nulls give way: nothing is widened. */
export function sharedType(one: string, other: string): string | undefined {
  if (one === other || other === NULL_TYPE) return one;
  if (one === NULL_TYPE) return other;
  if (other === NULL_LIST && one.endsWith('[]')) return one;
  if (one === NULL_LIST && other.endsWith('[]')) return other;
  return undefined;
}

/** What a property may be, for a message. */
export function supportedWords(): string {
  return 'boolean, integer of 8 to 64 bits, float, decimal of up to 38 digits, text, bytes, date, time, timestamp, UUID or a list of one of these';
}
