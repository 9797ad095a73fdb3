/**
 * What an installation keeps in a database of its own on the server: the highest epoch that took each customer over,
 * and which databases it made. Certificates of complete databases lie there too.
 */

import neo4j, { type ManagedTransaction } from 'neo4j-driver';
import { GraphshiftError } from '../../platform/errors.ts';
import type { Neo4jConnection } from './connection.ts';
import { serverCode } from './server-errors.ts';

const CONSTRAINTS = [
  'CREATE CONSTRAINT graphshift_customer IF NOT EXISTS FOR (c:Customer) REQUIRE c.name IS UNIQUE',
  'CREATE CONSTRAINT graphshift_database IF NOT EXISTS FOR (d:Database) REQUIRE d.name IS UNIQUE',
  'CREATE CONSTRAINT graphshift_probe IF NOT EXISTS FOR (p:Probe) REQUIRE p.name IS UNIQUE',
];

/** Within this a database that was owned is made, or its maker is gone. */
const MAKING_MS = 3_600_000;

export class Bookkeeping {
  readonly database: string;
  readonly #connection: Neo4jConnection;

  /** @param database its name on the server */
  constructor(connection: Neo4jConnection, database: string) {
    this.#connection = connection;
    this.database = database;
  }

  /** Makes what is missing in it; the database itself is there. */
  async prepare(): Promise<void> {
    for (const statement of CONSTRAINTS) await this.#write((tx) => tx.run(statement));
  }

  /** The highest epoch that took the customer over; 0 for none. */
  async epoch(customer: string): Promise<number> {
    // By way of a write, so that it is the leader's answer and never an older one.
    return this.#write((tx) => epochIn(tx, customer));
  }

  /**
   * Records that an epoch took the customer over.
   * @returns the highest one before; where it is higher than this epoch, that one took over
   */
  async raiseEpoch(customer: string, epoch: number): Promise<number> {
    return this.#write(async (tx) => {
      // The lock first, by a statement of its own: Cypher may read a property before it has the lock.
      await tx.run('MERGE (c:Customer {name: $customer}) SET c.touched = true', { customer });
      const highest = await epochIn(tx, customer);
      if (highest < epoch)
        await tx.run('MATCH (c:Customer {name: $customer}) SET c.epoch = $epoch', {
          customer,
          epoch: neo4j.int(epoch),
        });
      return highest;
    });
  }

  /**
   * Before the database is made: one that is empty and has no mark is known for ours by it.
   * @param maker names this making of it, apart from others'
   */
  async own(database: string, maker: string): Promise<void> {
    await this.#write((tx) =>
      tx.run(
        'MERGE (d:Database {name: $database}) SET d.maker = $maker, d.since = timestamp() REMOVE d.importing',
        {
          database,
          maker,
        },
      ),
    );
  }

  /** After it was dropped, or could not be made. @param maker only what this one made; default: whoever did */
  async disown(database: string, maker?: string): Promise<void> {
    await this.#write((tx) =>
      tx.run(
        'MATCH (d:Database {name: $database}) WHERE $maker IS NULL OR d.maker = $maker DETACH DELETE d',
        { database, maker: maker ?? null },
      ),
    );
  }

  /** Databases that were begun long ago, each with its `maker`; imports under way stand for databases that are to come. */
  async begun(): Promise<{ database: string; maker: string }[]> {
    const rows = await told(this.database, () =>
      this.#connection.read(
        this.database,
        `MATCH (d:Database) WHERE d.importing IS NULL AND coalesce(d.since, 0) < timestamp() - $making
         RETURN d.name AS database, coalesce(d.maker, '') AS maker`,
        { making: neo4j.int(MAKING_MS) },
      ),
    );
    return rows.map(({ database, maker }) => ({ database: String(database), maker: String(maker) }));
  }

  async owns(database: string): Promise<boolean> {
    const rows = await told(this.database, () =>
      this.#connection.read(this.database, 'MATCH (d:Database {name: $database}) RETURN d.name AS name', {
        database,
      }),
    );
    return rows.length > 0;
  }

  /** Writes, and leaves no more than there was. */
  async probe(timeoutMs: number): Promise<void> {
    await this.#write((tx) => tx.run("MERGE (p:Probe {name: 'writable'}) SET p.at = timestamp()"), timeoutMs);
  }

  async #write<Result>(
    work: (tx: ManagedTransaction) => Promise<Result>,
    timeoutMs?: number,
  ): Promise<Result> {
    const { database } = this;
    return told(database, () => this.#connection.write(database, work, timeoutMs));
  }
}

/**
 * A bookkeeping database that is not there while we run is no wrong name of ours: somebody dropped it, or restores it.
 * So it is tried again, and what is under way does not die of it.
 */
export async function told<Result>(database: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!/\.DatabaseNotFound$/.test(serverCode(error))) throw error;
    const message = `the bookkeeping database ${database} is not there: restore it, or start a process of Graphshift again, which makes it anew`;
    throw new GraphshiftError('STORE_UNREACHABLE', message, { cause: error });
  }
}

async function epochIn(tx: ManagedTransaction, customer: string): Promise<number> {
  const { records } = await tx.run('MATCH (c:Customer {name: $customer}) RETURN c.epoch AS epoch', {
    customer,
  });
  return Number(records[0]?.get('epoch') ?? 0);
}
