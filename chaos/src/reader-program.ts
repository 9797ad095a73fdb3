/**
 * Reads through the aliases without pause, as a reader beside the system does, and says each change of an answer and
 * each read that failed, one JSON line each. It judges nothing.
 */

import { writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf, openAliasReader } from '@graphshift/core';
import { type Answer, openNeo4jReader } from './neo4j-reader.ts';
import type { ReaderPart } from './target.ts';

export interface ReaderOptions extends ReaderPart {
  readonly customers: readonly string[];
}

/** One answer as long as it stays the same, or one failure. */
export type Told =
  | { readonly customer: string; readonly at: number; readonly database: string; readonly people: number }
  | { readonly customer: string; readonly from: number; readonly at: number; readonly error: string }
  | { readonly reads: number };

const TELL_EVERY = 50;
const QUESTION = 'MATCH (p:Person) RETURN count(*) AS people';

const { customers, ...part } = JSON.parse(process.argv[2] ?? '') as ReaderOptions;
const tell = (told: Told) => void writeSync(1, `${JSON.stringify(told)}\n`);
const parent = process.ppid;
const readers = new Map<string, () => Promise<Answer>>();
const last = new Map<string, string>();
let reads = 0;
let ended = false;
process.once('SIGTERM', () => {
  ended = true;
});

const ask = part.kind === 'neo4j' ? openNeo4jReader(part) : undefined;
for (const customer of customers)
  readers.set(customer, ask ? () => ask(customer) : await openEmbeddedReader(customer));
writeSync(1, 'ready\n');
while (!ended && process.ppid === parent) {
  for (const [customer, reader] of readers) {
    await read(customer, reader);
    await wait(part.pauseMs);
  }
}
tell({ reads });
process.exit(0);

async function openEmbeddedReader(customer: string): Promise<() => Promise<Answer>> {
  const reader = await openAliasReader(part.url, customer, { bufferBytes: 32 * 2 ** 20 });
  return async () => {
    const { rows, database } = await reader.query(QUESTION);
    return { database, people: Number(rows[0]?.people) };
  };
}

async function read(customer: string, reader: () => Promise<Answer>): Promise<void> {
  const from = Date.now();
  reads++;
  if (reads % TELL_EVERY === 0) tell({ reads });
  try {
    const { database, people } = await reader();
    const answer = `${database} ${people}`;
    if (last.get(customer) !== answer) tell({ customer, at: Date.now(), database, people });
    last.set(customer, answer);
  } catch (error) {
    tell({ customer, from, at: Date.now(), error: messageOf(error) });
  }
}
