/**
 * The columns of an Arrow schema: what each is called in DuckDB's words, as Parquet's columns are, and how its
 * buffers are laid out. What no store keeps has a name too, so that the check of types refuses it by its column.
 */

import { Date as ArrowDate } from 'apache-arrow/fb/date';
import { DateUnit } from 'apache-arrow/fb/date-unit';
import { Decimal } from 'apache-arrow/fb/decimal';
import type { Field } from 'apache-arrow/fb/field';
import { FixedSizeBinary } from 'apache-arrow/fb/fixed-size-binary';
import { FixedSizeList } from 'apache-arrow/fb/fixed-size-list';
import { FloatingPoint } from 'apache-arrow/fb/floating-point';
import { Int } from 'apache-arrow/fb/int';
import { Precision } from 'apache-arrow/fb/precision';
import type { Schema } from 'apache-arrow/fb/schema';
import { Time } from 'apache-arrow/fb/time';
import { TimeUnit } from 'apache-arrow/fb/time-unit';
import { Timestamp } from 'apache-arrow/fb/timestamp';
import { Type } from 'apache-arrow/fb/type';
import { NULL_TYPE } from '../column-types.ts';
import type { Conversion } from './conversions.ts';

/** Bits of an offset. */
export type Offsets = 32 | 64;

/** Items of a fixed size, in bytes or elements; they need no offsets. */
export interface FixedSize {
  readonly size: number;
}

/** How the values of a column lie in its buffers. */
export type Shape =
  | { readonly kind: 'null' }
  | { readonly kind: 'bits' }
  | { readonly kind: 'fixed'; readonly bytes: number; readonly convert?: Conversion }
  | { readonly kind: 'bytes'; readonly offsets: Offsets | FixedSize | 'view'; readonly text: boolean }
  | { readonly kind: 'list'; readonly offsets: Offsets | FixedSize; readonly child: ArrowColumn }
  | { readonly kind: 'refused' };

export interface ArrowColumn {
  readonly name: string;
  /** In DuckDB's words, or a name for what is refused. */
  readonly type: string;
  /** The type of the table that its values go to, where that is not `type`; the view casts. */
  readonly storage?: string;
  readonly shape: Shape;
  /** Set where the buffers hold indices into a dictionary of `shape`. */
  readonly dictionary?: { readonly id: bigint; readonly bytes: number; readonly signed: boolean };
}

type Described = Omit<ArrowColumn, 'name'>;

const DEPTH_MAX = 64;

/** @throws RangeError for a schema that cannot be one */
export function columnsOf(schema: Schema): ArrowColumn[] {
  const columns: ArrowColumn[] = [];
  for (let index = 0; index < schema.fieldsLength(); index += 1) {
    const field = schema.fields(index);
    if (!field) throw new RangeError(`field ${index} is missing`);
    columns.push(columnOf(field, 0));
  }
  return columns;
}

function columnOf(field: Field, depth: number): ArrowColumn {
  if (depth > DEPTH_MAX) throw new RangeError(`fields are nested more than ${DEPTH_MAX} deep`);
  const name = field.name() ?? '';
  const described = describe(field, depth);
  const encoding = field.dictionary();
  if (!encoding || described.shape.kind === 'refused') return { name, ...described };
  if (described.shape.kind === 'list' || described.shape.kind === 'null')
    return { name, ...refused(`DICTIONARY OF ${described.type}`) };
  // The format's default for indices is 32 bits with sign.
  const index = encoding.indexType();
  const bytes = (index?.bitWidth() ?? 32) / 8;
  return { name, ...described, dictionary: { id: encoding.id(), bytes, signed: index?.isSigned() ?? true } };
}

function refused(type: string): Described {
  return { type, shape: { kind: 'refused' } };
}

function describe(field: Field, depth: number): Described {
  const typeId = field.typeType();
  const simple = SIMPLE[typeId];
  if (simple) return simple;
  switch (typeId) {
    case Type.Int:
      return integer(field.type(new Int()));
    case Type.FloatingPoint:
      return float(field.type(new FloatingPoint()));
    case Type.Decimal:
      return decimal(field.type(new Decimal()));
    case Type.Date:
      return date(field.type(new ArrowDate()));
    case Type.Time:
      return time(field.type(new Time()));
    case Type.Timestamp:
      return timestamp(field.type(new Timestamp()));
    case Type.FixedSizeBinary:
      return fixedBytes(field, field.type(new FixedSizeBinary()).byteWidth());
    case Type.List:
      return list(field, depth, 32);
    case Type.LargeList:
      return list(field, depth, 64);
    case Type.FixedSizeList:
      return list(field, depth, { size: field.type(new FixedSizeList()).listSize() });
    default:
      return refused(REFUSED[typeId] ?? `ARROW TYPE ${typeId}`);
  }
}

const text = (offsets: Offsets | 'view'): Described => ({
  type: 'VARCHAR',
  shape: { kind: 'bytes', offsets, text: true },
});
const bytes = (offsets: Offsets | 'view'): Described => ({
  type: 'BLOB',
  shape: { kind: 'bytes', offsets, text: false },
});
const fixed = (type: string, width: number, convert?: Conversion, storage?: string): Described => ({
  type,
  ...(storage !== undefined && { storage }),
  shape: { kind: 'fixed', bytes: width, ...(convert && { convert }) },
});

