/** Reads through aliases as any reader of a Neo4j does: over the driver, in transactions that it tries again. */

import neo4j from 'neo4j-driver';
import type { ReaderPart } from './target.ts';

export interface Answer {
  /** Name of the database that answered. */
  readonly database: string;
  readonly people: number;
}

/** The driver's own default, and what the times of a server's outage are held against. */
const RETRY_MS = 30_000;

/** @returns a function that asks one alias */
export function openNeo4jReader({ url, password = '' }: ReaderPart): (alias: string) => Promise<Answer> {
  const driver = neo4j.driver(url, neo4j.auth.basic('neo4j', password), {
    disableLosslessIntegers: true,
    maxTransactionRetryTime: RETRY_MS,
    maxConnectionPoolSize: 4,
  });
  return async (alias) => {
    const session = driver.session({ database: alias, defaultAccessMode: neo4j.session.READ });
    try {
      return await session.executeRead(async (tx) => {
        const counted = await tx.run('MATCH (p:Person) RETURN count(*) AS people');
        const named = await tx.run('CALL db.info() YIELD name RETURN name');
        return { people: counted.records[0]?.get('people'), database: named.records[0]?.get('name') };
      });
    } finally {
      await session.close();
    }
  };
}
