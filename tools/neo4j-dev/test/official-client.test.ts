// SPDX-License-Identifier: GPL-3.0-only
// The Flight endpoint is a faithful one when the official Python client loads graphs through it.
import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { useNeo4j } from '@graphshift/testkit';
import { beforeAll, beforeEach, expect, test } from 'vitest';

const PYTHON = process.env.GDS_PYTHON ?? process.env.PYTHON ?? 'python3';
const SCRIPT = fileURLToPath(new URL('official_client.py', import.meta.url));
const problem = clientProblem();
const neo4j = useNeo4j({ own: true, flight: {} });
let said: Record<string, unknown>;

function clientProblem(): string | undefined {
  try {
    execFileSync(PYTHON, ['-c', 'import pyarrow.flight, graphdatascience'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `NOT RUN: ${PYTHON} has no graphdatascience (pip install graphdatascience, or set GDS_PYTHON)`;
  }
}

beforeAll(async () => {
  if (problem || neo4j.problem) return;
  const args = [SCRIPT, String(neo4j.flight!.port), neo4j.password, neo4j.name('')];
  const { stdout } = await promisify(execFile)(PYTHON, args, { timeout: 110_000 });
  said = JSON.parse(stdout.trim().split('\n').at(-1)!);
});
beforeEach((context) => {
  if (problem) context.skip(problem);
});

const query = (database: string, statement: string) => neo4j.run(neo4j.name(database), statement);

test('counts what it was given, and refuses what the protocol refuses', () => {
  expect(said).toEqual({
    token: true,
    nodes: 2010,
    relationships: 1999,
    'string nodes': 3,
    'string relationships': 2,
    'tolerant nodes': 3,
    'tolerant relationships': 1,
    'create twice': expect.stringContaining('already exists'),
    'relationships too early': expect.stringContaining('is in phase NODES'),
    'create what is there': expect.stringContaining('already exists'),
    'abort twice': expect.stringContaining('not found'),
    'an end that is no node': expect.stringMatching(/99/),
    'wrong password': expect.stringContaining('FlightUnauthenticatedError'),
  });
});

test('the database of integer ids is online, with its labels, properties, indexes and paths', async () => {
  const [status] = await neo4j.run('system', 'SHOW DATABASES YIELD name, currentStatus WHERE name = $name', {
    name: neo4j.name('integers'),
  });
  expect(status?.currentStatus).toBe('online');
  expect(
    await query(
      'integers',
      `MATCH (a:A {key: 6})-[r:NEXT]->(b)
       RETURN a.name AS name, a.half AS half, labels(a) AS labels, r.since AS since, b.key AS next`,
    ),
  ).toEqual([{ name: 'n6', half: 3, labels: ['A', 'Even'], since: 2006, next: 7 }]);
  expect(await query('integers', 'MATCH (n:Even) RETURN count(*) AS n')).toEqual([{ n: 1000 }]);
  expect(await query('integers', 'MATCH (n:Tail {flag: true}) RETURN count(*) AS n')).toEqual([{ n: 10 }]);
  expect(
    await query('integers', "SHOW INDEXES YIELD type, state WHERE type = 'LOOKUP' AND state = 'ONLINE'"),
  ).toHaveLength(2);
  await query('integers', 'CREATE CONSTRAINT FOR (a:A) REQUIRE a.key IS UNIQUE');
  await query('integers', 'CREATE (:Written)');
});

test('the values of the other are what was sent', async () => {
  const [row] = await query(
    'strings',
    `MATCH (n {id: 'a'})-[r]->(m)
     RETURN n{.*, day: toString(n.day), zoned: toString(n.zoned), local: toString(n.local)} AS n, type(r) AS type,
       labels(m) AS labels`,
  );
  expect(row).toEqual({
    n: {
      id: 'a',
      small: 1,
      day: '2024-01-02',
      zoned: '2024-05-06T07:08:09Z[UTC]',
      local: '2024-05-06T00:00:00',
      numbers: [1, 2],
      words: ['p'],
      category: 'u',
      vector: [0.5, 1.5],
    },
    type: 'K',
    labels: expect.toSatisfy((labels: string[]) => labels.sort().join() === 'X,Y'),
  });
});

test('what was aborted or broken is not there', async () => {
  const names = await neo4j.run(
    'system',
    'SHOW DATABASES YIELD name WHERE name STARTS WITH $prefix RETURN name',
    {
      prefix: neo4j.name(''),
    },
  );
  expect(names.map(({ name }) => String(name).slice(neo4j.name('').length)).sort()).toEqual([
    'integers',
    'strings',
    'tolerant',
  ]);
  expect(await query('tolerant', 'MATCH (n) RETURN count(*) AS n')).toEqual([{ n: 2 }]);
});
