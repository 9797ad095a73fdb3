import { useNeo4j } from '@graphshift/testkit';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rejects } from '../../../../testkit/src/rejects.ts';
import type { AliasProperties, GraphStore } from '../graph-store.ts';
import { createNeo4jStore } from './store.ts';

const neo4j = useNeo4j();
const [ONE, TWO, THREE] = ['acme-1700000000', 'acme-1700086400', 'acme-1700086401'] as const;
let store: GraphStore;

const properties = (epoch: number): AliasProperties => ({
  epoch,
  snapshot: 1_700_000_000,
  contentHash: 'c0ffee',
  since: '2024-01-01T00:00:00.000Z',
});
const prepare = (database: string, epoch: number) =>
  store.prepareAlias({ customer: 'acme', database, properties: properties(epoch) });
const point = async (database: string, epoch: number) => (await prepare(database, epoch)).fire();

beforeAll(async () => {
  if (neo4j.problem) return;
  const { url, user, password } = neo4j;
  store = createNeo4jStore({ url, username: user, password });
  await store.start();
  return () => store.stop();
});

beforeEach(async () => {
  for (const name of [ONE, TWO, THREE]) {
    await neo4j.run('system', `CREATE DATABASE \`${name}\` IF NOT EXISTS WAIT`);
    await neo4j.run(name, 'MERGE (:Person {name: "Ada"})');
  }
  return async () => {
    await neo4j.run('system', 'DROP ALIAS acme IF EXISTS FOR DATABASE');
    await neo4j.run('graphshift', 'MATCH (c:Customer) DETACH DELETE c');
  };
});

describe('changes', () => {
  it('move, read back, fence', async () => {
    expect(await store.alias('acme')).toBeUndefined();
    await point(ONE, 1);
    expect(await store.alias('ACME')).toEqual({ customer: 'acme', database: ONE, properties: properties(1) });
    const late = await prepare(TWO, 1);
    const kept = await store.prepareDrop('acme', THREE, 1);
    expect(await store.takeOver('acme', 5)).toMatchObject({ database: ONE });
    await rejects(late.fire(), 'FENCED');
    await rejects(kept.fire(), 'FENCED');
    await rejects(prepare(TWO, 1), 'FENCED');
    await rejects(store.takeOver('acme', 4), 'FENCED');
    await late.cancel();
    expect(await store.epochFloor('acme')).toBe(5);
    await point(TWO, 5);
    expect(await store.alias('acme')).toMatchObject({ database: TWO, properties: { epoch: 5 } });
    await (await store.prepareDrop('acme', THREE, 5)).fire();
    expect((await store.list()).databases.map(({ name }) => name)).toEqual([ONE, TWO]);
    console.log(await store.health());
    console.log(
      await store.query(
        { alias: 'acme' },
        'MATCH (p:Person) RETURN p, count(*) AS n, date("2020-01-01") AS d',
      ),
    );
    console.log(await store.counts(TWO));
  });
});
