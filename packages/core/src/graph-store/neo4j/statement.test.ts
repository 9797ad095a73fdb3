import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rejects } from '../../../../testkit/src/rejects.ts';
import { quoteName } from './names.ts';
import { accessOf } from './options.ts';
import { isoOf } from './result-values.ts';
import { judgePlan, readingStatement } from './statement.ts';

const refused = (text: string) =>
  rejects(
    Promise.resolve().then(() => readingStatement(text)),
    'QUERY_REFUSED',
  );

describe('readingStatement', () => {
  it.each([
    'MATCH (n) RETURN n',
    'MATCH (n:Set)-[:LOAD|USE]->(m) RETURN n.create, m.`delete`;',
    'MATCH (n) CALL (n) { RETURN n AS m } RETURN m',
    'RETURN "a;b // c" AS v',
    "RETURN 'it''s' AS v",
    'WITH 1 AS x RETURN x',
  ])('takes %s', (text) => {
    expect(readingStatement(text)).toBe(text.replace(/;$/, ''));
  });

  it.each([
    'USE system MATCH (n) RETURN n',
    'RETURN 1 AS x UNION USE other MATCH (n) RETURN n AS x',
    "LOAD CSV FROM 'http://127.0.0.1/' AS x RETURN x",
    "WITH 1 AS y LOAD CSV FROM 'file:///etc/passwd' AS x RETURN x",
    'MATCH (n) FOREACH (x IN [1] | SET n.x = 1)',
    'MATCH (n) INSERT (m) RETURN n',
    'SHOW DATABASES',
    'EXPLAIN MATCH (n) RETURN n',
    'CYPHER runtime=slotted MATCH (n) RETURN n',
    'CALL dbms.listConfig()',
    'RETURN 1; RETURN 2',
    'RETURN "unclosed',
    // The server reads these as a quote, a line end and a word.
    String.raw`RETURN '\u0027 AS x USE system RETURN 1 //'`,
    String.raw`RETURN "\uu0022 AS x"`,
    String.raw`RETURN 1 AS x UNION \u0055SE system RETURN 1 AS x`,
    String.raw`MATCH (n:\u0060a) RETURN n`,
    '',
    '// nothing',
  ])('refuses %s', async (text) => {
    await refused(text);
  });

  it('sends no comment, so that a character written as \\u… in one ends nothing', () => {
    expect(readingStatement(String.raw`RETURN 1 AS x // \u000a USE system`)).toBe('RETURN 1 AS x');
    expect(readingStatement(String.raw`RETURN /* \u002a/ CREATE () */ 1 AS x`)).toBe('RETURN   1 AS x');
  });
});

it('judges by the plan what the text does not show', () => {
  const plan = (operatorType: string, Details = '') => ({
    operatorType,
    identifiers: [],
    arguments: { Details },
    children: [{ operatorType: 'Argument', identifiers: [], arguments: {}, children: [] }],
  });
  const judged =
    (one: ReturnType<typeof plan>, type = 'r') =>
    () =>
      judgePlan(one as never, type);
  expect(judged(plan('ProcedureCall@neo4j', 'db.labels() :: (label :: STRING)'))).not.toThrow();
  expect(judged(plan('ProcedureCall@neo4j', 'dbms.killConnections($x) :: ()'))).toThrow(/killConnections/);
  expect(judged(plan('ProcedureCall@neo4j', 'apoc.load.json($x) :: ()'))).toThrow(/apoc/);
  expect(judged(plan('LoadCSV@neo4j'))).toThrow(/LOAD CSV/);
  expect(judged(plan('Create@neo4j'), 'w')).toThrow(/more than read/);
});

it('quotes any name, so that it ends where it ends', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (name) => {
      if (/\0|\\u/i.test(name)) return expect(() => quoteName(name)).toThrow();
      const quoted = quoteName(name);
      expect(quoted.slice(1, -1).replaceAll('``', '')).not.toContain('`');
      expect(quoted.slice(1, -1).replaceAll('``', '`')).toBe(name);
      return undefined;
    }),
  );
});

it.each([
  ['2001-02-03T04:05:06.123456000', '2001-02-03T04:05:06.123456'],
  ['2001-02-03T04:05:06.500000000Z', '2001-02-03T04:05:06.500Z'],
  ['12:34:56', '12:34:56'],
  ['12:34:56.000000000', '12:34:56'],
])('writes %s as %s', (text, wanted) => {
  expect(isoOf(text)).toBe(wanted);
});

it.each([
  ['neo4j://neo4j:hunter2@db.example:7687', 'carries a user name or password'],
  ['neo4j://neo4j:a/hunter2@db.example:7687', 'must name a host'],
  ['http://db.example', 'must begin with neo4j://'],
  ['neo4j://', 'must name a host'],
])('refuses the address %s without saying a password', async (url, problem) => {
  const error = await rejects(
    Promise.resolve().then(() => accessOf({ url })),
    'CONFIG_INVALID',
  );
  expect(error.message).toContain(problem);
  expect(error.message).not.toContain('hunter2');
});
