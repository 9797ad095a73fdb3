/** Snapshots and statements of the graph store contract. */

import type { SnapshotContent } from './snapshots.ts';

/** The snapshot that most of the contract loads, by unix time. */
export const T1 = 1_700_000_000;

/** What no query may be, and what is no Cypher on every store; a store may call the latter failed. */
export const FOREIGN_STATEMENTS = [
  'COPY (MATCH (n) RETURN n) TO "/tmp/x.csv"',
  'LOAD FROM "/etc/passwd" RETURN *',
  'ATTACH "/tmp/x" AS x (dbtype duckdb)',
  'CALL timeout=0',
  'CALL show_tables() RETURN *',
  "MATCH (p) RETURN '// ' /* ' */ COPY Person FROM 'x'",
];

export const REFUSED_STATEMENTS = [
  'CREATE (:Person {id: "x"})',
  'MATCH (p:Person) SET p.name = "x" RETURN p',
  'MATCH (p:Person) DETACH DELETE p',
  'MATCH (p:Person) MERGE (q:Person {id: "x"}) RETURN q',
  'MATCH (p:Person) RETURN p; MATCH (p) RETURN p',
  'MATCH (p) RETURN p /* ; */; DROP TABLE Person',
  'RETURN "unclosed',
  '// only a comment',
  '',
];

/** Three people and a company, over two files of one label. */
export function peopleAndCompanies(timestamp: number): SnapshotContent {
  return {
    customer: 'acme',
    timestamp,
    nodes: {
      Person: [
        [{ id: '1', labels: 'Person', name: 'Ada' }],
        [
          { id: '2', labels: 'Person,Employee', name: 'Grace' },
          { id: '3', labels: 'Person', name: `O'Brien "\`\\` },
        ],
      ],
      Company: [{ id: '4', labels: 'Company', name: 'Works & Söhne 😀' }],
    },
    relationships: {
      KNOWS: [
        { source: '1', target: '2', type: 'KNOWS', since: 1930 },
        { source: '2', target: '2', type: 'KNOWS', since: 1931 },
        { source: '3', target: '4', type: 'KNOWS', since: 1932 },
      ],
      WORKS_AT: [{ source: '2', target: '4', type: 'WORKS_AT', title: 'Engineer' }],
    },
  };
}

/** Values at the ends of their types, in DuckDB's words, and what a query must give. */
const VALUES: readonly (readonly [name: string, sql: string, value: unknown])[] = [
  ['small', '(-32768)::SMALLINT', -32768],
  ['safe', '9007199254740991::BIGINT', 9007199254740991],
  ['wide', '9007199254740993::BIGINT', 9007199254740993n],
  ['widest', '(-9223372036854775808)::BIGINT', -9223372036854775808n],
  ['unsigned', '18446744073709551615::UBIGINT', 18446744073709551615n],
  ['real', '0.1::DOUBLE', 0.1],
  ['flag', 'false', false],
  ['empty', "''", ''],
  ['text', "'a,\"b\"\nc''\\ é😀'", 'a,"b"\nc\'\\ é😀'],
  ['day', "DATE '0001-01-01'", '0001-01-01'],
  ['lastDay', "DATE '9999-12-31'", '9999-12-31'],
  ['seconds', "TIMESTAMP_S '2001-02-03 04:05:06'", '2001-02-03T04:05:06'],
  ['micros', "TIMESTAMP '1969-12-31 23:59:59.999999'", '1969-12-31T23:59:59.999999'],
  ['nanos', "TIMESTAMP_NS '2001-02-03 04:05:06.123456789'", '2001-02-03T04:05:06.123456789'],
  ['wholeNanos', "TIMESTAMP_NS '2001-02-03 04:05:06.123456'", '2001-02-03T04:05:06.123456'],
  ['zoned', "TIMESTAMPTZ '2001-02-03 04:05:06.123456+02'", '2001-02-03T02:05:06.123456Z'],
  ['clock', "TIME '12:34:56.789012'", '12:34:56.789012'],
  ['cents', '12345.67::DECIMAL(12, 2)', 12345.67],
  ['decimal', '12345678901234567890.123456789::DECIMAL(38, 9)', '12345678901234567890.123456789'],
  ['bytes', "'\\xDE\\xAD'::BLOB", '3q0='],
  ['integers', '[1, NULL, -3]::BIGINT[]', [1, null, -3]],
  ['wideIntegers', '[9007199254740993, 1]::BIGINT[]', [9007199254740993n, 1n]],
  ['texts', "['a', '', NULL]", ['a', '', null]],
  ['nothing', '[]::VARCHAR[]', []],
  ['days', "[DATE '2001-02-03']", ['2001-02-03']],
  ['times', "[TIMESTAMP '2001-02-03 04:05:06.000001', NULL]", ['2001-02-03T04:05:06.000001', null]],
];

/** What a store can keep of them; the rest is left out. */
export interface KeptValues {
  /** Whether a list may hold nulls. */
  readonly nullsInLists: boolean;
  /** What an unsigned integer beyond 2^63 comes back as. */
  readonly unsigned: unknown;
}

function keptValues({ nullsInLists, unsigned }: KeptValues) {
  return VALUES.filter(([, sql]) => nullsInLists || !/\[.*NULL.*\]/.test(sql)).map(
    ([name, sql, value]) => [name, sql, name === 'unsigned' ? unsigned : value] as const,
  );
}

/** By column. */
export function exactResult(kept: KeptValues): Record<string, unknown> {
  return Object.fromEntries(keptValues(kept).map(([name, , value]) => [name, value]));
}

export function exactValues(kept: KeptValues): SnapshotContent {
  const values = keptValues(kept);
  const columns = values.map(([name, sql]) => `${sql} AS ${name}`).join(', ');
  const nulls = values.map(([name]) => `NULL AS ${name}`).join(', ');
  return {
    customer: 'acme',
    timestamp: T1,
    nodes: {
      Value: `SELECT 'a' AS id, 'Value' AS labels, ${columns} UNION ALL SELECT 'b', 'Value', ${nulls}`,
    },
    relationships: {
      LINK: `SELECT 'a' AS source, 'b' AS target, 'LINK' AS type,
        TIMESTAMP '2001-02-03 04:05:06.123456' AS at, (-9007199254740993)::BIGINT AS wide`,
    },
  };
}

/** Empty groups, several pairs of labels a type, relationships to oneself, names that need quoting. */
export function oddShapes(): SnapshotContent {
  const link = (source: string, target: string) => ({ source, target, type: 'LINK' });
  return {
    customer: 'acme',
    timestamp: T1,
    nodes: {
      Left: [
        { id: 'l1', labels: 'Left' },
        { id: 'l2', labels: 'Left' },
      ],
      Right: [{ id: 'r1', labels: 'Right' }],
      'it\'s a "label"': [{ id: 'o1', labels: ['it\'s a "label"'], 'größe "\'x': 5 }],
      Empty: `SELECT 'x' AS id, 'Empty' AS labels, 1 AS v WHERE false`,
    },
    relationships: {
      LINK: [link('l1', 'l1'), link('l1', 'r1'), link('r1', 'l1'), link('l2', 'o1')],
      NEVER: `SELECT 'x' AS source, 'y' AS target, 'NEVER' AS type WHERE false`,
    },
  };
}
