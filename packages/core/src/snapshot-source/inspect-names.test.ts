import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GraphshiftError } from '../platform/errors.ts';
import { type Duck, openDuck, quoteIdentifier } from './duckdb.ts';
import { type InspectOptions, inspectSnapshot } from './inspect.ts';
import { type GroupContent, writeSnapshot } from './simulate.ts';
import { viewOf } from './views.ts';

let base: string;
let root: string;
let duck: Duck;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'graphshift-inspect-'));
  root = join(base, 'root');
  duck = await openDuck({ spillDirectory: join(base, 'spill') });
});

afterEach(async () => {
  duck.close();
  await rm(base, { recursive: true, force: true });
});

type Groups = Record<string, GroupContent>;

const write = (nodes: Groups, relationships: Groups = {}) =>
  writeSnapshot(root, { customer: 'acme', timestamp: 1, nodes, relationships });

const inspect = (path: string, options: InspectOptions = {}) =>
  inspectSnapshot(duck, path, { root, ...options });

async function failure(path: string, options: InspectOptions = {}): Promise<GraphshiftError> {
  return inspect(path, options).then(
    () => expect.unreachable('the inspection passed'),
    (error: unknown) => error as GraphshiftError,
  );
}

const PERSON = "SELECT 1 AS id, 'Person' AS labels";

describe('names that are text of a query elsewhere', () => {
  const EVIL = [
    "it's",
    'a"b',
    'x;DROP TABLE snapshot_ids;--',
    'a*b',
    'a?b',
    'a[x]b',
    '[',
    'a\\b',
    '$1',
    'a=b',
    '{1,2}',
    'ü 漢',
  ];

  it('are only names, as labels, types, columns, files and values', async () => {
    const nodes: Groups = {};
    const relationships: Groups = {};
    for (const [index, name] of EVIL.entries()) {
      nodes[name] = [{ id: `${name}#`, labels: [name], [name]: name, n: index }];
      relationships[`${name} R`] = [
        { s: `${name}#`, t: `${EVIL[0]}#`, type: `${name} R`, [`${name}.`]: index },
      ];
    }
    // What the globs above would find beside their files.
    nodes.axb = [{ id: 'axb', labels: ['axb'] }];
    const path = await write(nodes, relationships);
    const manifest = await inspect(path);
    expect(manifest.nodes.map(({ name }) => name).sort()).toEqual([...EVIL, 'axb'].sort());
    for (const [index, { name, columns }] of manifest.nodes.entries()) {
      if (name === 'axb') continue;
      const rows = await duck.rows(`SELECT ${quoteIdentifier(name)} AS value FROM ${viewOf('nodes', index)}`);
      expect(rows).toEqual([{ value: name }]);
      expect(columns[2]?.name).toBe(name);
    }
  });

  it('are only paths as names of files', async () => {
    const names = [...EVIL, 'line\nbreak', 'back`tick'];
    const path = await write({ Person: names.map((_, id) => [{ id, labels: 'Person' }]) });
    const folder = join(path, 'nodes/Person');
    for (const [id, name] of names.entries())
      await rename(join(folder, `part-${id}.parquet`), join(folder, `${name}.parquet`));
    const manifest = await inspect(path);
    expect(manifest.nodes[0]?.files.map((file) => file.rows)).toEqual(names.map(() => 1));
    const rows = await duck.rows(`SELECT graphshift_file FROM ${viewOf('nodes', 0)} ORDER BY id`);
    expect(rows.map((row) => row.graphshift_file)).toEqual(
      names.map((name) => join(folder, `${name}.parquet`)),
    );
  });

  it('are named in errors as they are', async () => {
    const name = `o'"[*]?;`;
    const path = await write({ [name]: [{ id: name, labels: "x','y" }] });
    const error = await failure(path);
    expect(error.code).toBe('NODE_LABEL');
    expect(error.message).toContain(`nodes/${name}/part-0.parquet row 1 (labels "x','y")`);
  });

  it.each([
    ['a`b', 'has a back-tick'],
    ['a\nb', 'has a control character'],
    [' ', 'is empty'],
    ['ID', 'is what the store keeps the id'],
    ['Labels', 'is what the store keeps the id or the labels'],
    ['_ID', 'is reserved'],
    ['_label', 'is reserved'],
    ['file_row_number', 'is reserved'],
    ['Graphshift_File', 'is reserved'],
  ])('refuses a property %j, naming the file', async (name, why) => {
    const path = await write({
      Person: `SELECT 1 AS key, 'Person' AS l, 1 AS p1, 2 AS ${quoteIdentifier(name)}`,
    });
    const error = await failure(path);
    expect(error.code).toBe('COLUMN_NAME');
    expect(error.message).toContain(
      `nodes/Person/part-0.parquet, column 4 ${JSON.stringify(name)}: the name ${why}`,
    );
  });

  it('frees the name id where the store keeps the id elsewhere', async () => {
    const path = await write({ Person: "SELECT 1 AS key, 'Person' AS l, 1 AS id" });
    expect((await inspect(path, { idProperty: 'nodeId' })).rows).toBe(1);
    expect((await failure(path)).code).toBe('COLUMN_NAME');
  });
});