const SIMPLE: Readonly<Partial<Record<Type, Described>>> = {
  [Type.Null]: { type: NULL_TYPE, storage: 'INTEGER', shape: { kind: 'null' } },
  [Type.Bool]: { type: 'BOOLEAN', shape: { kind: 'bits' } },
  [Type.Utf8]: text(32),
  [Type.LargeUtf8]: text(64),
  [Type.Utf8View]: text('view'),
  [Type.Binary]: bytes(32),
  [Type.LargeBinary]: bytes(64),
  [Type.BinaryView]: bytes('view'),
  // As in Parquet: the count in the file's own unit.
  [Type.Duration]: fixed('BIGINT', 8),
};

const REFUSED: Readonly<Partial<Record<Type, string>>> = {
  [Type.Interval]: 'INTERVAL',
  [Type.Struct_]: 'STRUCT',
  [Type.Map]: 'MAP',
  [Type.Union]: 'UNION',
  [Type.RunEndEncoded]: 'RUN-END ENCODED',
  [Type.ListView]: 'LIST VIEW',
  [Type.LargeListView]: 'LIST VIEW',
};

const INTEGERS: Readonly<Record<number, string>> = {
  8: 'TINYINT',
  16: 'SMALLINT',
  32: 'INTEGER',
  64: 'BIGINT',
};

function integer(type: Int): Described {
  const name = INTEGERS[type.bitWidth()];
  if (!name) return refused(`INTEGER OF ${type.bitWidth()} BITS`);
  return fixed(type.isSigned() ? name : `U${name}`, type.bitWidth() / 8);
}

function float(type: FloatingPoint): Described {
  if (type.precision() === Precision.HALF) return fixed('FLOAT', 2, { to: 'float' });
  return type.precision() === Precision.SINGLE ? fixed('FLOAT', 4) : fixed('DOUBLE', 8);
}

/** DuckDB keeps a decimal in as many bytes as its digits need. */
function decimal(type: Decimal): Described {
  const [precision, scale, width] = [type.precision(), type.scale(), type.bitWidth() / 8];
  const name = `DECIMAL(${precision},${scale})`;
  if (precision > 38 || scale < 0 || scale > precision || ![4, 8, 16, 32].includes(width))
    return refused(name);
  const kept = precision <= 4 ? 2 : precision <= 9 ? 4 : precision <= 18 ? 8 : 16;
  if (kept > width) return refused(`${name} OF ${width} BYTES`);
  return fixed(name, width, kept === width ? undefined : { to: 'integer', bytes: kept });
}

function date(type: ArrowDate): Described {
  return type.unit() === DateUnit.DAY ? fixed('DATE', 4) : fixed('DATE', 8, { to: 'days' });
}

function time(type: Time): Described {
  switch (type.unit()) {
    case TimeUnit.SECOND:
      return fixed('TIME', 4, { to: 'micros', factor: 1_000_000 });
    case TimeUnit.MILLISECOND:
      return fixed('TIME', 4, { to: 'micros', factor: 1000 });
    case TimeUnit.MICROSECOND:
      return fixed('TIME', 8);
    default:
      return fixed('TIME_NS', 8);
  }
}

/** With a zone, an instant in UTC; DuckDB has none in nanoseconds, so these are kept as timestamps in UTC. */
function timestamp(type: Timestamp): Described {
  const zone = type.timezone() ? ' WITH TIME ZONE' : '';
  const name = `TIMESTAMP${zone}`;
  switch (type.unit()) {
    case TimeUnit.SECOND:
      return fixed(name, 8, undefined, 'TIMESTAMP_S');
    case TimeUnit.MILLISECOND:
      return fixed(name, 8, undefined, 'TIMESTAMP_MS');
    case TimeUnit.MICROSECOND:
      return fixed(name, 8);
    default:
      return fixed(`TIMESTAMP_NS${zone}`, 8, undefined, 'TIMESTAMP_NS');
  }
}

function fixedBytes(field: Field, size: number): Described {
  if (size === 16 && extensionOf(field) === 'arrow.uuid') return fixed('UUID', 16, { to: 'uuid' });
  return { type: 'BLOB', shape: { kind: 'bytes', offsets: { size }, text: false } };
}

function list(field: Field, depth: number, offsets: Offsets | FixedSize): Described {
  const item = field.children(0);
  if (!item || field.childrenLength() !== 1) throw new RangeError('a list without its one child');
  const child = columnOf(item, depth + 1);
  const type = `${child.type}[]`;
  if (child.shape.kind === 'refused') return refused(type);
  return {
    type,
    ...(child.storage !== undefined && { storage: `${child.storage}[]` }),
    shape: { kind: 'list', offsets, child },
  };
}

function extensionOf(field: Field): string | undefined {
  for (let index = 0; index < field.customMetadataLength(); index += 1) {
    const entry = field.customMetadata(index);
    if (entry?.key() === 'ARROW:extension:name') return entry.value() ?? undefined;
  }
  return undefined;
}
