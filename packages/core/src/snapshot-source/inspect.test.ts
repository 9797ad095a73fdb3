import { rmSync, truncateSync, utimesSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GraphshiftError } from '../platform/errors.ts';
import { type Duck, openDuck } from './duckdb.ts';
import { type InspectOptions, inspectSnapshot } from './inspect.ts';
import {
  BROKEN_CODES,
  BROKEN_KINDS,
  breakSnapshot,
  type GroupContent,
  simulateSnapshot,
  writeSnapshot,
} from './simulate.ts';
import { labelsExpression, viewOf } from './views.ts';

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

describe('a whole snapshot', () => {
  it('gives groups, columns, rows and bytes, and leaves ids and views', async () => {
    const path = await write(
      {
        Person: [
          "SELECT 1 AS id, 'Person' AS labels, 'Ada' AS name",
          "SELECT 2 AS id, 'Admin, Person' AS labels, NULL::VARCHAR AS name",
        ],
        Company: "SELECT 'c1' AS key, ['Company'] AS kinds, [1.5, NULL] AS shares, 3 AS x LIMIT 1",
      },
      { KNOWS: "SELECT 1 AS a, 2 AS b, 'KNOWS' AS t, DATE '2020-01-01' AS since" },
    );
    const manifest = await inspect(path);
    expect(manifest.nodes.map(({ name, columns, rows }) => ({ name, columns, rows }))).toEqual([
      {
        name: 'Company',
        rows: 1,
        columns: [
          { name: 'key', type: 'VARCHAR' },
          { name: 'kinds', type: 'VARCHAR[]' },
          { name: 'shares', type: 'DECIMAL(2,1)[]' },
          { name: 'x', type: 'INTEGER' },
        ],
      },
      {
        name: 'Person',
        rows: 2,
        columns: [
          { name: 'id', type: 'INTEGER' },
          { name: 'labels', type: 'VARCHAR' },
          { name: 'name', type: 'VARCHAR' },
        ],
      },
    ]);
    expect(manifest.relationships.map(({ name, rows }) => [name, rows])).toEqual([['KNOWS', 1]]);
    expect(manifest.rows).toBe(4);
    const files = [...manifest.nodes, ...manifest.relationships].flatMap((group) => group.files);
    expect(manifest.bytes).toBe(files.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(manifest.contentHash).toMatch(/^[0-9a-f]{64}$/);
    expect(await duck.rows('SELECT id, label FROM snapshot_ids ORDER BY id')).toEqual([
      { id: '1', label: 1 },
      { id: '2', label: 1 },
      { id: 'c1', label: 0 },
    ]);
    const labels = labelsExpression({ name: 'labels', type: 'VARCHAR' });
    const rows = await duck.rows(
      `SELECT id, ${labels} AS labels, graphshift_row, graphshift_file FROM ${viewOf('nodes', 1)} ORDER BY id`,
    );
    expect(rows).toEqual([
      {
        id: 1,
        labels: ['Person'],
        graphshift_row: 1n,
        graphshift_file: join(path, 'nodes/Person/part-0.parquet'),
      },
      {
        id: 2,
        labels: ['Admin', 'Person'],
        graphshift_row: 1n,
        graphshift_file: join(path, 'nodes/Person/part-1.parquet'),
      },
    ]);
  });

  it('may have files, folders and groups without rows', async () => {
    const path = await write(
      { Person: [PERSON, `${PERSON} LIMIT 0`], Ghost: "SELECT 1 AS id, 'x' AS labels LIMIT 0" },
      { KNOWS: "SELECT 1 AS a, 2 AS b, 'KNOWS' AS t LIMIT 0" },
    );
    await mkdir(join(path, 'nodes/Nobody'));
    const manifest = await inspect(path);
    expect(
      manifest.nodes.map(({ name, rows, files }) => [name, rows, files.map((file) => file.rows)]),
    ).toEqual([
      ['Ghost', 0, [0]],
      ['Person', 1, [1, 0]],
    ]);
  });

  it('has a content hash of its paths and bytes, not of its times or its name', async () => {
    const one = await inspect(
      await simulateSnapshot(root, { customer: 'acme', timestamp: 1, nodes: 60, seed: 7 }),
    );
    const again = await simulateSnapshot(root, { customer: 'other', timestamp: 2, nodes: 60, seed: 7 });
    await utimes(join(again, 'nodes/Person/part-0.parquet'), 5, 5);
    const progress: number[] = [];
    const two = await inspect(again, { onProgress: ({ bytes }) => progress.push(bytes) });
    expect(two.contentHash).toBe(one.contentHash);
    expect(progress.at(-1)).toBe(two.bytes);
    await rename(join(again, 'nodes/Person/part-0.parquet'), join(again, 'nodes/Person/part-1.parquet'));
    expect((await inspect(again)).contentHash).not.toBe(one.contentHash);
    const three = await simulateSnapshot(root, { customer: 'acme', timestamp: 3, nodes: 60, seed: 8 });
    expect((await inspect(three)).contentHash).not.toBe(one.contentHash);
  });

  it('may have thousands of files in a group', async () => {
    const path = await write({
      Person: Array.from({ length: 1500 }, (_, i) => `SELECT ${i} AS id, 'Person' AS labels`),
    });
    const manifest = await inspect(path);
    expect(manifest.rows).toBe(1500);
    expect(manifest.nodes[0]?.files).toHaveLength(1500);
  });
});

describe('rows', () => {
  it('names nodes without an id', async () => {
    const path = await write({
      Person: "SELECT CASE WHEN i % 4 <> 2 THEN i END AS id, 'Person' AS labels FROM range(40) t(i)",
    });
    const error = await failure(path);
    expect(error.code).toBe('NODE_ID_MISSING');
    expect(error.message).toBe(
      `nodes/Person: 10 rows have no id: ${[3, 7, 11, 15, 19].map((row) => `nodes/Person/part-0.parquet row ${row}`).join('; ')}`,
    );
  });

  it('names ids that stand twice, over files and labels, text or number', async () => {
    const path = await write({
      Person: [
        "SELECT i AS id, 'Person' AS labels FROM range(5) t(i)",
        "SELECT i + 4 AS id, 'Person' AS labels FROM range(5) t(i)",
      ],
      Company: "SELECT unnest(['c', '7', 'o''x']) AS id, ['Company'] AS labels",
    });
    const error = await failure(path);
    expect(error.code).toBe('NODE_ID_DUPLICATE');
    expect(error.message).toBe(
      '2 node ids stand more than once: "4" in nodes/Person/part-0.parquet row 5, nodes/Person/part-1.parquet row 1; "7" in nodes/Company/part-0.parquet row 2, nodes/Person/part-1.parquet row 4',
    );
    expect(error.details).toMatchObject({ count: 2, ids: ['4', '7'] });
  });

  it.each([
    ["'Admin'", 'Admin'],
    ["'PersonX,person'", 'PersonX,person'],
    ["''", ''],
    ['NULL::VARCHAR', ''],
    ["['Admin', NULL]", 'Admin'],
    ['NULL::VARCHAR[]', ''],
  ])('refuses labels %s', async (labels, found) => {
    const path = await write({ Person: `SELECT 1 AS id, ${labels} AS labels` });
    const error = await failure(path);
    expect(error.code).toBe('NODE_LABEL');
    expect(error.message).toBe(
      `nodes/Person: one row has labels that lack "Person": nodes/Person/part-0.parquet row 1 (labels ${JSON.stringify(found)})`,
    );
  });

  it.each(["'Person'", "'Admin, Person'", "'Person,,Admin'", "['Admin', 'Person']"])(
    'takes labels %s',
    async (labels) => {
      expect((await inspect(await write({ Person: `SELECT 1 AS id, ${labels} AS labels` }))).rows).toBe(1);
    },
  );

  it('names relationships of another type', async () => {
    const path = await write(
      { Person: PERSON },
      { KNOWS: "SELECT 1 AS s, 1 AS t, unnest(['KNOWS', 'knows', NULL]) AS type" },
    );
    const error = await failure(path);
    expect(error.code).toBe('RELATIONSHIP_TYPE');
    expect(error.message).toBe(
      'relationships/KNOWS: 2 rows have a type other than "KNOWS": relationships/KNOWS/part-0.parquet row 2 (type "knows"); relationships/KNOWS/part-0.parquet row 3 (type null)',
    );
  });

  it('names ends that are no node, null ones too', async () => {
    const path = await write(
      { Person: PERSON, Company: "SELECT 'c' AS id, 'Company' AS labels" },
      {
        AT: "SELECT 1 AS s, 'c' AS t, 'AT' AS type",
        KNOWS: [
          "SELECT 1 AS s, 1 AS t, 'KNOWS' AS type",
          "SELECT unnest([1, 9, NULL]) AS s, unnest([1, 8, 1]) AS t, 'KNOWS' AS type",
        ],
      },
    );
    const error = await failure(path);
    expect(error.code).toBe('RELATIONSHIP_END');
    const file = 'relationships/KNOWS/part-1.parquet';
    expect(error.message).toBe(
      `relationships/KNOWS: 3 ends are no node of the snapshot: ${file} row 2 (source "9"); ${file} row 2 (target "8"); ${file} row 3 (source null)`,
    );
  });
});

describe('files', () => {
  it('names the one whose footer is damaged', async () => {
    const path = await write({
      Person: ["SELECT 1 AS id, 'Person' AS labels", "SELECT 2 AS id, 'Person' AS labels"],
    });
    const file = join(path, 'nodes/Person/part-1.parquet');
    const bytes = await readFile(file);
    bytes.fill(0xff, bytes.length - 120, bytes.length - 8);
    await writeFile(file, bytes);
    const error = await failure(path);
    expect(error.code).toBe('FILE_TRUNCATED');
    expect(error.message).toContain('nodes/Person/part-1.parquet has a footer that cannot be read');
  });

  it('names the one whose pages are damaged', async () => {
    const select = (start: number) => `SELECT i + ${start} AS id, 'Person' AS labels FROM range(50000) t(i)`;
    const path = await write({ Person: [select(0), select(50000)] });
    const file = join(path, 'nodes/Person/part-1.parquet');
    const bytes = await readFile(file);
    bytes.fill(0xff, 200, 40000);
    await writeFile(file, bytes);
    const error = await failure(path);
    expect(error.code).toBe('FILE_UNREADABLE');
    expect(error.message).toContain('nodes/Person/part-1.parquet: column "id" cannot be read');
    expect(error.message).not.toContain(base);
  });

  it('that change while they are read are an error of their own', async () => {
    const path = await simulateSnapshot(root, { customer: 'acme', timestamp: 1, nodes: 50 });
    let touched = false;
    const error = await failure(path, {
      onProgress: () => {
        if (!touched) utimesSync(join(path, 'relationships/KNOWS/part-0.parquet'), 5, 5);
        touched = true;
      },
    });
    expect(touched).toBe(true);
    expect(error.code).toBe('SNAPSHOT_CHANGED');
    expect(error.message).toContain('relationships/KNOWS/part-0.parquet changed');
  });

  it('that are cut while they are read count as changed, not as truncated', async () => {
    const path = await simulateSnapshot(root, { customer: 'acme', timestamp: 1, nodes: 50 });
    let touched = false;
    const error = await failure(path, {
      onProgress: () => {
        if (!touched) truncateSync(join(path, 'relationships/WORKS_AT/part-0.parquet'), 20);
        touched = true;
      },
    });
    expect(touched).toBe(true);
    expect(error.code).toBe('SNAPSHOT_CHANGED');
  });

  it('that go while they are read make the snapshot gone', async () => {
    const path = await simulateSnapshot(root, { customer: 'acme', timestamp: 1, nodes: 50 });
    let touched = false;
    const error = await failure(path, {
      onProgress: () => {
        if (!touched) rmSync(path, { recursive: true });
        touched = true;
      },
    });
    expect(touched).toBe(true);
    expect(error.code).toBe('SNAPSHOT_GONE');
    expect((await failure(path)).code).toBe('SNAPSHOT_GONE');
  });

  it('are left at once when the signal aborts', async () => {
    const path = await simulateSnapshot(root, {
      customer: 'acme',
      timestamp: 1,
      nodes: 2000,
      relationships: 200_000,
    });
    const stop = new AbortController();
    const error = await failure(path, { signal: stop.signal, onProgress: () => stop.abort() });
    expect(error.code).toBe('ABORTED');
    expect((await failure(path, { signal: AbortSignal.abort() })).code).toBe('ABORTED');
    // The same DuckDB goes on working.
    expect((await inspect(path)).relationships).toHaveLength(2);
  });
});

describe('broken on purpose', () => {
  it.each(BROKEN_KINDS)('%s', async (kind) => {
    const path = await simulateSnapshot(root, { customer: 'acme', timestamp: 1, nodes: 120 });
    expect((await inspect(path)).rows).toBe(120 + 3 + 360 + 120);
    await breakSnapshot(path, kind);
    const error = await failure(path);
    expect(error.code, error.message).toBe(BROKEN_CODES[kind]);
    expect(error.class).toBe('permanent');
    expect(error.message).toMatch(
      kind === 'empty' ? /nodes\/<Label>/ : /(nodes|relationships)\/\w+\/\S+\.parquet/,
    );
  });
});

describe('memory', () => {
  it('is bounded: three million ids pass within 64 MB', { timeout: 120_000 }, async () => {
    const path = await write(
      { Person: "SELECT i AS id, 'Person' AS labels FROM range(3000000) t(i)" },
      { KNOWS: "SELECT i AS s, 2999999 - i AS t, 'KNOWS' AS type FROM range(3000000) t(i)" },
    );
    duck.close();
    duck = await openDuck({ spillDirectory: join(base, 'spill'), memoryBytes: 64 * 1024 * 1024 });
    const manifest = await inspect(path);
    expect(manifest.rows).toBe(6_000_000);
    const [limit] = await duck.rows("SELECT current_setting('memory_limit') AS bytes");
    expect(limit?.bytes).toBe('64.0 MiB');
  });
});
