/**
 * Every type that files may have, and what becomes of it: rows of the table in docs/formats.md, which a test makes
 * from here, and the values that the fixtures of matrix.py must give, which another test reads out of a store.
 */

/** A column of the fixtures: the type in the store, then the values of the three rows as a query gives them. */
type Expected = readonly [stored: string, ...values: unknown[]];

interface MatrixRow {
  /** As Arrow calls it; for people. */
  readonly arrow: string;
  /** As Parquet calls it. */
  readonly parquet: string;
  readonly graph: string;
  /** Types on Neo4j, in the words of Cypher's `valueType`; behind them what differs from `graph`. */
  readonly neo4j: readonly string[];
  readonly onNeo4j?: string;
  /** By the fixtures' columns. */
  readonly columns: Readonly<Record<string, Expected>>;
}

const LONG = 'a text of more than twelve bytes, Grüße 🎉';
const base64 = (bytes: readonly number[]) => Buffer.from(bytes).toString('base64');
const TEN_PAIRS = base64(Array.from({ length: 20 }, (_, index) => (index % 2 ? 255 : 0)));

export const KEPT: readonly MatrixRow[] = [
  {
    arrow: 'Bool',
    parquet: 'BOOLEAN',
    graph: 'boolean',
    neo4j: ['BOOLEAN'],
    columns: { flag: ['BOOL', true, false, null], flags: ['BOOL[]', [true, null, false], [], null] },
  },
  {
    arrow: 'Int8 to Int32, UInt8 to UInt32',
    parquet: 'INT32, INT(8 to 32), UINT(8 to 32)',
    graph: 'integer',
    neo4j: ['INTEGER'],
    columns: {
      int8: ['INT64', 127, -128, null],
      uint8: ['INT64', 255, 0, null],
      int16: ['INT64', 32767, -32768, null],
      uint16: ['INT64', 65535, 0, null],
      int32: ['INT64', 2147483647, -2147483648, null],
      uint32: ['INT64', 4294967295, 0, null],
      numbers_small: ['INT64[]', [1, null, 255], [], null],
      numbers_large: ['INT64[]', [1, null], [], null],
      numbers_fixed: ['INT64[]', [1, null], [3, 4], null],
    },
  },
  {
    arrow: 'Int64, UInt64',
    parquet: 'INT64, UINT(64)',
    graph:
      'integer; a column with a value beyond ±2^53 is kept in 128 bits (`INT128`), so that no digit is lost on the way out',
    neo4j: ['INTEGER'],
    onNeo4j: 'a column with an unsigned value beyond 2^63 - 1 is refused',
    columns: {
      int64: ['INT128', 9223372036854775807n, -9223372036854775808n, null],
      int64_small: ['INT64', 9007199254740991, -1, null],
      uint64: ['INT128', 18446744073709551615n, 0n, null],
      number_word: ['INT128', 4611686018427387905n, 5n, null],
      numbers: ['INT128[]', [1n, null, 9007199254740993n], [], null],
      nested_numbers: ['INT128[][]', [[1n, null], [], null, [9007199254740993n]], [], null],
    },
  },
  {
    arrow: 'Float16, Float32, Float64',
    parquet: 'FLOAT16, FLOAT, DOUBLE',
    graph: 'float of 64 bits, infinities too; -0 may become 0 in a column of zeros',
    neo4j: ['FLOAT'],
    onNeo4j: 'NaN and -0 too',
    columns: {
      float16: ['DOUBLE', 1.5, -65504, null],
      float32: ['DOUBLE', 1.5, Number.NEGATIVE_INFINITY, null],
      float64: ['DOUBLE', 0.1, -0, null],
      float_infinite: ['DOUBLE', Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, null],
      floats: ['DOUBLE[]', [0.1, null, -0], [], null],
      nested_deep: ['DOUBLE[][][]', [[[1.5, null]], [null], null], [], null],
    },
  },
  {
    arrow: 'Decimal32 to Decimal256, up to 15 digits',
    parquet: 'DECIMAL up to 15 digits, however stored',
    graph: 'float of 64 bits, which holds 15 digits',
    neo4j: ['FLOAT'],
    columns: {
      decimal32: ['DOUBLE', 1234567.89, -0.01, null],
      decimal_small: ['DOUBLE', 99.9, -0.1, null],
      decimals: ['DOUBLE[]', [1.25, null], [], null],
      decimal_narrow: ['DOUBLE', 1234567890123.45, -0.01, null],
    },
  },
  {
    arrow: 'Decimal64 to Decimal256, 16 to 38 digits',
    parquet: 'DECIMAL of 16 to 38 digits',
    graph: 'text, every digit of the scale written out',
    neo4j: ['STRING'],
    columns: {
      decimal64: ['STRING', '12345678901234.5678', '-0.0001', null],
      decimal_wide: ['STRING', '1234567890123456.7891', '-0.0001', null],
      decimal_38: [
        'STRING',
        `${'9'.repeat(28)}.${'9'.repeat(10)}`,
        `-${'9'.repeat(28)}.${'9'.repeat(10)}`,
        null,
      ],
      decimal256_38: ['STRING', '12345678901234567890.5', '-0.5', null],
      decimals_wide: ['STRING[]', ['1234567890123456.7891', null], [], null],
    },
  },
  {
    arrow: 'Utf8, LargeUtf8, Utf8View, JSON',
    parquet: 'STRING, ENUM, JSON',
    graph: 'text',
    neo4j: ['STRING'],
    columns: {
      text: ['STRING', 'Grüße \'to\' "you"', '', null],
      text_large: ['STRING', LONG, 'twelve bytes', null],
      text_view: ['STRING', LONG, 'thirteen byte', null],
      texts: ['STRING[]', [LONG, null, ''], [], null],
      nested_texts: ['STRING[][]', [[LONG, null, ''], [], null], [], null],
      json: ['STRING', '{"a": 1}', 'null', null],
    },
  },
  {
    arrow: 'Dictionary, of whatever is kept but lists',
    parquet: 'dictionary pages',
    graph: 'what its values are',
    neo4j: ['STRING'],
    columns: {
      word: ['STRING', LONG, 'b', null],
      word_ordered: ['STRING', 'high', 'low', null],
      words: ['STRING[]', ['x', null], [], null],
    },
  },
  {
    arrow: 'UUID',
    parquet: 'UUID',
    graph: 'text',
    neo4j: ['STRING'],
    columns: {
      uuid: ['STRING', '00010203-0405-0607-0809-0a0b0c0d0e0f', 'ffffffff-ffff-ffff-ffff-ffffffffffff', null],
    },
  },
  {
    arrow: 'Binary, LargeBinary, BinaryView, FixedSizeBinary',
    parquet: 'BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY',
    graph: 'bytes; base64 on the way out',
    neo4j: ['BYTES'],
    columns: {
      bytes: ['BLOB', base64([0, 255]), '', null],
      bytes_large: ['BLOB', TEN_PAIRS, '', null],
      bytes_view: ['BLOB', TEN_PAIRS, base64([1]), null],
      bytes_fixed: ['BLOB', base64([97, 98, 99]), base64([0, 0, 0]), null],
      blobs: ['BLOB[]', [base64([0, 255]), null], [], null],
    },
  },
  {
    arrow: 'Date32, Date64',
    parquet: 'DATE',
    graph: 'date, of the years 1 to 9999',
    neo4j: ['DATE'],
    columns: {
      day: ['DATE', '1815-12-10', '2100-02-28', null],
      day_millis: ['DATE', '1815-12-10', '2100-02-28', null],
      days: ['DATE[]', ['1815-12-10', null], [], null],
    },
  },
  {
    arrow: 'Time32, Time64',
    parquet: 'TIME in ms, us, ns',
    graph: 'text, `23:59:59.123`',
    neo4j: ['LOCAL TIME'],
    columns: {
      time_s: ['STRING', '23:59:59', '00:00:00', null],
      time_ms: ['STRING', '23:59:59.123', '00:00:00', null],
      time_us: ['STRING', '23:59:59.123456', '00:00:00.000001', null],
      time_ns: ['STRING', '23:59:59.123456789', '00:00:00.000000001', null],
    },
  },
  {
    arrow: 'Timestamp in s, ms, us, without zone',
    parquet: 'TIMESTAMP in ms, us, not adjusted to UTC; INT96 of Spark',
    graph: 'timestamp, of the years 1 to 9999',
    neo4j: ['LOCAL DATETIME'],
    columns: {
      stamp_s: ['TIMESTAMP', '2001-01-01T00:00:00', '1899-12-31T23:59:59', null],
      stamp_ms: ['TIMESTAMP', '2001-01-01T00:00:00.123', '1899-12-31T23:59:59.999', null],
      stamp_us: ['TIMESTAMP', '2001-01-01T00:00:00.123456', '1899-12-31T23:59:59.999999', null],
      stamps: ['TIMESTAMP[]', ['2001-01-01T00:00:00.123456', '1899-12-31T23:59:59.999999', null], [], null],
    },
  },
  {
    arrow: 'Timestamp in s, ms, us, with zone',
    parquet: 'TIMESTAMP in ms, us, adjusted to UTC',
    graph: 'timestamp in UTC; the name of the zone is not kept',
    neo4j: ['ZONED DATETIME'],
    columns: {
      zoned_s: ['TIMESTAMP_TZ', '2001-01-01T00:00:00Z', '1899-12-31T23:59:59Z', null],
      zoned_ms: ['TIMESTAMP_TZ', '2001-01-01T00:00:00.123Z', '1899-12-31T23:59:59.999Z', null],
      zoned_us: ['TIMESTAMP_TZ', '2001-01-01T00:00:00.123456Z', '1899-12-31T23:59:59.999999Z', null],
      zoneds: [
        'TIMESTAMP_TZ[]',
        ['2001-01-01T00:00:00.123456Z', '1899-12-31T23:59:59.999999Z', null],
        [],
        null,
      ],
    },
  },
  {
    arrow: 'Timestamp in ns, all of whole microseconds',
    parquet: 'TIMESTAMP in ns, all of whole microseconds',
    graph: 'as above',
    neo4j: ['LOCAL DATETIME', 'ZONED DATETIME'],
    columns: {
      stamp_ns_whole: ['TIMESTAMP', '2001-01-01T00:00:00.123456', '1899-12-31T23:59:59.999999', null],
      zoned_ns_whole: ['TIMESTAMP_TZ', '2001-01-01T00:00:00.123456Z', '1899-12-31T23:59:59.999999Z', null],
    },
  },
  {
    arrow: 'other Timestamp in ns',
    parquet: 'other TIMESTAMP in ns',
    graph:
      'text, `2001-01-01T00:00:00.123456789`, with a zone in UTC and with `Z` behind; it sorts as the time does',
    neo4j: ['LOCAL DATETIME', 'ZONED DATETIME'],
    onNeo4j: 'with every nanosecond',
    columns: {
      stamp_ns: ['STRING', '2001-01-01T00:00:00.123456789', '1899-12-31T23:59:59.999999999', null],
      zoned_ns: ['STRING', '2001-01-01T00:00:00.123456789Z', '1899-12-31T23:59:59.999999999Z', null],
      stamps_ns: [
        'STRING[]',
        ['2001-01-01T00:00:00.123456789', '1899-12-31T23:59:59.999999999', null],
        [],
        null,
      ],
      zoneds_ns: [
        'STRING[]',
        ['2001-01-01T00:00:00.123456789Z', '1899-12-31T23:59:59.999999999Z', null],
        [],
        null,
      ],
    },
  },
  {
    arrow: 'Duration',
    parquet: 'INT64, as writers store a duration',
    graph: "integer: the count in the file's own unit",
    neo4j: ['INTEGER'],
    columns: {
      duration_ms: ['INT64', 86399123, -1, null],
      duration_ns: ['INT128', 4611686018427387905n, -1n, null],
    },
  },
  {
    arrow: 'Null',
    parquet: 'UNKNOWN (a column of nulls)',
    graph: 'the type that another file of the folder has, else text; every value is null',
    neo4j: [],
    onNeo4j: 'a null is a property that is not there',
    columns: {
      nothing: ['STRING', null, null, null],
      nothings: ['STRING[]', [null], [], null],
    },
  },
];

