/** A reader of many aliases, all the time: whatever goes on, each answers, whole, and from no older snapshot than before. */

import {
  type AliasReader,
  messageOf,
  openAliasReader,
  parseDatabaseName,
  systemClock,
} from '@graphshift/core';

export interface ReaderOptions {
  /** Directory of the embedded store. */
  readonly store: string;
  readonly customers: readonly string[];
  /** Rows of `Person` in a whole database of this name. */
  readonly people: (database: string) => number;
  /** Customers that a rollback may take back. @default none */
  readonly mayGoBack?: (customer: string) => boolean;
}

export interface Reader {
  /** What was wrong, and how many answers were right. */
  stop(): Promise<{ readonly complaints: readonly string[]; readonly answers: number }>;
}

const EVERY_MS = 100;
const QUESTION = 'MATCH (p:Person) RETURN count(*) AS people';

export async function startReader(options: ReaderOptions): Promise<Reader> {
  const { store, customers, people, mayGoBack = () => false } = options;
  const complaints: string[] = [];
  const newest = new Map<string, number>();
  let answers = 0;
  const readers = new Map<string, AliasReader>();
  for (const customer of customers)
    readers.set(customer, await openAliasReader(store, customer, { bufferBytes: 32 * 2 ** 20 }));
  const ask = async (customer: string, reader: AliasReader) => {
    try {
      const { rows, database } = await reader.query(QUESTION);
      const timestamp = parseDatabaseName(database)?.timestamp ?? 0;
      if (Number(rows[0]?.people) !== people(database))
        complaints.push(`${customer}: ${database} answers ${String(rows[0]?.people)}`);
      if (timestamp < (newest.get(customer) ?? 0) && !mayGoBack(customer))
        complaints.push(`${customer}: ${database} answers after ${newest.get(customer)}`);
      newest.set(customer, timestamp);
      answers++;
    } catch (error) {
      complaints.push(`${customer}: ${messageOf(error)}`);
    }
  };
  let pass: Promise<unknown> = Promise.resolve();
  const round = async () => {
    for (const [customer, reader] of readers) await ask(customer, reader);
  };
  const cancel = systemClock.every(EVERY_MS, () => {
    const running = round();
    pass = running;
    return running;
  });
  return {
    stop: async () => {
      cancel();
      await pass;
      for (const reader of readers.values()) await reader.close();
      return { complaints, answers };
    },
  };
}
