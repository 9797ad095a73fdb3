/**
 * How a column is stored so that every value comes back with every digit. What the binding of LadybugDB 0.19.1 does
 * to values decides (measured): INT64 becomes a number, exact to 2^53 only, INT128 an exact BigInt; timestamps become a Date, exact to milliseconds; TIMESTAMP_NS loses its last three digits in every cast
 * to text. So:
 *
 * | files | store |
 * |---|---|
 * | integers within ±2^53 | INT64 |
 * | wider integers | INT128 |
 * | DECIMAL of up to 15 digits | DOUBLE, which holds them; wider: STRING |
 * | timestamps without zone | TIMESTAMP (microseconds), read back exactly by exact-values.ts |
 * | timestamps with zone | TIMESTAMP_TZ in UTC |
 * | nanoseconds that are whole microseconds | TIMESTAMP |
 * | other nanoseconds | STRING, `2001-02-03T04:05:06.123456789`, which sorts and compares like the time; with a zone, `Z` behind |
 * | floats | DOUBLE; a column with NaN is refused |
 * | BOOLEAN, DATE, VARCHAR, BLOB | BOOL, DATE, STRING, BLOB |
 * | time of day, UUID | STRING |
 *
 * Lists of these are lists, nested or not; anything else has been refused before. Its own DECIMAL is not used: -0.01
 * comes out of it as `0.-1`, and a cast to a list of it ends the process.
 */

import { GraphshiftError } from '../../platform/errors.ts';
import type { SnapshotColumn } from '../../snapshot/manifest.ts';
import { elementType, listDepth, ZONED_NANOSECONDS } from '../../snapshot-source/column-types.ts';
import type { DuckRow } from '../../snapshot-source/duckdb.ts';

export interface StoredColumn {
  readonly name: string;
  /** In the files, in DuckDB's words. */
  readonly logical: string;
  /** In the store, in LadybugDB's words. */
  readonly stored: string;
  /** Some value has digits below a millisecond, which the binding drops. */
  readonly subMillisecond?: boolean;
}

/** A stored column with the way there: DuckDB's expression to Parquet, and the cast from Parquet. */
export interface ColumnPlan extends StoredColumn {
  readonly select: string;
  readonly cast?: string;
}

/** What the values of a column range over. */
interface Range {
  readonly low?: string;
  readonly high?: string;
  /** Some value has digits below this type's coarser unit. */
  readonly fine: boolean;
  readonly nan: boolean;
}

const INTEGER = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/;
const NARROW = /^(U?(TINYINT|SMALLINT|INTEGER))$/;
const FLOAT = /^(FLOAT|DOUBLE)$/;
const TEMPORAL = /^(DATE|TIMESTAMP.*)$/;
const EXACT = 2n ** 53n - 1n;
const INT128_MAX = 2n ** 127n - 1n;
const NANOSECOND_FORMAT = '%Y-%m-%dT%H:%M:%S.%n';
/** A decimal of this many digits survives the way through a double. */
const DECIMAL_DIGITS = 15;

/** Aggregates that `rangeOf` reads, for one column: DuckDB expressions named by `prefix`. */
export function probes(type: string, value: string, prefix: string): string[] {
  const [element, depth] = [elementType(type), listDepth(type)];
  if (FLOAT.test(element)) return [`${hasNaN(value, depth)} AS ${prefix}_nan`];
  const wide = INTEGER.test(element) && !NARROW.test(element);
  if (!wide && !TEMPORAL.test(element)) return [];
  const items = flattened(value, depth);
  const [low, high] = depth > 0 ? [`list_min(${items})`, `list_max(${items})`] : [value, value];
  const range = [`min(${low})::VARCHAR AS ${prefix}_low`, `max(${high})::VARCHAR AS ${prefix}_high`];
  const fine = fineness(element, depth, items);
  return fine ? [...range, `${fine} AS ${prefix}_fine`] : range;
}

/** Whether some value is NaN. */
function hasNaN(value: string, depth: number): string {
  const nan =
    depth === 0
      ? `isnan(${value})`
      : `list_bool_or(list_transform(${flattened(value, depth)}, lambda e: isnan(e)))`;
  return `coalesce(bool_or(${nan}), false)`;
}

/** All elements of nested lists as one list. */
function flattened(value: string, depth: number): string {
  return depth <= 1 ? value : `flatten(${flattened(value, depth - 1)})`;
}

function fineness(element: string, depth: number, items: string): string | undefined {
  if (!element.startsWith('TIMESTAMP')) return undefined;
  const finite = (text: string) => `isfinite(${text}) AND ${remainder(element, text)} <> 0`;
  if (depth === 0)
    return `coalesce(bool_or(CASE WHEN ${items} IS NOT NULL THEN ${finite(items)} END), false)`;
  return `coalesce(bool_or(len(list_filter(${items}, lambda e: ${finite('e')})) > 0), false)`;
}

/** Nanoseconds below the microsecond, and digits below the millisecond of everything else. */
function remainder(element: string, value: string): string {
  return isNanoseconds(element) ? `epoch_ns(${value}) % 1000` : `epoch_us(${value}) % 1000`;
}

function isNanoseconds(element: string): boolean {
  return element === 'TIMESTAMP_NS' || element === ZONED_NANOSECONDS;
}

export function rangeOf(row: DuckRow, prefix: string): Range {
  const text = (key: string) =>
    typeof row[key] === 'string' ? { [key.slice(prefix.length + 1)]: row[key] } : {};
  const is = (key: string) => row[`${prefix}_${key}`] === true;
  return { ...text(`${prefix}_low`), ...text(`${prefix}_high`), fine: is('fine'), nan: is('nan') };
}

