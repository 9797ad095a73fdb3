/** What the embedded store does beyond the contract of every store. */

import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSnapshotRoot, rejects, type SnapshotContent, type SnapshotRoot } from '@graphshift/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GraphshiftError } from '../../platform/errors.ts';
import { refuseMismatch } from '../certify.ts';
import type { GraphStore } from '../graph-store.ts';
import { parseCsv } from './exact-values.ts';
import { openAliasReader } from './reader.ts';
import { readingStatement } from './statement.ts';
import { createEmbeddedStore } from './store.ts';
import { isoOf } from './values.ts';

describe('embedded store', () => {
  let directory: string;
  let store: GraphStore;
  let root: SnapshotRoot;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'graphshift-embedded-'));
    store = createEmbeddedStore({ directory });
    root = await makeSnapshotRoot();
    await store.start();
  });

  afterEach(async () => {
    await store.stop();
    await rm(directory, { recursive: true, force: true });
    await root.remove();
  });

  const open = async (content: SnapshotContent, epoch = 1) => {
    const { customer, timestamp } = content;
    return store.openLoad({ customer, timestamp, run: 1, epoch, path: await root.write(content) });
  };
  const deploy = async (content: SnapshotContent) => {
    const load = await open(content);
    await load.check();
    await load.nodes();
    await load.relationships();
    const { database } = await load.seal();
    await store.unmark(database, 1);
    return database;
  };
  const point = async (database: string, epoch = 1) => {
    const properties = { epoch, snapshot: 1, contentHash: '', since: '' };
    await (await store.prepareAlias({ customer: 'acme', database, properties })).fire();
  };

  it('survives its loader being killed, and removes what it built', async () => {
    const load = await open(content(1, 20_000));
    await load.check();
    const nodes = rejects(load.nodes(), 'LOADER_DIED');
    for (const pid of loaders()) process.kill(pid, 'SIGKILL');
    const error = await nodes;
    expect(error.message).toContain('SIGKILL');
    await load.abort();
    expect(await readdir(join(directory, 'databases'))).toEqual([]);
  });

  it('gives long-lived readers the new database after a move, and lets them finish on the old one', async () => {
    const [one, two] = [await deploy(content(1, 10)), await deploy(content(2, 20))];
    await point(one);
    const reader = await openAliasReader(directory, 'acme');
    const count = 'MATCH (n:N) RETURN count(*) AS n';
    expect(await reader.query(count)).toMatchObject({ database: one, rows: [{ n: 10 }] });
    const running = reader.query('MATCH (n:N), (m:N) RETURN count(*) AS n');
    await point(two);
    await (await store.prepareDrop('acme', one, 1)).fire();
    expect(await running).toMatchObject({ database: one, rows: [{ n: 100 }] });
    expect(await reader.query(count)).toMatchObject({ database: two, rows: [{ n: 20 }] });
    await rejects(reader.query('COPY (RETURN 1) TO "x.csv"'), 'QUERY_REFUSED');
    await reader.close();
    await reader.close();
    await rejects(reader.query(count), 'ABORTED');
    await rejects(openAliasReader(directory, 'nobody'), 'NOT_FOUND');
  });

  it('is shared by two stores, one of which takes over from the other', async () => {
    const other = createEmbeddedStore({ directory });
    await other.start();
    const database = await deploy(content(1, 10));
    const properties = { epoch: 1, snapshot: 1, contentHash: '', since: '' };
    const prepared = await store.prepareAlias({ customer: 'acme', database, properties });
    expect(await other.takeOver('acme', 2)).toBeUndefined();
    await rejects(prepared.fire(), 'FENCED');
    await rejects(open(content(2, 1), 1), 'FENCED');
    expect(await other.alias('acme')).toBeUndefined();
    await other.stop();
  });

  it('cannot seal a build that a newer holder dropped', async () => {
    const load = await open(content(1, 10));
    await load.check();
    await load.nodes();
    await load.relationships();
    const [build] = (await store.list()).databases;
    await (await store.prepareDrop('acme', build?.name ?? '', 2)).fire();
    await expect(load.seal()).rejects.toThrow();
    await load.abort();
    expect((await store.list()).databases).toEqual([]);
  });

  it.each<[string, string, Partial<SnapshotContent>, string]>([
    ['a label and a type that differ in case', 'NAME_INVALID', { relationships: { n: link('n') } }, 'case'],
    [
      'labels that differ in case',
      'NAME_INVALID',
      { nodes: { N: [node('N')], n: [{ ...node('n'), id: 'b' }] } },
      'case',
    ],
    ['a dot in a label', 'NAME_INVALID', { nodes: { 'a.b': [node('a.b')] } }, 'dot'],
    ['a back-tick in a type', 'NAME_INVALID', { relationships: { 'a`b': link('a`b') } }, 'back-tick'],
    ['a reserved property', 'COLUMN_NAME', { nodes: { N: [{ ...node('N'), _ID: 1 }] } }, '_ID'],
    [
      'a property like the labels',
      'COLUMN_NAME',
      { nodes: { N: "SELECT 'a' AS id, 'N' AS kind, 1 AS Labels" } },
      'Labels',
    ],
    [
      'an endless time',
      'COLUMN_TYPE',
      { nodes: { N: "SELECT 'a' AS id, 'N' AS labels, 'infinity'::TIMESTAMP AS t" } },
      'infinity',
    ],
    [
      'a time before Christ',
      'COLUMN_TYPE',
      { nodes: { N: "SELECT 'a' AS id, 'N' AS labels, DATE '0044-03-15 (BC)' AS ides" } },
      '(BC)',
    ],
    [
      'no rows at all',
      'SNAPSHOT_EMPTY',
      { nodes: { N: "SELECT 'a' AS id, 'N' AS labels WHERE false" } },
      'row',
    ],
  ])('refuses %s', async (_, code, change, message) => {
    const load = await open({ customer: 'acme', timestamp: 1, nodes: { N: [node('N')] }, ...change });
    const error = await load
      .check()
      .then(() => load.nodes())
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect((error as Error).message).toContain(message);
    await load.abort();
  });

  it('is unfit where its directory cannot be used, and says so when it is gone', async () => {
    await writeFile(join(directory, 'file'), '');
    await rejects(createEmbeddedStore({ directory: join(directory, 'file') }).start(), 'STORE_UNFIT');
    // Nothing can be made there, not even by root.
    await rejects(createEmbeddedStore({ directory: '/proc/nothing/store' }).start(), 'STORE_UNFIT');
    await rm(directory, { recursive: true });
    expect(await store.health()).toMatchObject({ reachable: false, writable: false });
  });

  it.each([
    ['is not there, as while its disk is not mounted', (path: string) => rm(path, { recursive: true })],
    ['cannot be read', (path: string) => rm(path, { recursive: true }).then(() => writeFile(path, ''))],
  ])('does not pass for an empty store where its directory %s', async (_, spoil) => {
    await spoil(directory);
    const questions = [
      () => store.list(),
      () => store.list({ customer: 'acme' }),
      () => store.alias('acme'),
      () => store.epochFloor('acme'),
      () => store.takeOver('acme', 9),
    ];
    for (const ask of questions) await rejects(ask(), 'STORE_UNREACHABLE');
  });

  it('is not made anew where it was in use before', async () => {
    await rm(directory, { recursive: true });
    const { message } = await rejects(store.start({ used: true }), 'STORE_UNREACHABLE');
    expect(message).toContain('is its disk mounted?');
    expect(message).toContain(
      `make ${join(directory, 'databases')} and ${join(directory, 'aliases')} by hand`,
    );
    await rejects(store.list(), 'STORE_UNREACHABLE');
    for (const area of ['databases', 'aliases']) await mkdir(join(directory, area), { recursive: true });
    await store.start({ used: true });
    expect(await store.list()).toEqual({ databases: [], aliases: [] });
  });

  it('reports an alias that somebody broke instead of guessing', async () => {
    await symlink('../cutovers/acme/1.ff', join(directory, 'aliases', 'acme'));
    await rejects(store.alias('acme'), 'STORE_UNFIT');
  });
});

