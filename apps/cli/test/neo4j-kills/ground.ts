/** What the kill tests on Neo4j share: a stage whose store is the server, the way to first live snapshots, the judges. */

import type { State } from '@graphshift/core';
import type { Neo4jForTests } from '@graphshift/testkit';
import { expect, vi } from 'vitest';
import { FIRST, SECOND } from '../kills/scenarios.ts';
import { PATIENCE, Stage } from '../kills/stage.ts';

const BOOKKEEPING = 'graphshift-kills';

/** @param more of the environment of every process */
export function openStage(
  { url, user, password }: Neo4jForTests,
  more: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const environment = {
    GRAPHSHIFT_STORE: url,
    GRAPHSHIFT_STORE_USERNAME: user,
    GRAPHSHIFT_STORE_PASSWORD: password,
    GRAPHSHIFT_STORE_BOOKKEEPING_DATABASE: BOOKKEEPING,
    GRAPHSHIFT_STORE_SESSIONS: '2',
    GRAPHSHIFT_ORCHESTRATOR_DRAIN_SECONDS: '0',
    // What the server's heap is at says nothing here.
    GRAPHSHIFT_ORCHESTRATOR_HEAP_THRESHOLD_PERCENT: '100',
    ...more,
  };
  return Stage.open({}, environment);
}

/** Customers and how many snapshots are live there before anything is killed. */
export type Standing = ReadonlyMap<string, 0 | 1 | 2>;

/** Brings the first snapshots live, with a worker that nothing happens to. */
export async function bringLive(stage: Stage, standing: Standing): Promise<void> {
  const worker = await stage.healthy();
  for (const [index, timestamp] of [FIRST, SECOND].entries()) {
    const customers = [...standing].filter(([, live]) => live > index).map(([customer]) => customer);
    await discoverAll(stage, customers, timestamp);
    await reachAll(stage, customers, timestamp, 'live');
  }
  await stage.kill(worker);
}

export async function discoverAll(
  stage: Stage,
  customers: readonly string[],
  timestamp: number,
): Promise<void> {
  for (const customer of customers) {
    await stage.write(customer, timestamp);
    await stage.arrange(customer, { discover: timestamp });
  }
}

export function reachAll(
  stage: Stage,
  customers: readonly string[],
  timestamp: number,
  state: State,
): Promise<void> {
  return stage.reach(new Map(customers.map((customer) => [`${customer}@${timestamp}`, state])));
}

/**
 * The doctor finds nothing, and the server itself has what retention keeps, every row once, and nothing beside it.
 * @param people in databases that the stage did not write, by name
 */
export async function expectWhole(
  stage: Stage,
  server: Neo4jForTests,
  people: ReadonlyMap<string, number> = new Map(),
): Promise<void> {
  await stage.heals();
  await vi.waitFor(async () => expect(await stage.backend.store.list()).toSatisfy(isKept), PATIENCE);
  const { databases } = await stage.backend.store.list();
  const names = databases.map(({ name }) => name);
  const onServer = (await server.run('system', 'SHOW DATABASES YIELD name')).map(({ name }) => name);
  expect(onServer.sort()).toEqual([...names, 'system', 'neo4j', BOOKKEEPING].sort());
  const prepared = 'SHOW TRANSACTIONS YIELD metaData WHERE metaData.graphshift IS NOT NULL RETURN metaData';
  expect(await server.run('system', prepared)).toEqual([]);
  for (const name of names) {
    const wanted = rowsFor(people.get(name) ?? stage.people(name));
    expect([name, await rowsOf(server, name)]).toEqual([name, wanted]);
  }
}

type Listing = Awaited<ReturnType<Stage['backend']['store']['list']>>;

/** Everything is complete, and each customer has its target and one more at most. */
function isKept({ databases, aliases }: Listing): boolean {
  const customers = databases.map(({ snapshot }) => snapshot?.customer);
  return (
    databases.every(({ state }) => state === 'complete') &&
    aliases.every(({ database }) => databases.some(({ name }) => name === database)) &&
    customers.every((customer) => customers.filter((other) => other === customer).length <= 2)
  );
}

interface Rows {
  readonly labels: Readonly<Record<string, number>>;
  readonly types: Readonly<Record<string, number>>;
  /** Nodes whose id another has too. */
  readonly doubled: number;
}

/** Asked of the server without any code of the store. */
export async function rowsOf(server: Neo4jForTests, database: string): Promise<Rows> {
  const labels = await server.run(
    database,
    'MATCH (n) UNWIND labels(n) AS name RETURN name, count(*) AS rows ORDER BY name',
  );
  const types = await server.run(
    database,
    'MATCH ()-[r]->() RETURN type(r) AS name, count(*) AS rows ORDER BY name',
  );
  const [ids] = await server.run(database, 'MATCH (n) RETURN count(*) - count(DISTINCT n.id) AS doubled');
  const byName = (rows: typeof labels) =>
    Object.fromEntries(rows.map(({ name, rows: count }) => [String(name), Number(count)]));
  return { labels: byName(labels), types: byName(types), doubled: Number(ids?.doubled) };
}

/** Rows of a snapshot of so many people: see the simulation. */
export function rowsFor(people: number): Rows {
  const companies = Math.ceil(people / 50);
  const labels = { Company: companies, Organisation: companies, Person: people };
  return {
    labels: { ...labels, Employee: Math.ceil(people / 10) },
    types: { KNOWS: people * 3, WORKS_AT: people },
    doubled: 0,
  };
}
