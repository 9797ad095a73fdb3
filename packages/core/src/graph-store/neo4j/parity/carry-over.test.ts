import { useNeo4j } from '@graphshift/testkit';
import type { Driver } from 'neo4j-driver';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CarryOverRequest } from '../../graph-store.ts';
import { MARK_LABEL } from '../load-mark.ts';
import { carryOver } from './carry-over.ts';

const server = useNeo4j();
const SETTINGS = { indexTimeoutMs: 120_000 };
const [LIVE, NEXT] = [server.name('acme-100'), server.name('acme-200')];

let driver: Driver;
beforeAll(async () => {
  if (server.problem) return;
  driver = server.driver();
  for (const name of [LIVE, NEXT]) await server.run('system', 'CREATE DATABASE $name WAIT', { name });
});

/** The new database as a loader leaves it: rows, its mark, and a constraint of its own on each label's id. */
beforeEach(async () => {
  if (server.problem) return;
  for (const name of [LIVE, NEXT]) {
    for (const { kind, item } of await schemaOf(name))
      if (!item.startsWith('index_'))
        await server.run(name, `DROP ${kind} \`${item.replaceAll('`', '``')}\` IF EXISTS`);
    await server.run(name, 'MATCH (n) DETACH DELETE n');
  }
  await server.run(NEXT, 'CREATE CONSTRAINT loaded FOR (p:Person) REQUIRE p.id IS UNIQUE');
  await server.run(NEXT, `CREATE CONSTRAINT _graphshift_load FOR (m:${MARK_LABEL}) REQUIRE m.key IS UNIQUE`);
  await server.run(
    NEXT,
    `CREATE (:${MARK_LABEL} {key: 'load', customer: 'acme', run: 1, epoch: 7, sealed: true})`,
  );
  await server.run(
    NEXT,
    "UNWIND range(1, 50) AS i CREATE (:Person {id: i, name: 'p' + i, team: i % 2})-[:KNOWS {since: i}]->(:City)",
  );
});

async function schemaOf(database: string): Promise<{ kind: string; item: string }[]> {
  const constraints = await server.run(database, 'SHOW CONSTRAINTS YIELD name');
  const indexes = await server.run(
    database,
    'SHOW INDEXES YIELD name, owningConstraint WHERE owningConstraint IS NULL',
  );
  return [
    ...constraints.map(({ name }) => ({ kind: 'CONSTRAINT', item: String(name) })),
    ...indexes.map(({ name }) => ({ kind: 'INDEX', item: String(name) })),
  ];
}

const namesOf = async (database: string) => (await schemaOf(database)).map(({ item }) => item);
const carry = (request: Partial<CarryOverRequest>) =>
  carryOver(driver, NEXT, { epoch: 7, ...request }, SETTINGS);
const file = (...texts: string[]) =>
  texts.map((text, index) => ({ file: 'schema.cypher', line: index + 1, text }));

const LIVE_SCHEMA = [
  'CREATE INDEX person_name FOR (p:Person) ON (p.name, p.`first name`)',
  'CREATE TEXT INDEX person_text FOR (p:Person) ON (p.name)',
  'CREATE POINT INDEX city_place FOR (c:City) ON (c.place) OPTIONS {indexConfig: {`spatial.cartesian.min`: [-7.0, -7.0]}}',
  "CREATE FULLTEXT INDEX people FOR (n:Person|City) ON EACH [n.name] OPTIONS {indexConfig: {`fulltext.analyzer`: 'english'}}",
  "CREATE VECTOR INDEX alike FOR (p:Person) ON (p.v) OPTIONS {indexConfig: {`vector.dimensions`: 3, `vector.similarity_function`: 'cosine'}}",
  'CREATE INDEX since FOR ()-[k:KNOWS]-() ON (k.since)',
  'CREATE CONSTRAINT person_id FOR (p:Person) REQUIRE p.id IS UNIQUE',
  'CREATE CONSTRAINT `odd ``name` FOR (c:`a city`) REQUIRE (c.`x y`, c.z) IS UNIQUE',
  'CREATE INDEX trap FOR (n:`back\\u005Cu0060slash`) ON (n.a)',
];

describe('carryOver from the live database', () => {
  it('makes every kind of index and constraint, awaited, and again without a change', async () => {
    for (const statement of LIVE_SCHEMA) await server.run(LIVE, statement);
    await server.run(
      LIVE,
      `CREATE CONSTRAINT _graphshift_load FOR (m:${MARK_LABEL}) REQUIRE m.key IS UNIQUE`,
    );
    // The two token indexes of every database count.
    expect(await carry({ from: LIVE })).toEqual({ indexes: 9, constraints: 2, privileges: 0, notes: [] });
    const names = await namesOf(NEXT);
    // The loader's constraint stands for the live one's, and the loader's own is not the live database's business.
    expect(names.filter((name) => !name.startsWith('index_')).sort()).toEqual(
      [
        '_graphshift_load',
        'alike',
        'city_place',
        'loaded',
        'odd `name',
        'people',
        'person_name',
        'person_text',
        'since',
        'trap',
      ].sort(),
    );
    const [row] = await server.run(
      NEXT,
      "SHOW INDEXES YIELD name, options, labelsOrTypes, state WHERE state <> 'ONLINE' RETURN count(*) AS waiting",
    );
    expect(row).toEqual({ waiting: 0 });
    const [trap] = await server.run(
      NEXT,
      "SHOW INDEXES YIELD name, labelsOrTypes WHERE name = 'trap' RETURN labelsOrTypes",
    );
    expect(trap?.labelsOrTypes).toEqual(['back\\u0060slash']);
    await server.run(NEXT, "CALL db.index.fulltext.queryNodes('people', 'p7') YIELD node RETURN node");
    expect(await carry({ from: LIVE })).toMatchObject({ indexes: 9, constraints: 2 });
    expect((await namesOf(NEXT)).sort()).toEqual(names.sort());
  });

  it('names a constraint that the new data violate, and why', async () => {
    await server.run(LIVE, 'CREATE CONSTRAINT one_a_team FOR (p:Person) REQUIRE p.team IS UNIQUE');
    await expect(carry({ from: LIVE })).rejects.toMatchObject({
      code: 'PARITY',
      class: 'permanent',
      message: expect.stringMatching(
        /^constraint one_a_team \(UNIQUENESS\) of .*acme-100 cannot be made in the new database: .*`team`/,
      ),
    });
  });

  it('names an index that has another one in its place', async () => {
    await server.run(LIVE, 'CREATE INDEX taken FOR (p:Person) ON (p.name)');
    await server.run(NEXT, 'CREATE INDEX taken FOR (c:City) ON (c.name)');
    await expect(carry({ from: LIVE })).rejects.toMatchObject({
      code: 'PARITY',
      message: expect.stringContaining('range index taken of'),
    });
  });

  it('goes on where a worker was killed, beside another that is not dead yet', async () => {
    for (const statement of LIVE_SCHEMA) await server.run(LIVE, statement);
    const stop = new AbortController();
    const first = carry({ from: LIVE, signal: stop.signal });
    const results = await Promise.allSettled([first, carry({ from: LIVE }), carry({ from: LIVE })]);
    stop.abort();
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    await expect(carry({ from: LIVE, signal: stop.signal })).rejects.toBe(stop.signal.reason);
    expect(await carry({ from: LIVE })).toMatchObject({ indexes: 9, constraints: 2 });
  });

  it('is refused under an epoch that is over', async () => {
    await server.run(LIVE, 'CREATE INDEX late FOR (p:Person) ON (p.name)');
    await expect(carry({ from: LIVE, epoch: 6 })).rejects.toMatchObject({ code: 'FENCED' });
    expect(await namesOf(NEXT)).not.toContain('late');
  });
});

describe('carryOver by schema.cypher', () => {
  it('makes what it says and nothing of the live database, twice without a change', async () => {
    await server.run(LIVE, 'CREATE INDEX of_live FOR (p:Person) ON (p.name)');
    const statements = file(
      'CREATE INDEX mine IF NOT EXISTS FOR (p:Person) ON (p.name)',
      'CREATE CONSTRAINT person_id FOR (p:Person) REQUIRE p.id IS UNIQUE',
      'CREATE FULLTEXT INDEX people FOR (p:Person) ON EACH [p.name]',
    );
    expect(await carry({ from: LIVE, statements })).toMatchObject({ indexes: 2, constraints: 1 });
    expect(await carry({ from: LIVE, statements })).toMatchObject({ indexes: 2, constraints: 1 });
    const names = await namesOf(NEXT);
    expect(names).toEqual(expect.arrayContaining(['mine', 'people', 'loaded']));
    expect(names).not.toContain('of_live');
  });

  it.each([
    ['CREATE INDEX FOR (p:Person) ON p.name,', 'Invalid input'],
    ['CREATE CONSTRAINT c FOR (p:Person) REQUIRE p.team IS UNIQUE', '`team`'],
    ['CREATE CONSTRAINT loaded FOR (p:Person) REQUIRE p.name IS UNIQUE', "called 'loaded'"],
  ])('names %s with its line and the reason', async (text, reason) => {
    await expect(
      carry({ statements: file('CREATE INDEX FOR (c:City) ON (c.a)', text) }),
    ).rejects.toMatchObject({
      code: 'PARITY',
      message: expect.stringContaining(`schema.cypher, line 2: ${text}`) && expect.stringContaining(reason),
    });
  });

  it('runs none where one may not stand there', async () => {
    const statements = file('CREATE INDEX early FOR (p:Person) ON (p.name)', 'MATCH (n) DETACH DELETE n');
    await expect(carry({ statements })).rejects.toMatchObject({ code: 'SCHEMA_INVALID' });
    expect(await namesOf(NEXT)).not.toContain('early');
  });
});
