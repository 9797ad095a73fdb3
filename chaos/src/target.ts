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
  readonly kind: StoreKind;
  readonly url: string;
  readonly password?: string;
  /** Between two reads: the machine is shared with what is read. */
  readonly pauseMs: number;
}

export const STORE_KINDS = ['embedded', 'neo4j'] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

export type Size = 'small' | 'medium' | 'large';

/** How much the store can be asked to do on a small machine. */
export interface Scale {
  /** Between two snapshots, at least and at most. */
  readonly paceMs: readonly [number, number];
  /** People in a snapshot. */
  readonly sizes: Readonly<Record<Size, number>>;
  /** Between two looks at what stands in the store. */
  readonly lookMs: number;
}

export interface Target {
  readonly kind: StoreKind;
  /** Of 127.0.0.1, where the store's server listens, which each process reaches over a link; none without a server. */
  readonly port?: number;
  /** For the environment of one process. @param port of its link */
  environment(port?: number): Readonly<Record<string, string>>;
  /** Settings by which the suite itself opens the store. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly reader: ReaderPart;
  readonly scale: Scale;
  /** Faults of the store itself; each ends with the store as it was. */
  readonly faults: Readonly<Partial<Record<FaultKind, (random: Random) => Promise<string>>>>;
  /** Faults that this machine cannot have, with the reason. */
  readonly leftOut: readonly string[];
  /** Whether the store could answer nobody at some moment between the two, in ms since 1970. */
  wasDown(from: number, to: number): boolean;
  look(): Promise<Seen>;
  content(database: string): Promise<Content>;
  /** All there is, for the evidence. */
  listing(): Promise<string>;
  close(): Promise<void>;
}
