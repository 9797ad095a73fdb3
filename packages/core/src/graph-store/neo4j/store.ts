/** The graph store on a Neo4j server with several databases and aliases. */

import { systemClock } from '../../platform/clock.ts';
import { GraphshiftError, messageOf } from '../../platform/errors.ts';
import { silentLogger } from '../../platform/log.ts';
import type { GraphStore, LoadCertificate, QueryTarget, StoreHealth } from '../graph-store.ts';
import { Bookkeeping } from './bookkeeping.ts';
import { examineServer } from './capabilities.ts';
import { Changes } from './changes.ts';
import { Neo4jConnection } from './connection.ts';
import { Databases } from './databases.ts';
import { Fence } from './fence.ts';
import { removeMark } from './load-mark.ts';
import { readMeasures } from './measures.ts';
import { ownerName, snapshotOf } from './names.ts';
import type { Neo4jStoreOptions } from './options.ts';
import { accessOf } from './options.ts';
import { countRows, runQuery } from './query.ts';

const CHANGE_TIMEOUT_MS = 10_000;
/** The drivers' routing tables live this long (`dbms.routing_ttl`). */
const DRAIN_MS = 300_000;
const PROBE_TIMEOUT_MS = 5000;

export function createNeo4jStore(options: Neo4jStoreOptions): GraphStore {
  const log = options.log ?? silentLogger;
  const clock = options.clock ?? systemClock;
  const installation = options.bookkeepingDatabase ?? 'graphshift';
  const connection = new Neo4jConnection(accessOf(options));
  const bookkeeping = new Bookkeeping(connection, installation);
  const databases = new Databases(connection, bookkeeping, clock);
  const fence = new Fence(connection, bookkeeping, clock);
  const changeTimeoutMs = options.changeTimeoutMs ?? CHANGE_TIMEOUT_MS;
  const changes = new Changes({ connection, fence, databases, installation, changeTimeoutMs });
  const readable = async (name: string) => {
    const { state } = await databases.judge(name);
    if (state === 'marked' || state === 'complete') return name;
    throw new GraphshiftError('CONFLICT', `database ${name} is ${state} and cannot be read`);
  };
  const databaseOf = async (target: QueryTarget) => {
    if ('database' in target) return readable(target.database);
    const alias = await changes.alias(target.alias);
    if (alias) return alias.database;
    throw new GraphshiftError('NOT_FOUND', `no alias ${target.alias}`);
  };
  const certificate = async (_database: string): Promise<LoadCertificate | undefined> => undefined;
  const asked = <Result>(what: string, work: () => Promise<Result>) => connection.doing(what, work);

  return {
    kind: 'neo4j',
    drainMs: DRAIN_MS,
    start: async () => {
      await examineServer(connection, databases, bookkeeping, log);
    },
    stop: () => connection.close(),
    health: () => health(connection, databases, bookkeeping),
    list: ({ customer } = {}) =>
      asked('list databases and aliases', async () => {
        const owner = customer === undefined ? undefined : ownerName(customer);
        return { databases: await databases.list(owner), aliases: await changes.aliases(owner) };
      }),
    alias: (customer) => asked(`read alias ${customer}`, () => changes.alias(customer)),
    epochFloor: (customer) =>
      asked(`read the epoch of ${customer}`, async () => {
        const owner = ownerName(customer);
        const prepared = await fence.prepared(owner);
        return Math.max(
          await fence.highest(owner),
          await databases.highestMark(owner),
          (await changes.alias(owner))?.properties.epoch ?? 0,
          ...prepared.map(({ epoch }) => epoch),
        );
      }),
    openLoad: async () => {
      throw new GraphshiftError('STORE_UNFIT', 'no loader yet');
    },
    certificate,
    counts: async (database) =>
      asked(`count ${database}`, async () =>
        countRows(connection, await readable(database), namesIn(await certificate(database))),
      ),
    unmark: (database, epoch) =>
      asked(`unmark ${database}`, async () => {
        if (!snapshotOf(database) || !(await databases.exists(database)))
          throw new GraphshiftError('NOT_FOUND', `no database ${JSON.stringify(database)}`);
        await removeMark(connection.driver, database, epoch);
      }),
    takeOver: (customer, epoch) =>
      asked(`take ${customer} over`, async () => {
        await fence.raise(ownerName(customer), epoch);
        return changes.alias(customer);
      }),
    prepareAlias: (change) =>
      asked(`move alias ${change.customer} to ${change.database}`, () => changes.prepareAlias(change)),
    prepareDrop: (customer, name, epoch) =>
      asked(`drop ${name}`, () => changes.prepareDrop(customer, name, epoch)),
    query: async (target, cypher, queryOptions = {}) =>
      runQuery(connection, await asked('query', () => databaseOf(target)), cypher, queryOptions),
  };
}

function namesIn(certificate: LoadCertificate | undefined) {
  return {
    labels: (certificate?.nodes ?? []).map(({ name }) => name),
    types: (certificate?.relationships ?? []).map(({ name }) => name),
  };
}

async function health(
  connection: Neo4jConnection,
  databases: Databases,
  bookkeeping: Bookkeeping,
): Promise<StoreHealth> {
  try {
    const listed = (await databases.onServer()).map(({ name }) => name);
    const measures = await readMeasures(connection.driver, { databases: listed });
    try {
      await bookkeeping.probe(PROBE_TIMEOUT_MS);
      return { reachable: true, writable: true, ...measures };
    } catch (error) {
      return { reachable: true, writable: false, ...measures, problem: messageOf(error) };
    }
  } catch (error) {
    return { reachable: false, writable: false, percent: {}, problem: messageOf(error) };
  }
}