describe('columns', () => {
  it.each([['nodes/Person/part-0.parquet has only "id"; the labels column is missing', 'SELECT 1 AS id']])(
    'says %s',
    async (message, select) => {
      const error = await failure(await write({ Person: select }));
      expect(error.code).toBe('COLUMN_MISSING');
      expect(error.message).toContain(message);
    },
  );

  it('names the missing columns of relationships', async () => {
    const error = await failure(await write({ Person: PERSON }, { KNOWS: 'SELECT 1 AS a' }));
    expect(error.message).toContain(
      'relationships/KNOWS/part-0.parquet has only "a"; the target id and the type column is missing',
    );
  });

  it.each([
    ["SELECT 1.5::DOUBLE AS id, 'Person' AS labels", 'the id column "id" is DOUBLE'],
    ["SELECT 'a'::BLOB AS id, 'Person' AS labels", 'the id column "id" is BLOB'],
    ['SELECT 1 AS id, 2 AS labels', 'the labels column "labels" is INTEGER'],
    ['SELECT 1 AS id, [2] AS labels', 'the labels column "labels" is INTEGER[]'],
    [`${PERSON}, {a: 1} AS s`, 'the property "s" is STRUCT(a INTEGER)'],
    [`${PERSON}, MAP {'a': 1} AS m`, 'the property "m" is MAP(VARCHAR, INTEGER)'],
    ["SELECT 1 AS id, [['Person']] AS labels", 'the labels column "labels" is VARCHAR[][]'],
    [`${PERSON}, [[{a: 1}]] AS n`, 'the property "n" is STRUCT(a INTEGER)[][]'],
    [`${PERSON}, [{a: 1}] AS n`, 'the property "n" is STRUCT(a INTEGER)[]'],
    [`${PERSON}, INTERVAL 1 DAY AS i`, 'the property "i" is INTERVAL'],
  ])('refuses the types of %j', async (select, message) => {
    const error = await failure(await write({ Person: select }));
    expect(error.code).toBe('COLUMN_TYPE');
    expect(error.message).toContain(`nodes/Person/part-0.parquet: ${message}; it may be`);
  });

  it.each([
    [`${PERSON}, 1 AS a, 'x' AS b`, `${PERSON}, 'x' AS b, 2 AS a`, undefined],
    [`${PERSON}, 1 AS a`, `${PERSON}, 1::BIGINT AS a`, 'differ in column "a": INTEGER and BIGINT'],
    [`${PERSON}, 1 AS a`, PERSON, 'differ in column "a": INTEGER and there is none'],
    [PERSON, `${PERSON}, 1 AS a`, 'differ in column "a": there is none and INTEGER'],
    [`${PERSON}, 1 AS a`, `${PERSON}, 1 AS "A"`, 'differ in column "A": there is none and INTEGER'],
    [PERSON, "SELECT 'Person' AS labels, 'x' AS id", 'column 1 is "id" and "labels"'],
    [PERSON, "SELECT '2' AS id, 'Person' AS labels", 'differ in column "id": INTEGER and VARCHAR'],
  ])('compares %j with %j', async (one, other, message) => {
    const path = await write({ Person: [one, `${other.replace('SELECT 1 AS id', 'SELECT 2 AS id')}`] });
    if (message === undefined) {
      await inspect(path);
      const rows = await duck.rows(`SELECT id, a, b FROM ${viewOf('nodes', 0)} ORDER BY id`);
      expect(rows).toEqual([
        { id: 1, a: 1, b: 'x' },
        { id: 2, a: 2, b: 'x' },
      ]);
      return;
    }
    const error = await failure(path);
    expect(error.code).toBe('SCHEMA_MIXED');
    expect(error.message).toContain('nodes/Person/part-0.parquet and nodes/Person/part-1.parquet');
    expect(error.message).toContain(message);
  });
});
