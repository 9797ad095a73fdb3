/**
 * A reader of many aliases over the driver, all the time: each read answers after the driver's own retries, whole, and
 * from no older snapshot than before. Only reads that met a server which was down may fail.
 */

import { messageOf, parseDatabaseName, systemClock } from '@graphshift/core';
import type { Neo4jForTests } from '@graphshift/testkit';

export interface ReaderOptions {
  readonly server: Neo4jForTests;
  readonly customers: readonly string[];
  /** Rows of `Person` in a whole database of this name. */
  readonly people: (database: string) => number;
  /** Customers that a rollback may take back. @default none */
  readonly mayGoBack?: (customer: string) => boolean;
}

export interface Reader {
  /** The server goes: until `up`, reads may fail. */
  down(): void;
  /** It serves again; its drivers are new. */
  up(): void;
  /** What was wrong, and how many answers were right. */
  stop(): Promise<{ readonly complaints: readonly string[]; readonly answers: number }>;
}

type Driver = ReturnType<Neo4jForTests['driver']>;

const EVERY_MS = 300;
const QUESTION = 'CALL db.info() YIELD name MATCH (p:Person) RETURN name, count(p) AS people';

export function startReader(options: ReaderOptions): Reader {
  const { server, customers, people, mayGoBack = () => false } = options;
  const open = () => server.driver({ disableLosslessIntegers: true });
  const complaints: string[] = [];
  const newest = new Map<string, number>();
  let answers = 0;
  let driver = open();
  let isDown = false;
  /** How often the server went: a read that saw it go, or began before it was back, says nothing. */
  let falls = 0;
  const judge = (customer: string, database: string, rows: number) => {
    const timestamp = parseDatabaseName(database)?.timestamp ?? 0;
    if (rows !== people(database)) complaints.push(`${customer}: ${database} answers ${rows}`);
    if (timestamp < (newest.get(customer) ?? 0) && !mayGoBack(customer))
      complaints.push(`${customer}: ${database} answers after ${newest.get(customer)}`);
    newest.set(customer, timestamp);
    answers++;
  };
  const ask = async (customer: string) => {
    const [began, wasDown] = [falls, isDown];
    try {
      const { name, people: rows } = await read(driver, customer);
      judge(customer, String(name), Number(rows));
    } catch (error) {
      if (!wasDown && began === falls) complaints.push(`${customer}: ${messageOf(error)}`);
    }
  };
  let pass: Promise<unknown> = Promise.resolve();
  const round = async () => {
    for (const customer of customers) await ask(customer);
  };
  const cancel = systemClock.every(EVERY_MS, () => {
    const running = round();
    pass = running;
    return running;
  });
  return {
    down: () => {
      falls++;
      isDown = true;
    },
    up: () => {
      driver = open();
      isDown = false;
    },
    stop: async () => {
      cancel();
      await pass;
      return { complaints, answers };
    },
  };
}

async function read(driver: Driver, customer: string): Promise<Record<string, unknown>> {
  const session = driver.session({ database: customer });
  try {
    const { records } = await session.executeRead((tx) => tx.run(QUESTION));
    return records[0]?.toObject() ?? {};
  } finally {
    await session.close();
  }
}