describe('certificate', () => {
  const whole = { name: 'N', footers: 3, read: 3, sent: 3, acknowledged: 3, counted: 3 };

  it.each(['footers', 'read', 'sent', 'acknowledged', 'counted'] as const)(
    'refuses a row too few %s',
    (station) => {
      expect(() => refuseMismatch([whole])).not.toThrow();
      try {
        refuseMismatch([whole, { ...whole, name: 'M', [station]: 2 }]);
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(GraphshiftError);
        expect(error).toMatchObject({ code: 'CERTIFICATE', details: { name: 'M', [station]: 2 } });
      }
    },
  );
});

describe('reading statements', () => {
  it.each([
    'MATCH (n:Load)-[r:CREATE|SET]->(m) RETURN n.copy, m.set AS x',
    'match (n) where n.name = "DROP TABLE x; CALL y" return n',
    'MATCH (n:`CREATE`) RETURN n.`set`',
    'OPTIONAL MATCH (n) RETURN n',
    'UNWIND [1, 2] AS x RETURN x UNION RETURN 3 AS x',
    "RETURN 'it\\'s' AS created, 1 AS settled",
  ])('takes %s', (statement) => {
    expect(readingStatement(statement)).toBe(statement);
  });

  it('sends what it judged: without comments and the last semicolon', () => {
    expect(readingStatement("MATCH (n) // it's\n/* ; */ RETURN n ; ")).toBe('MATCH (n)  \n  RETURN n');
  });
});

describe('text of the store', () => {
  it('reads CSV with quotes, line breaks and empty fields', () => {
    expect(parseCsv('1,"a,""b""\nc",\n,x,""\n')).toEqual([
      ['1', 'a,"b"\nc', ''],
      ['', 'x', ''],
    ]);
    expect(parseCsv('')).toEqual([]);
  });

  it.each([
    ['2001-02-03 04:05:06', '2001-02-03T04:05:06'],
    ['2001-02-03 04:05:06.5', '2001-02-03T04:05:06.500'],
    ['2001-02-03 04:05:06.0000010', '2001-02-03T04:05:06.000001'],
    ['2001-02-03 04:05:06.123456+00', '2001-02-03T04:05:06.123456Z'],
  ])('gives %s as %s', (text, iso) => {
    expect(isoOf(text)).toBe(iso);
  });
});

function content(timestamp: number, nodes: number): SnapshotContent {
  const rows = `SELECT 'n' || i AS id, 'N' AS labels, i AS v FROM range(${nodes}) t(i)`;
  return { customer: 'acme', timestamp, nodes: { N: rows } };
}

function node(label: string) {
  return { id: 'a', labels: label };
}

function link(type: string) {
  return [{ source: 'a', target: 'a', type }];
}

/** Loading processes of this one. */
function loaders(): number[] {
  const children = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], {
    encoding: 'utf8',
  });
  return children
    .split('\n')
    .filter((line) => line.includes('load-child'))
    .map((line) => Number.parseInt(line, 10));
}
