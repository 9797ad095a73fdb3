/** What the Bolt loader is given: plain data, since most of it crosses to the loading process. */

import type { Driver } from 'neo4j-driver';
import type { LoadCertificate } from '../../graph-store.ts';

/** How a process reaches the server. */
export interface BoltAccess {
  /** `bolt://…` or `neo4j://…`, with `+s` for TLS, `+ssc` for TLS whose certificate nobody checks. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** PEM file of the authorities that the server's certificate may come from. @default those of Node.js */
  readonly caFile?: string;
  /** @default 30_000 */
  readonly connectionTimeoutMs?: number;
}

/**
 * What becomes of decimals, for which Neo4j has no type. `float`: of up to 15 digits a float, which holds them, wider ones
 * text; `text`: text with every digit of the scale; `refuse`: none is taken.
 */
export type DecimalRule = 'float' | 'text' | 'refuse';
/** What becomes of a column that has an unsigned integer beyond 2^63 - 1: it is refused, or kept as text. */
export type UnsignedRule = 'refuse' | 'text';

export interface BoltSettings {
  /** Property that a node's id is kept in. */
  readonly idProperty: string;
  /** Whether the id stays as a property of the nodes. */
  readonly keepId: boolean;
  /** Whether each label gets a uniqueness constraint, and so an index, on an id that stays. */
  readonly indexId: boolean;
  /** Parallel transactions. */
  readonly sessions: number;
  /** Rows of one transaction at most. */
  readonly batchRows: number;
  /** Memory of DuckDB in the loading process, in bytes. */
  readonly duckBytes: number;
  /** Threads of DuckDB. */
  readonly threads: number;
  /** Relationships are sorted here, and what does not fit into memory goes here. */
  readonly scratchDirectory: string;
  readonly decimals: DecimalRule;
  readonly unsigned: UnsignedRule;
  /** There must be a manifest.json that holds. */
  readonly requireManifest: boolean;
}

export const BOLT_DEFAULTS = {
  idProperty: 'id',
  keepId: true,
  indexId: true,
  sessions: 4,
  batchRows: 10_000,
  duckBytes: 48 * 2 ** 20,
  threads: 1,
  decimals: 'float',
  unsigned: 'refuse',
  requireManifest: false,
} as const satisfies Omit<BoltSettings, 'scratchDirectory'>;

/** What the loader needs of the store that administers databases. */
export interface LoadDatabases {
  exists(database: string): Promise<boolean>;
  /** Makes it and waits until it is online; one that is there is left alone. */
  create(database: string): Promise<void>;
  /** Drops it and waits until it is gone; one that is not there is well. */
  drop(database: string): Promise<void>;
}

/** Where the certificates of complete databases are kept. */
export interface CertificateKeeper {
  keep(certificate: LoadCertificate): Promise<void>;
}

export interface BoltLoadContext {
  /** Of this process; the loading process opens one of its own with `access`. */
  readonly driver: Driver;
  readonly access: BoltAccess;
  readonly databases: LoadDatabases;
  readonly certificates: CertificateKeeper;
  readonly settings: BoltSettings;
}
