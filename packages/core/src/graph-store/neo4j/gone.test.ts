/** What the bookkeeping database knows of databases that are gone or were never made, on a server that can be full. */

import { rejects, useNeo4j } from '@graphshift/testkit';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../platform/clock.ts';
import type { GraphStore, LoadCertificate } from '../graph-store.ts';
import { Bookkeeping } from './bookkeeping.ts';
import { Certificates } from './certificates.ts';
import { Neo4jConnection } from './connection.ts';
import { Databases } from './databases.ts';
import { forgetGone } from './gone.ts';
import { createNeo4jStore } from './store.ts';

/** With `system`, `neo4j`, the bookkeeping database and one more. */
const LIMIT = 4;
const neo4j = useNeo4j({ own: true, maxDatabases: LIMIT });
const BOOKKEEPING = 'graphshift-gone';
const [ONE, TWO] = ['gone.inc-1700000000', 'gone.inc-1700000001'] as const;

let connection: Neo4jConnection;
let databases: Databases;
let certificates: Certificates;
let store: GraphStore;

beforeAll(async () => {
  if (neo4j.problem) return;
  const access = { url: neo4j.url, username: neo4j.user, password: neo4j.password };
  connection = new Neo4jConnection(access);
  certificates = new Certificates(connection.driver, BOOKKEEPING);
  databases = new Databases(connection, new Bookkeeping(connection, BOOKKEEPING), systemClock);
  store = createNeo4jStore({ ...access, bookkeepingDatabase: BOOKKEEPING });
  await store.start();
});
afterAll(async () => {
  if (neo4j.problem) return;
  await store.stop();
  await connection.close();
});
beforeEach(async () => {
  for (const name of [ONE, TWO]) await neo4j.run('system', `DROP DATABASE \`${name}\` IF EXISTS WAIT`);
  await neo4j.run(BOOKKEEPING, 'MATCH (n) WHERE n:Database OR n:Certificate DELETE n');
});

const known = async () => {
  const rows = await neo4j.run(
    BOOKKEEPING,
    `MATCH (n) WHERE n:Database OR n:Certificate
     RETURN labels(n)[0] + ' ' + coalesce(n.name, n.database) AS what ORDER BY what`,
  );
  return rows.map(({ what }) => what);
};
const tidy = async () => store.tidy?.(await store.list());
/** As if it had been long ago. */
const age = () => neo4j.run(BOOKKEEPING, 'MATCH (d:Database) SET d.since = 0');
const certificate = (database: string, epoch: number) => ({ database, epoch }) as LoadCertificate;

it('has nothing of a database that a full server did not make', async () => {
  await databases.create(ONE);
  await rejects(databases.create(TWO), 'STORE_FULL');
  expect(await known()).toEqual([`Database ${ONE}`]);
});

it('forgets a database whose drop was cut after its commit, and keeps what is there', async () => {
  await databases.create(ONE);
  await certificates.keep(certificate(ONE, 5));
  await age();
  expect(await tidy()).toEqual([]);
  expect(await known()).toEqual([`Certificate ${ONE}`, `Database ${ONE}`]);
  await neo4j.run('system', `DROP DATABASE \`${ONE}\` DESTROY DATA WAIT`);
  expect(await tidy()).toEqual([ONE]);
  expect(await known()).toEqual([]);
});

it('leaves alone what is about to be made', async () => {
  await neo4j.run(BOOKKEEPING, "CREATE (:Database {name: $TWO, maker: 'a', since: timestamp()})", { TWO });
  expect(await tidy()).toEqual([]);
  await age();
  await neo4j.run(BOOKKEEPING, 'MATCH (d:Database) SET d.importing = true');
  expect(await tidy()).toEqual([]);
  await neo4j.run(BOOKKEEPING, 'MATCH (d:Database) REMOVE d.importing');
  expect(await tidy()).toEqual([TWO]);
});

it('leaves alone what was made anew or certified anew since it was looked at', async () => {
  await neo4j.run(BOOKKEEPING, "CREATE (:Database {name: $ONE, maker: 'a', since: 0})", { ONE });
  await certificates.keep(certificate(ONE, 5));
  const late: Pick<Databases, 'onServer'> = {
    onServer: async () => {
      const before = await databases.onServer();
      await databases.create(ONE);
      await certificates.keep(certificate(ONE, 6));
      return before;
    },
  };
  const bookkeeping = new Bookkeeping(connection, BOOKKEEPING);
  await forgetGone({ bookkeeping, certificates, databases: late }, new Set());
  expect(await known()).toEqual([`Certificate ${ONE}`, `Database ${ONE}`]);
});
