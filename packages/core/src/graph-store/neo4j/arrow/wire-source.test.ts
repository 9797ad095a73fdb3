/** What becomes of each type on its way to the server: exact values, or an error that names the row. */

import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IpcMessage } from '@graphshift/flight/ipc';
import {
  Binary,
  Bool,
  type DataType,
  DateMillisecond,
  Decimal,
  Dictionary,
  Duration,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  LargeUtf8,
  List,
  Struct,
  Table,
  TimeMillisecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  TimeUnit,
  tableFromIPC,
  tableToIPC,
  Uint8,
  Uint64,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { ArrowFile } from '../../../snapshot-source/arrow/batches.ts';
import { describeArrow } from '../../../snapshot-source/arrow/import.ts';
import { GDS_COLUMNS } from './gds-protocol.ts';
import { repeatText } from './repeated-columns.ts';
import { openWireFile, type WireFile } from './wire-source.ts';
import { type SentColumn, type WireType, wireType } from './wire-types.ts';

const directory = mkdtempSync(join(tmpdir(), 'graphshift-wire-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;

async function fileOf(
  columns: Record<string, Vector>,
  entity: 'node' | 'relationship' = 'node',
): Promise<WireFile | undefined> {
  files += 1;
  const path = join(directory, `${files}.arrow`);
  await writeFile(path, tableToIPC(new Table(columns), files % 2 ? 'file' : 'stream'));
  const file = { name: 'nodes/Person/part.arrow', path };
  return openWireFile(file, await groupOf(file, entity), join(directory, 'scratch'));
}

/** The columns as the plan of a group has them, all labels being `Person` and all types `KNOWS`. */
async function groupOf(file: ArrowFile, entity: 'node' | 'relationship'): Promise<SentColumn[]> {
  const { columns } = await describeArrow(file);
  const leading: readonly string[] = GDS_COLUMNS[entity];
  const text = { scalar: 'Utf8', list: false } as const;
  return columns.map(({ name: column, type }, index) => {
    const name = leading[index] ?? column;
    if (index < leading.length - 1) return { name, column, wire: text };
    if (index >= leading.length) return { name, column, wire: wireType(type) ?? text };
    const constant = (rows: number) => repeatText(entity === 'node' ? 'Person' : 'KNOWS', rows);
    return { name, column, wire: text, constant, isInFiles: entity === 'relationship' };
  });
}

/** The messages as a stream that apache-arrow reads. */
async function sent(file: WireFile | undefined): Promise<Table> {
  if (!file) throw new Error('it cannot be sent');
  const parts: Uint8Array[] = [];
  for await (const { metadata, body } of file.messages()) {
    const prefix = Buffer.alloc(8, 0xff);
    prefix.writeInt32LE(metadata.length, 4);
    parts.push(prefix, metadata, body);
  }
  return tableFromIPC(Buffer.concat([...parts, Buffer.from([255, 255, 255, 255, 0, 0, 0, 0])]));
}

const texts = (...values: (string | null)[]) => vectorFromArray(values, new Utf8());
const of = (values: readonly unknown[], type: DataType): Vector =>
  vectorFromArray(values as never[], type as never);
const listOf = (type: DataType) => new List(new Field('item', type, true));

/** One property column beside two leading ones, as it is sent. */
async function property(values: readonly unknown[], type: DataType) {
  const rows = values.map((_, row) => `n${row}`);
  const labels = of(
    rows.map(() => ['Person']),
    listOf(new Utf8()),
  );
  const table = await sent(await fileOf({ id: texts(...rows), labels, p: of(values, type) }));
  const column = table.getChild('p');
  return { type: String(column?.type), values: column ? [...column].map(plain) : [] };
}

/** Lists as arrays. */
function plain(value: unknown): unknown {
  return value !== null && typeof value === 'object' && Symbol.iterator in value
    ? [...(value as Iterable<unknown>)]
    : value;
}

const MAX = 2n ** 63n - 1n;

describe('a property is sent as the server takes it, value by value', () => {
  test.each([
    ['large texts', ['a', null, 'éß', ''], new LargeUtf8(), 'Utf8', undefined],
    ['a dictionary', ['x', 'y', null, 'x'], new Dictionary(new Utf8(), new Int32()), 'Utf8', undefined],
    [
      '32-bit integers',
      [1, -1, null, 2 ** 31 - 1, -(2 ** 31)],
      new Int32(),
      'Int64',
      [1n, -1n, null, 2n ** 31n - 1n, -(2n ** 31n)],
    ],
    ['16-bit integers', [-300, null], new Int16(), 'Int64', [-300n, null]],
    ['unsigned 8-bit integers', [200, null], new Uint8(), 'Int64', [200n, null]],
    ['unsigned integers', [MAX, null], new Uint64(), 'Int64', undefined],
    ['64-bit integers', [MAX, -MAX, null], new Int64(), 'Int64', undefined],
    ['durations', [5n, null], new Duration(TimeUnit.SECOND), 'Int64', undefined],
    ['floats', [0.5, null, Number.NaN, Number.NEGATIVE_INFINITY], new Float32(), 'Float64', undefined],
    ['half floats', [0.5, null, -2], new Float16(), 'Float64', undefined],
    ['doubles', [0.1, null], new Float64(), 'Float64', undefined],
    ['booleans', [true, false, null, true, true, false, true, false, true], new Bool(), 'Bool', undefined],
    ['64-bit dates', [new Date(86_400_000), null], new DateMillisecond(), 'Date32<DAY>', [86_400_000, null]],
    ['seconds', [1_700_000_000_000, null], new TimestampSecond(), 'Timestamp<MICROSECOND>', undefined],
    [
      'zoned milliseconds',
      [1_700_000_000_123],
      new TimestampMillisecond('Europe/Oslo'),
      'Timestamp<MICROSECOND, UTC>',
      undefined,
    ],
    ['nanoseconds', [1_700_000_000_123], new TimestampNanosecond(), 'Timestamp<NANOSECOND>', undefined],
    [
      'lists of 32-bit integers',
      [[1, 2], [], null],
      listOf(new Int32()),
      'List<Int64>',
      [[1n, 2n], [], null],
    ],
    [
      'lists of fixed size',
      [[0.5, 1]],
      new FixedSizeList(2, new Field('item', new Float32(), true)),
      'List<Float64>',
      undefined,
    ],
    ['lists of texts', [['a', 'é'], null, ['']], listOf(new Utf8()), 'List<Utf8>', undefined],
  ] as const)('%s', async (_, values, type, wire, expected) => {
    expect(await property(values, type)).toEqual({ type: wire, values: expected ?? [...values] });
  });

  test.each([
    ['decimals', [new Uint32Array([1, 0, 0, 0])], new Decimal(2, 10, 128)],
    ['times', [1], new TimeMillisecond()],
    ['bytes', [new Uint8Array([1])], new Binary()],
    ['lists in lists', [[[1]]], listOf(listOf(new Int32()))],
    ['structs', [{ a: 1 }], new Struct([new Field('a', new Int32())])],
  ] as const)('%s are not cast here', async (_, values, type) => {
    expect(await fileOf({ id: texts('n'), labels: texts('Person'), p: of(values, type) })).toBeUndefined();
  });

  test('a column that the group has as something else is not cast here', async () => {
    const path = join(directory, 'other.arrow');
    await writeFile(path, tableToIPC(new Table({ p: of([1n], new Int64()) }), 'file'));
    const sentAs = (wire: WireType) =>
      openWireFile({ name: 'other.arrow', path }, [{ name: 'p', column: 'p', wire }], `${path}.scratch`);
    expect(await sentAs({ scalar: 'Float64', list: false })).toBeUndefined();
    expect(await sentAs({ scalar: 'Int64', list: true })).toBeUndefined();
    expect(await sentAs({ scalar: 'Int64', list: false })).toBeDefined();
  });

  test.each([
    [
      'an unsigned integer beyond 63 bits',
      [1n, 2n ** 63n],
      new Uint64(),
      /row 2: column "p" is UBIGINT, but a value is larger/,
    ],
    [
      'a null in a list',
      [[1], [2, null]],
      listOf(new Int32()),
      /row 2: column "p" is INTEGER\[\], but a list has a null/,
    ],
  ] as const)('%s is an error that names the row', async (_, values, type, says) => {
    await expect(property(values, type)).rejects.toThrow(says);
  });
});

test('ids are texts, labels and types those of the group, whatever they were', async () => {
  const nodes = await sent(
    await fileOf({
      id: of([1n, -5n, MAX], new Int64()),
      l: texts(' Person', 'Person,', 'Person'),
      x: of([1n, 2n, 3n], new Int64()),
    }),
  );
  expect(nodes.schema.fields.map(({ name, type }) => `${name} ${type}`)).toEqual([
    'nodeId Utf8',
    'labels Utf8',
    'x Int64',
  ]);
  expect([...(nodes.getChild('nodeId') ?? [])]).toEqual(['1', '-5', String(MAX)]);
  expect([...(nodes.getChild('labels') ?? [])]).toEqual(['Person', 'Person', 'Person']);
  const dictionary = new Dictionary(new Utf8(), new Int32());
  const relationships = await sent(
    await fileOf({ a: of([1], new Int32()), b: texts('2'), t: of(['KNOWS'], dictionary) }, 'relationship'),
  );
  expect(relationships.toArray().map((row) => row?.toJSON())).toEqual([
    { sourceNodeId: '1', targetNodeId: '2', relationshipType: 'KNOWS' },
  ]);
  expect(await fileOf({ id: of([1.5], new Float64()), l: texts('A') })).toBeUndefined();
});

test('bodies are forwarded as they are where the server takes every column', async () => {
  const columns = {
    from: texts('a', 'é'),
    to: texts('b', 'c'),
    kind: texts('KNOWS', 'KNOWS'),
    since: of([1n, null], new Int64()),
  };
  const file = await fileOf(columns, 'relationship');
  expect(file?.forwarded).toBe(true);
  const messages: IpcMessage[] = [];
  for await (const message of file?.messages() ?? []) messages.push(message);
  expect(messages.map(({ kind }) => kind)).toEqual(['schema', 'batch']);
  const table = await sent(file);
  expect(table.schema.fields.map(({ name }) => name)).toEqual([
    'sourceNodeId',
    'targetNodeId',
    'relationshipType',
    'since',
  ]);
  expect([...(table.getChild('since') ?? [])]).toEqual([1n, null]);
  const duration = await fileOf(
    { ...columns, since: of([1n, 2n], new Duration(TimeUnit.SECOND)) },
    'relationship',
  );
  expect(duration?.forwarded).toBe(false);
});

test('texts survive the cast, whatever they are', async () => {
  const row = fc.record({
    text: fc.option(fc.string({ unit: 'grapheme', maxLength: 8 })),
    number: fc.option(fc.integer()),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (rows) => {
      const file = await fileOf({
        id: texts(...rows.map((_, index) => String(index))),
        l: texts(...rows.map(() => 'Person')),
        text: of(
          rows.map(({ text }) => text),
          new LargeUtf8(),
        ),
        number: of(
          rows.map(({ number }) => number),
          new Int32(),
        ),
      });
      const table = await sent(file);
      expect(table.numRows).toBe(rows.length);
      expect([...(table.getChild('text') ?? [])]).toEqual(rows.map(({ text }) => text));
      expect([...(table.getChild('number') ?? [])]).toEqual(
        rows.map(({ number }) => (number === null ? null : BigInt(number))),
      );
    }),
    { numRuns: 30 },
  );
});