interface RefusedRow {
  readonly arrow: string;
  readonly parquet: string;
  /** Files `refused-<name>.arrow`, by name, with a piece of the message. */
  readonly columns: Readonly<Record<string, string>>;
  /** Those that are Parquet, too or only. */
  readonly inParquet: readonly string[];
  readonly notInArrow?: true;
}

export const REFUSED: readonly RefusedRow[] = [
  {
    arrow: 'Struct, Map, Union, and lists of them',
    parquet: 'groups, MAP, VARIANT',
    columns: { struct: 'STRUCT', structs: 'STRUCT', map: 'MAP', union: 'UNION' },
    inParquet: ['struct', 'structs', 'map'],
  },
  {
    arrow: 'Decimal of more than 38 digits, or with a negative scale',
    parquet: 'DECIMAL of more than 38 digits',
    columns: {
      decimal256: 'DECIMAL(50,2)',
      decimals256: 'DECIMAL(50,2)[]',
      decimal_negative_scale: 'DECIMAL(4,-2)',
    },
    inParquet: ['decimal256', 'decimals256'],
  },
  {
    arrow: 'Interval, ListView, LargeListView, RunEndEncoded, dictionaries of lists',
    parquet: 'INTERVAL',
    columns: { interval: 'INTERVAL', list_view: 'LIST VIEW', runs: 'RUN-END ENCODED' },
    inParquet: [],
  },
  {
    arrow: '–',
    parquet: 'INT96 that Spark did not write: nanoseconds, which would be cut',
    columns: { int96: 'INT96' },
    inParquet: ['int96'],
    notInArrow: true,
  },
  {
    arrow: 'lists in lists, lists of bytes, lists with a null, by Neo4j',
    parquet: 'the same, by Neo4j',
    columns: {},
    inParquet: [],
  },
  {
    arrow: 'floats with NaN, by the embedded store',
    parquet: 'floats with NaN, by the embedded store',
    columns: {},
    inParquet: [],
  },
  {
    arrow:
      'a value that its type cannot hold: text that is not UTF-8, a Decimal of more digits, a Time beyond 24 h, a Date64 that is no whole day, a Timestamp beyond the year 290,000',
    parquet: '–',
    columns: Object.fromEntries(
      [
        'day_fraction',
        'decimal_digits',
        'decimal_bytes',
        'time_beyond',
        'stamp_beyond',
        'zoned_beyond',
        'text_broken',
        'texts_split',
      ].map((column) => [column, 'arrow row 1: column']),
    ),
    inParquet: [],
  },
];

function onNeo4j({ neo4j, onNeo4j: differs }: MatrixRow): string {
  const types = neo4j.map((type) => `\`${type}\``).join(', ');
  return [types, differs].filter(Boolean).join('; ');
}

/** The tables of docs/formats.md. */
export function formatTables(): string {
  const stored = (row: MatrixRow) =>
    [...new Set(Object.values(row.columns).map(([type]) => type))]
      .filter((type) => !type.includes('['))
      .map((type) => `\`${type.replace(/\(.*/, '')}\``);
  const kept = KEPT.map(
    (row) =>
      `| ${row.arrow} | ${row.parquet} | ${row.graph} | ${[...new Set(stored(row))].join(', ')} | ${onNeo4j(row)} |`,
  );
  const refused = REFUSED.map((row) => `| ${row.arrow} | ${row.parquet} |`);
  return [
    '| Arrow | Parquet | in the graph | LadybugDB | Neo4j |',
    '|---|---|---|---|---|',
    ...kept,
    '',
    'Refused, with `COLUMN_TYPE` and the name of the column:',
    '',
    '| Arrow | Parquet |',
    '|---|---|',
    ...refused,
  ].join('\n');
}
