/**
 * The graph store under test, as the suite sees it: how processes reach it, what can be done to it, and what stands in
 * it. A target looks by itself, by what the store's documents say of its layout, and asks no code of the product.
 */

import type { Random } from '@graphshift/testkit';
import type { FaultKind } from './faults.ts';

export interface DatabaseSeen {
  readonly name: string;
  readonly customer: string;
  readonly timestamp: number;
  /** Without a load mark, and not a build. */
  readonly complete: boolean;
  /** Another one of the same name has another. */
  readonly identity: string;
}

export interface AliasSeen {
  readonly customer: string;
  /** Name of the database it leads to, whatever that is. */
  readonly database: string;
  readonly timestamp: number;
  readonly pinned: boolean;
  /** Timestamps of what rollbacks left. */
  readonly holds: readonly number[];
}

export interface Seen {
  readonly databases: readonly DatabaseSeen[];
  readonly aliases: readonly AliasSeen[];
  /** What is wrong by itself, such as an alias that leads nowhere. */
  readonly problems: readonly string[];
}

/** Rows by label and type, and a sum over values of `Person`, so that rows of another snapshot are told apart. */
export interface Content {
  readonly rows: Readonly<Record<string, number>>;
  readonly sum: string;
}

/** What a reading process is given to find the store. */
export interface ReaderPart {
  readonly kind: string;
  readonly url: string;
}

export interface Target {
  readonly kind: string;
  /** For the environment of one process. */
  environment(): Readonly<Record<string, string>>;
  readonly reader: ReaderPart;
  /** Faults of the store itself; each ends with the store as it was. */
  readonly faults: Readonly<Partial<Record<FaultKind, (random: Random) => Promise<string>>>>;
  /** Faults that this machine cannot have, with the reason. */
  readonly leftOut: readonly string[];
  look(): Promise<Seen>;
  content(database: string): Promise<Content>;
  /** All there is, for the evidence. */
  listing(): Promise<string>;
  close(): Promise<void>;
}
