import { type GraphStore, messageOf } from '@graphshift/core';
import type { DemoSnapshot } from './flights.ts';

export interface Answer {
  readonly customer: string;
  readonly expected: DemoSnapshot;
  readonly airports: number | undefined;
  readonly flights: number | undefined;
  readonly problem: string | undefined;
}

/** Asks every alias, as a reader would, how many airports and flights there are. */
export async function checkAliases(
  store: GraphStore,
  plan: ReadonlyMap<string, readonly DemoSnapshot[]>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [customer, snapshots] of plan) {
    const expected = snapshots.at(-1);
    if (expected) answers.push(await ask(store, customer, expected));
  }
  return answers;
}

async function ask(store: GraphStore, customer: string, expected: DemoSnapshot): Promise<Answer> {
  try {
    const airports = await count(store, customer, 'MATCH (n:Airport) RETURN count(*) AS n');
    const flights = await count(store, customer, 'MATCH ()-[f:FLIGHT]->() RETURN count(*) AS n');
    const right = airports === expected.airports && flights === expected.flights;
    const problem = right
      ? undefined
      : `${airports} airports and ${flights} flights instead of ${expected.airports} and ${expected.flights}`;
    return { customer, expected, airports, flights, problem };
  } catch (error) {
    return { customer, expected, airports: undefined, flights: undefined, problem: messageOf(error) };
  }
}

async function count(store: GraphStore, customer: string, cypher: string): Promise<number> {
  const { rows } = await store.query({ alias: customer }, cypher);
  return Number(rows[0]?.n);
}