/**
 * @param value DuckDB's expression for the column
 * @throws COLUMN_TYPE, naming the value, for what the store cannot keep exactly
 */
export function planColumn(column: SnapshotColumn, value: string, range: Range, where: string): ColumnPlan {
  const { name, type } = column;
  const [element, depth] = [elementType(type), listDepth(type)];
  return { name, logical: type, ...wayOf({ name, element, depth, value, range, where }) };
}

interface Subject {
  readonly name: string;
  readonly element: string;
  /** 0 for a scalar, 1 for a list. */
  readonly depth: number;
  readonly value: string;
  readonly range: Range;
  readonly where: string;
}

type Way = Omit<ColumnPlan, 'name' | 'logical'>;

function wayOf(subject: Subject): Way {
  const { element, where, name } = subject;
  if (INTEGER.test(element)) return integerWay(subject);
  if (TEMPORAL.test(element)) return temporalWay(subject);
  const digits = Number(/^DECIMAL\((\d+),\s*\d+\)$/.exec(element)?.[1] ?? 0);
  if (digits > DECIMAL_DIGITS) return way(subject, 'STRING', 'VARCHAR');
  if (digits > 0) return way(subject, 'DOUBLE', 'DOUBLE');
  // LadybugDB 0.19.1 judges by lowest and highest whether a group of rows is constant: [1.5, NaN, null] comes back as
  // [1.5, 1.5, null], and [NaN, 1.5, NaN] as three NaN, with its compression off too.
  if (subject.range.nan)
    throw refused(
      where,
      name,
      'it has NaN, which the embedded store mixes up with other values; write null for it',
    );
  const plain = PLAIN_WAYS[element];
  if (plain) return way(subject, plain.stored, plain.duck);
  throw refused(where, name, `the embedded store keeps no ${element}`);
}

const PLAIN_WAYS: Readonly<Record<string, { stored: string; duck: string }>> = {
  BOOLEAN: { stored: 'BOOL', duck: 'BOOLEAN' },
  FLOAT: { stored: 'DOUBLE', duck: 'DOUBLE' },
  DOUBLE: { stored: 'DOUBLE', duck: 'DOUBLE' },
  BLOB: { stored: 'BLOB', duck: 'BLOB' },
  ...Object.fromEntries(
    ['VARCHAR', 'NULL', 'UUID', 'TIME', 'TIME_NS'].map((type) => [
      type,
      { stored: 'STRING', duck: 'VARCHAR' },
    ]),
  ),
};

/** By a cast in DuckDB, and another in LadybugDB where Parquet has no such type; elementwise for a list. */
function way({ value, depth }: Subject, stored: string, duck: string, cast?: string): Way {
  const suffix = '[]'.repeat(depth);
  return {
    stored: `${stored}${suffix}`,
    select: `${value}::${duck}${suffix}`,
    ...(cast !== undefined && { cast: `${cast}${suffix}` }),
  };
}

function integerWay(subject: Subject): Way {
  const { element, range, where, name } = subject;
  if (NARROW.test(element) || within(range, EXACT)) return way(subject, 'INT64', 'BIGINT');
  // DuckDB writes 128 bits to Parquet as a double.
  if (within(range, INT128_MAX)) return way(subject, 'INT128', 'VARCHAR', 'INT128');
  throw refused(where, name, `${range.high} is beyond 128 bits; the store takes integers to 2^127 - 1`);
}

function temporalWay(subject: Subject): Way {
  const { element, depth, value, range, where, name } = subject;
  refuseEndless(range, where, name);
  if (element === 'DATE') return way(subject, 'DATE', 'DATE');
  const zoned = element.endsWith('WITH TIME ZONE');
  if (isNanoseconds(element) && range.fine) {
    return { stored: `STRING${'[]'.repeat(depth)}`, select: nanosecondText(value, depth, zoned) };
  }
  // Whole microseconds may still have digits below the millisecond: the probe of nanoseconds does not tell.
  const subMillisecond = isNanoseconds(element) || range.fine;
  const kept = zoned
    ? way(subject, 'TIMESTAMP_TZ', 'TIMESTAMP', 'TIMESTAMP_TZ')
    : way(subject, 'TIMESTAMP', 'TIMESTAMP');
  return subMillisecond ? { ...kept, subMillisecond } : kept;
}

/** DuckDB 1.5.6 writes what stands behind `%n` over its last three digits, so the zone's letter is put behind it. */
function nanosecondText(value: string, depth: number, zoned: boolean): string {
  if (depth === 0) return `strftime(${value}, '${NANOSECOND_FORMAT}')${zoned ? " || 'Z'" : ''}`;
  const item = `e${depth}`;
  return `list_transform(${value}, lambda ${item}: ${nanosecondText(item, depth - 1, zoned)})`;
}

function within(range: Range, limit: bigint): boolean {
  return [range.low, range.high].every((text) => {
    if (text === undefined) return true;
    const value = BigInt(text);
    return value >= -limit && value <= limit;
  });
}

/** Infinities and years outside 1 to 9999 have no ISO 8601 text that every reader takes. */
function refuseEndless(range: Range, where: string, name: string): void {
  for (const text of [range.low, range.high])
    if (text !== undefined && (!/^\d{4}-/.test(text) || /^0000-|\(BC\)/.test(text)))
      throw refused(where, name, `${text} is outside the years 1 to 9999`);
}

function refused(where: string, name: string, problem: string): GraphshiftError {
  return new GraphshiftError('COLUMN_TYPE', `${where}: column ${JSON.stringify(name)}: ${problem}`, {
    details: { column: name },
  });
}
