import { describe, expect, it } from 'vitest';
import { parseSchemaFile } from './schema.ts';
import { parseSchemaStatement } from './schema-statement.ts';

describe('a statement of schema.cypher', () => {
  it.each([
    ['CREATE INDEX FOR (n:P) ON (n.a)', { kind: 'index', type: 'RANGE', key: false }],
    ['create text index t IF NOT EXISTS for (n:P) on (n.a)', { kind: 'index', type: 'TEXT', name: 't' }],
    ['CREATE FULLTEXT INDEX `a ``b` FOR (n:P|Q) ON EACH [n.a]', { type: 'FULLTEXT', name: 'a `b' }],
    ['CREATE LOOKUP INDEX FOR (n) ON EACH labels(n)', { type: 'LOOKUP' }],
    ['CREATE CONSTRAINT c FOR (n:P) REQUIRE n.a IS UNIQUE', { kind: 'constraint', name: 'c', key: false }],
    [
      'CREATE CONSTRAINT FOR ()-[r:R]-() REQUIRE (r.a) IS RELATIONSHIP KEY',
      { kind: 'constraint', key: true },
    ],
    ['CREATE CONSTRAINT `KEY` FOR (n:P) REQUIRE n.a IS :: STRING', { key: false, name: 'KEY' }],
  ])('may be %s', (text, found) => {
    expect(parseSchemaStatement(text)).toMatchObject(found);
  });

  it('is run without IF NOT EXISTS, so that the server says what is there', () => {
    const { bare } = parseSchemaStatement(
      "CREATE INDEX x\nIF NOT EXISTS FOR (n:`IF NOT EXISTS`) ON (n.a) OPTIONS {a: 'IF NOT EXISTS'}",
    ) as { bare: string };
    expect(bare).toBe("CREATE INDEX x\n FOR (n:`IF NOT EXISTS`) ON (n.a) OPTIONS {a: 'IF NOT EXISTS'}");
  });

  it.each([
    'DROP INDEX x',
    'MATCH (n) DETACH DELETE n',
    'CREATE (n:P)',
    'CREATE OR REPLACE DATABASE neo4j',
    'CREATE DATABASE x',
    'CREATE USER u SET PASSWORD "x"',
    'CREATE BTREE INDEX FOR (n:P) ON (n.a)',
    'CREATE CONSTRAINT ON (n:P) ASSERT n.a IS UNIQUE',
    'CREATE TEXT CONSTRAINT FOR (n:P) REQUIRE n.a IS UNIQUE',
    'USE other CREATE INDEX FOR (n:P) ON (n.a)',
    '`CREATE` INDEX FOR (n:P) ON (n.a)',
    'CREATE INDEX $name FOR (n:P) ON (n.a)',
    'CREATE INDEX FOR (n:_GraphshiftChunk) ON (n.a)',
  ])('may not be %s', (text) => {
    expect(parseSchemaStatement(text)).toContain(text);
  });
});

it('a file with bad statements names each of them, with its line', () => {
  const statements = ['DROP INDEX x', 'CREATE INDEX FOR (n:P) ON (n.a)', 'RETURN 1'].map((text, index) => ({
    file: 'schema.cypher',
    line: index + 1,
    text,
  }));
  expect(() => parseSchemaFile(statements)).toThrow(
    /^schema.cypher, line 1: DROP INDEX x is not allowed; it may be CREATE .*; schema.cypher, line 3: RETURN 1 is not allowed/,
  );
});
