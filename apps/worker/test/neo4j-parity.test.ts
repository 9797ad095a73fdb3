/** Verify, bake and rollback on a real Neo4j, by a worker: what readers of the live database rely on comes along. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FencedChanges, type GraphStore, Retention } from '@graphshift/core';
import { rejects, useNeo4j } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Upkeep } from '../src/upkeep/upkeep.ts';
import { openSystem, type System } from './system.ts';

const server = useNeo4j();
const customer = server.name('acme');
const [FIRST, SECOND, THIRD] = [1_700_000_000, 1_700_000_100, 1_700_000_200] as const;
/** Three deployments and a rollback, on a machine that may be busy. */
const PATIENT_MS = 400_000;
const PEOPLE = (most: number) => `MATCH (p:Person) RETURN count(p) <= ${most};\n`;

let system: System;
beforeAll(async () => {
  if (server.problem) return;
  system = await openSystem({
    'store.url': server.url,
    'store.username': server.user,
    'store.password': server.password,
    'store.bookkeeping_database': server.name('books'),
    'orchestrator.bake_seconds': 3600,
    'orchestrator.retention': 3,
    // What the server's heap is at says nothing here, and others share it.
    'orchestrator.heap_threshold_percent': 100,
  });
  await system.work();
});
afterAll(() => system?.stop());

async function drop(
  timestamp: number,
  nodes: number,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const path = await system.write(customer, timestamp, nodes);
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return system.discover(customer, timestamp);
}

const namesOf = async (timestamp: number, what: 'INDEXES' | 'CONSTRAINTS') => {
  const state = what === 'INDEXES' ? "WHERE state = 'ONLINE'" : '';
  const rows = await server.run(`${customer}-${timestamp}`, `SHOW ${what} YIELD * ${state} RETURN name`);
  return rows.map(({ name }) => name);
};

it(
  'takes what schema.cypher says, then what the live database has, and moves back when a smoke query fails',
  async () => {
    const schema = 'CREATE INDEX by_name IF NOT EXISTS FOR (p:Person) ON (p.name);';
    await system.reaches(
      await drop(FIRST, 20, { 'verify.cypher': PEOPLE(25), 'schema.cypher': schema }),
      'live',
    );
    expect(await namesOf(FIRST, 'INDEXES')).toContain('by_name');
    // Somebody helps the readers of the live database.
    const live = `${customer}-${FIRST}`;
    await server.run(live, 'CREATE FULLTEXT INDEX people FOR (p:Person) ON EACH [p.name]');
    await server.run(live, 'CREATE CONSTRAINT one_of_each FOR (c:Company) REQUIRE c.name IS UNIQUE');

    const proven = system.holdAt('verify.proven');
    const second = await drop(SECOND, 21, { 'verify.cypher': PEOPLE(25) });
    await proven.reached;
    // And once more, between the look of verify and the cutover.
    await server.run(live, 'CREATE INDEX late FOR (p:Person) ON (p.serial)');
    proven.release();
    await system.reaches(second, 'live');
    expect(await namesOf(SECOND, 'INDEXES')).toEqual(expect.arrayContaining(['by_name', 'people', 'late']));
    expect((await namesOf(SECOND, 'INDEXES')).filter((name) => /graphshift/i.test(String(name)))).toEqual([]);
    expect(await namesOf(SECOND, 'CONSTRAINTS')).toContain('one_of_each');
    expect(await system.people(customer)).toBe(21);

    await writeFile(join(system.installation.data, customer, String(SECOND), 'verify.cypher'), PEOPLE(20));
    const left = await system.reaches(second, 'rolled-back');
    expect(left.reason).toContain(`rolled back to ${live}`);
    const alias = await system.backend.store.alias(customer);
    expect(alias?.properties.holds).toMatchObject([
      { timestamp: SECOND, reason: expect.stringContaining('verify.cypher, line 1: it returned false') },
    ]);
    expect(await system.people(customer)).toBe(20);
  },
  PATIENT_MS,
);

it('does not go live where the new data violate a constraint, or a smoke query fails, and says which', async () => {
  const schema = '// two values\nCREATE CONSTRAINT one_active FOR (p:Person) REQUIRE p.active IS UNIQUE;';
  const dead = await system.reaches(await drop(THIRD, 22, { 'schema.cypher': schema }), 'dead');
  expect(dead.error).toMatchObject({
    code: 'PARITY',
    message: expect.stringMatching(/^schema.cypher, line 2: CREATE CONSTRAINT one_active .*`active`/),
  });
  const failing = await system.reaches(await drop(THIRD + 1, 23, { 'verify.cypher': PEOPLE(22) }), 'dead');
  expect(failing.error).toMatchObject({ code: 'VERIFY_FAILED' });
  expect(await system.people(customer)).toBe(20);
});

