/** Steps that the parts of the graph store contract share, and where stores differ. */

import type { AliasProperties, GraphStore, LoadCertificate } from '@graphshift/core';
import { type KeptValues, T1 } from './contract-snapshots.ts';

/** Where stores differ in Cypher or in what they keep. */
export interface StoreDialect extends KeptValues {
  /** Cypher for the labels of a node, as a list. */
  readonly labelsOf: (variable: string) => string;
  /** Cypher for a text as an integer. */
  readonly integerOf: (text: string) => string;
  /** Whether a null property is a key of the node. */
  readonly nullProperties: boolean;
  /** Whether every label of a row is counted, beside the one of its folder. */
  readonly countsEveryLabel: boolean;
  /** After which a query that never ends is ended, in ms, where memory does not end it. */
  readonly runawayMs: number;
  /** Nodes that are loaded and moves that are made, at least, while others read. */
  readonly busy: { readonly nodes: number; readonly moves: number };
}

export const EMBEDDED_DIALECT: StoreDialect = {
  labelsOf: (variable) => `${variable}.labels`,
  integerOf: (text) => `CAST(${text} AS INT64)`,
  nullProperties: true,
  countsEveryLabel: false,
  nullsInLists: true,
  unsigned: 18446744073709551615n,
  runawayMs: 20_000,
  busy: { nodes: 30_000, moves: 50 },
};

export const NEO4J_DIALECT: StoreDialect = {
  labelsOf: (variable) => `labels(${variable})`,
  integerOf: (text) => `toInteger(${text})`,
  nullProperties: false,
  countsEveryLabel: true,
  nullsInLists: false,
  unsigned: '18446744073709551615',
  runawayMs: 1000,
  // Each move is a dozen statements over a connection.
  busy: { nodes: 2000, moves: 12 },
};

/** Labels of `peopleAndCompanies` as a store counts them. */
export function peopleLabels({ countsEveryLabel }: StoreDialect): Record<string, number> {
  return { Company: 1, Person: 3, ...(countsEveryLabel && { Employee: 1 }) };
}

/** Every phase of a load, to its certificate; one that fails is aborted. */
export async function loadWhole(
  store: GraphStore,
  request: Parameters<GraphStore['openLoad']>[0],
): Promise<LoadCertificate> {
  const load = await store.openLoad(request);
  try {
    await load.check();
    await load.nodes();
    await load.relationships();
    return await load.seal();
  } catch (error) {
    await load.abort();
    throw error;
  }
}

/** Of an alias to the first snapshot. */
export function properties(epoch: number): AliasProperties {
  return { epoch, snapshot: T1, contentHash: 'c0ffee', since: '2024-01-01T00:00:00.000Z' };
}

export function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
