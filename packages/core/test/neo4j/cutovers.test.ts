/**
 * Very many cutovers of one alias under thirty-two readers, half of them over `neo4j://` and half over `bolt://`, half
 * sending statements alone and half two in a retried transaction, each with a causal chain of its own. And the same
 * readers over an alias that is dropped and made anew, who must not be content.
 */

import {
  AliasReaders,
  fillReadDatabase,
  type Readings,
  switchUnderReaders,
  useNeo4j,
} from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { GraphStore } from '../../src/graph-store/graph-store.ts';
import { createNeo4jStore } from '../../src/graph-store/neo4j/store.ts';
import { GraphshiftError } from '../../src/platform/errors.ts';

/**
 * `CUTOVERS=1000` asks for a thousand. Most of a cutover's time is the readers': a statement of it waits for as many reads
 * as there are readers, some 600 reads a cutover.
 */
const CUTOVERS = Number(process.env.CUTOVERS ?? 40);
const READERS = 32;
const DATABASES = 4;
const SNAPSHOT = 1_700_000_000;
/** Reads that tell how long one takes while nothing moves. */
const COMPARED = 10_000;
const LONG = 3_600_000;

const neo4j = useNeo4j({ longLived: CUTOVERS >= 500 });
let store: GraphStore | undefined;
let customer: string;
let databases: string[];

beforeAll(async () => {
  if (neo4j.problem) return;
  const { url, user: username, password } = neo4j;
  store = createNeo4jStore({ url, username, password, bookkeepingDatabase: neo4j.name('books') });
  await store.start();
  customer = neo4j.name('read');
  databases = Array.from({ length: DATABASES }, (_, index) => `${customer}-${SNAPSHOT + index}`);
  for (const database of databases) {
    await neo4j.run('system', `CREATE DATABASE \`${database}\` WAIT`);
    await fillReadDatabase(neo4j.driver(), database);
  }
}, LONG);
afterAll(() => store?.stop());

/** Cutovers that were made again. */
let again = 0;
let epoch = 0;

/**
 * As a worker does it: take over, prepare, fire; and again under the next epoch where the server ended what was prepared
 * after its ten seconds, as a busy machine may.
 */
async function cutOver(database: string): Promise<void> {
  for (;;) {
    try {
      return await cutOverOnce(database, ++epoch);
    } catch (error) {
      if (!(error instanceof GraphshiftError && error.code === 'STORE_BUSY')) throw error;
      again++;
    }
  }
}

async function cutOverOnce(database: string, under: number): Promise<void> {
  const snapshot = Number(database.slice(-10));
  await store?.takeOver(customer, under);
  const since = new Date(0).toISOString();
  const properties = { epoch: under, snapshot, contentHash: 'a'.repeat(64), since };
  const change = await store?.prepareAlias({ customer, database, properties });
  await change?.fire();
}

/** A long run says how it goes. */
function tell(version: number, { reads, failures, mixed, stale }: Readings): void {
  if (version % 100 !== 0) return;
  const bad = `${failures.length} failed, ${mixed.length} mixed, ${stale.length} older`;
  process.stdout.write(`${version} cutovers, ${again} made again; ${reads} reads, ${bad}\n`);
}

function startReaders(): AliasReaders {
  const drivers = (['neo4j', 'bolt'] as const).map((scheme) => neo4j.driver({ scheme }));
  return new AliasReaders(drivers, customer, READERS);
}

/** Says how long reads took beside as many of the same readers while nothing moves. */
async function report(during: readonly number[]): Promise<void> {
  const readers = startReaders();
  const enough = Math.min(during.length / 4, COMPARED);
  await vi.waitFor(() => expect(readers.readings.reads).toBeGreaterThan(enough), {
    timeout: LONG,
    interval: 100,
  });
  const { latencies: without } = await readers.stop();
  const figures = (latencies: readonly number[]) => {
    const sorted = [...latencies].sort((a, b) => a - b);
    const at = (part: number) => (sorted[Math.floor((sorted.length - 1) * part)] ?? 0).toFixed(1);
    return `${sorted.length} reads, median ${at(0.5)} ms, 99th percentile ${at(0.99)} ms, longest ${at(1)} ms`;
  };
  process.stdout.write(`during ${CUTOVERS} cutovers: ${figures(during)}\nwithout: ${figures(without)}\n`);
}

it(
  'fails no read, mixes no transaction and goes back for no reader',
  async () => {
    await cutOver(databases.at(-1) ?? '');
    const readers = startReaders();
    await switchUnderReaders(readers, {
      driver: neo4j.driver(),
      databases,
      cutovers: CUTOVERS,
      switchTo: async (database, version) => {
        await cutOver(database);
        tell(version, readers.readings);
      },
    });
    const { reads, failures, mixed, stale, latencies } = await readers.stop();
    expect({ failures, mixed, stale }).toEqual({ failures: [], mixed: [], stale: [] });
    expect(reads).toBeGreaterThan(CUTOVERS);
    expect((await store?.alias(customer))?.properties.epoch).toBe(epoch);
    expect(epoch).toBe(CUTOVERS + again + 1);
    await report(latencies);
  },
  LONG,
);

it(
  'sees an alias that is dropped and made anew',
  async () => {
    const readers = startReaders();
    await switchUnderReaders(readers, {
      driver: neo4j.driver(),
      databases,
      cutovers: CUTOVERS,
      switchTo: async (database) => {
        await neo4j.run('system', 'DROP ALIAS $customer FOR DATABASE', { customer });
        await neo4j.run('system', 'CREATE ALIAS $customer FOR DATABASE $database', { customer, database });
      },
      enough: ({ failures }) => failures.length > 0,
    });
    expect((await readers.stop()).failures).not.toEqual([]);
  },
  LONG,
);
