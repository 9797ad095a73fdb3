/** The Bolt loader as the store calls it; the phases run in a process of their own with a driver of its own. */

import { GraphshiftError } from '../../../platform/errors.ts';
import { databaseName } from '../../../snapshot/names.ts';
import type { Load, LoadCertificate, LoadOptions, LoadRequest } from '../../graph-store.ts';

/** How a process reaches the server; plain data, since it crosses to the loading process. */
export interface BoltAccess {
  /** `bolt://…` or `neo4j://…`, with `+s` or `+ssc` for TLS. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** Authorities that the server's certificate may come from, as files in PEM; default: those of the system. */
  readonly trustedCertificates?: readonly string[];
  /** @default 30_000 */
  readonly connectionTimeoutMs?: number;
}

export type DecimalRule = 'text' | 'float' | 'refuse';
export type UnsignedRule = 'refuse' | 'text';

export interface BoltSettings {
  /** Property that the id is kept in. @default 'id' */
  readonly idProperty: string;
  /** Whether the id stays in the database, with a unique index on it for each label. @default true */
  readonly keepId: boolean;
  /** Parallel transactions. @default 4 */
  readonly sessions: number;
  /** Rows of one transaction at most. @default 20_000 */
  readonly batchRows: number;
  /** Memory of the loading process in bytes. @default 300 MiB */
  readonly memoryBytes: number;
  /** Threads of DuckDB. @default 2 */
  readonly threads: number;
  /** Where DuckDB spills and relationships are sorted; one directory a load is made in it. @default that of the system */
  readonly scratchDirectory?: string;
  /**
   * What becomes of decimals, for which Neo4j has no type: `text` keeps every digit, `float` takes a column whose every
   * value a double holds exactly to its printed digits and refuses others, `refuse` refuses all. @default 'text'
   */
  readonly decimals: DecimalRule;
  /** What becomes of a column with unsigned integers beyond 2^63 - 1. @default 'refuse' */
  readonly unsigned: UnsignedRule;
  readonly requireManifest: boolean;
}

/** What the loader needs of the store that administers databases. */
export interface LoadDatabases {
  exists(database: string): Promise<boolean>;
  /** Makes it and waits until it is online; one that is there is left alone. */
  create(database: string): Promise<void>;
  /** Drops a build of the customer, if it is there, and waits until it is gone. */
  dropBuild(database: string): Promise<void>;
}

/** Where the certificates of complete databases are kept: certificates.ts. */
export interface CertificateKeeper {
  keep(certificate: LoadCertificate): Promise<void>;
}

export interface BoltLoadContext {
  readonly access: BoltAccess;
  readonly databases: LoadDatabases;
  readonly certificates: CertificateKeeper;
  readonly settings: BoltSettings;
}

/**
 * Makes the database with its mark, or takes over the build that an earlier run left of it.
 * @throws CONFLICT where the database is sealed or complete, FENCED when a higher epoch took over
 */
export async function openBoltLoad(
  _context: BoltLoadContext,
  request: LoadRequest,
  _options: LoadOptions,
): Promise<Load> {
  throw new GraphshiftError('INTERNAL', `${databaseName(request)}: the loader is being built`);
}