it("leaves a filled database alone that is a person's own, and says what to do about it", async () => {
  const owner = server.name('own');
  const own = `${owner}-${FIRST}`;
  await server.run('system', `CREATE DATABASE \`${own}\` WAIT`);
  await server.run(own, 'CREATE (:Person)');
  await system.write(owner, FIRST);
  const dead = await system.reaches(await system.discover(owner, FIRST), 'dead');
  expect(dead.error).toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining(`database ${own} is there, complete, and has no load certificate`),
  });
  await retention().sweepLeftovers(await system.backend.store.list());
  expect(await server.run(own, 'MATCH (p:Person) RETURN count(p) AS people')).toEqual([{ people: 1 }]);
  await server.run('system', `DROP DATABASE \`${own}\` DESTROY DATA WAIT`);
});

it("drops what it may, though somebody's own alias keeps one database", async () => {
  const reader = server.name('reader');
  await server.run('system', `CREATE ALIAS \`${reader}\` FOR DATABASE \`${customer}-${SECOND}\``);
  await system.reaches(await drop(THIRD + 2, 19, {}), 'live');
  // The one that was rolled back comes first, and cannot go.
  expect(await retention(1).retire(customer)).toEqual([`${customer}-${FIRST}`]);
  const { aliases } = await system.backend.store.list();
  expect(aliases.map((alias) => alias.customer)).not.toContain(reader);
  await server.run('system', `DROP ALIAS \`${reader}\` FOR DATABASE`);
});

it("writes nothing to somebody's own alias by hand, and says how it is taken over", async () => {
  const foreign = server.name('foreign');
  await server.run('system', `CREATE ALIAS \`${foreign}\` FOR DATABASE neo4j PROPERTIES {owner: 'team'}`);
  const { operations, deployments } = system.backend;
  const said = `alias ${foreign} leads to neo4j, and Graphshift has not made it: nothing was changed; the first snapshot of ${foreign} takes it over (docs/neo4j.md)`;
  for (const act of [
    () => operations.pin(foreign, 'somebody'),
    () => operations.unpin(foreign, 'somebody'),
    () => operations.rollback({ customer: foreign, by: 'somebody' }),
  ])
    expect((await rejects(act(), 'CONFLICT')).message).toBe(said);
  const shown = 'SHOW ALIASES FOR DATABASE YIELD name, properties WHERE name = $foreign RETURN properties';
  expect(await server.run('system', shown, { foreign })).toEqual([{ properties: { owner: 'team' } }]);
  expect((await deployments.audit()).filter(({ holder }) => holder === 'somebody')).toEqual([]);
});

it('lets a customer wait, and says why, whose alias a person has spoilt', async () => {
  const spoilt = server.name('spoilt');
  const properties = "PROPERTIES {epoch: 1, pin: 'torn'}";
  await server.run('system', `CREATE ALIAS \`${spoilt}\` FOR DATABASE neo4j ${properties}`);
  await system.write(spoilt, FIRST);
  const waiting = await system.reaches(await system.discover(spoilt, FIRST), 'waiting');
  expect(waiting.reason).toMatch(
    /^the store refuses: alias .* its property pin is not what Graphshift writes/,
  );
  expect(waiting.attempts).toBe(0);
});

it(
  'needs one listing for a pass of the upkeep at rest, whatever the customers',
  async () => {
    const { backend } = system;
    for (const other of ['one', 'two'])
      await system.reaches(await system.drop(server.name(other), FIRST), 'live');
    await system.rest();
    const calls: string[] = [];
    const store = new Proxy(backend.store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...values: unknown[]) => {
          calls.push(`${String(name)} ${JSON.stringify(values[0]) ?? ''}`.slice(0, 40));
          return value.apply(target, values);
        };
      },
    });
    const parts = { backend: { ...backend, store }, retention: retention(3, store), roots: backend.roots };
    const upkeep = new Upkeep(parts);
    expect((await backend.store.list()).aliases.length).toBeGreaterThan(1);
    // What the tests before have left to drop is not at rest yet.
    await upkeep.pass();
    calls.length = 0;
    await upkeep.pass();
    expect(calls).toEqual(['list ', expect.stringMatching(/^tidy /)]);
    await system.work();
  },
  PATIENT_MS,
);

function retention(keep = 3, store: GraphStore = system.backend.store): Retention {
  const { deployments, log, clock } = system.backend;
  const changes = new FencedChanges({ store, deployments, log });
  return new Retention({ store, deployments, changes, clock, log, keep, drainMs: 0 });
}
