/**
 * The graph store as a port. Every adapter passes the contract test in the testkit; nothing outside an adapter
 * knows where databases live.
 *
 * Two rules hold for every adapter:
 * - A database is *complete* when its load mark is gone and it is not empty. The mark is the first thing in a new
 *   database and its removal the last act of verify.
 * - What changes an alias or drops a database comes in two parts, prepare and fire, with a check of the epoch by
 *   the caller between them. `takeOver` ends every prepared change of a lower epoch: its fire must fail.
 */

import type { Service } from '../platform/service.ts';
import type { SnapshotManifest } from '../snapshot/manifest.ts';
import type { SnapshotName } from '../snapshot/names.ts';
import type { ChunkLoader, LoadSharing } from './sharing.ts';

/** Stands in a database from its first moment until it is verified. */
export interface LoadMark extends SnapshotName {
  readonly run: number;
  readonly epoch: number;
}

export interface DatabaseInfo {
  /** The name in the store; a build carries more than the name it will have (see `database`). */
  readonly name: string;
  /** The snapshot it belongs to, by exact name; undefined when the name is not one of ours. */
  readonly snapshot?: SnapshotName;
  /**
   * `building`: not renamed yet. `marked`: loaded, its mark still there. `complete`: verified. `unknown`: cannot be
   * judged, and is therefore never dropped.
   */
  readonly state: 'building' | 'marked' | 'complete' | 'unknown';
  /** It is `unknown` because nobody can look into it now, as while its server starts: what it is will show. */
  readonly away?: boolean;
  /** The mark, where there is a readable one. */
  readonly mark?: LoadMark;
}

/** A content that must not be promoted again by itself: what a rollback left. */
export interface Hold {
  readonly timestamp: number;
  readonly contentHash: string;
  /** ISO 8601. */
  readonly since: string;
  readonly reason: string;
}

/** Kept with the alias in the store, so that the store itself says what is live and why. */
export interface AliasProperties {
  readonly epoch: number;
  /** Unix time in seconds of the snapshot. */
  readonly snapshot: number;
  readonly contentHash: string;
  /** ISO 8601, when the alias came to this database. */
  readonly since: string;
  /** Nothing passes until unpinned. */
  readonly pin?: { readonly since: string; readonly reason: string };
  readonly holds?: readonly Hold[];
  /**
   * Snapshots that the alias came from, the last one first: what was live before, whatever Redis remembers. What a rollback
   * left is not among them.
   */
  readonly earlier?: readonly number[];
}

export interface AliasInfo {
  readonly customer: string;
  /** Name of the target database. */
  readonly database: string;
  readonly properties: AliasProperties;
}

export interface StoreListing {
  readonly databases: readonly DatabaseInfo[];
  readonly aliases: readonly AliasInfo[];
}

export interface StoreHealth {
  readonly reachable: boolean;
  readonly writable: boolean;
  /** Measures in percent of their limit; one that this store does not offer is left out. */
  readonly percent: { readonly heap?: number; readonly pagecache?: number; readonly disk?: number };
  /** What a measure is a share of on this store, where that needs words, such as `one loader's memory`. */
  readonly meaning?: { readonly heap?: string; readonly pagecache?: string; readonly disk?: string };
  /** Why this store does not offer a measure, where it knows. */
  readonly missing?: {
    readonly heap?: string;
    readonly pagecache?: string;
    readonly disk?: string;
    readonly databases?: string;
  };
  /** Databases of the whole server, others' too, and how many it takes; where it has such a limit. */
  readonly databases?: { readonly existing: number; readonly limit: number };
  /** The disk under the databases, in bytes, where the store tells it: `free` for this user, `total` of the file system. */
  readonly disk?: { readonly free: number; readonly total: number };
  /** Why it is not reachable or not writable. */
  readonly problem?: string;
}

export interface LoadRequest extends LoadMark {
  /** Directory of the snapshot. */
  readonly path: string;
}

export interface LoadProgress {
  readonly phase: 'checking' | 'nodes' | 'relationships' | 'sealing';
  /** Rows in the store so far, of nodes and relationships together. */
  readonly rows: number;
  readonly rowsTotal: number;
  /** Bytes of the files that are wholly in the store. */
  readonly bytes: number;
  readonly bytesTotal: number;
  /** Where it is shared: chunks of all that are in, and the instances that load. */
  readonly shared?: {
    readonly chunks: number;
    readonly chunksTotal: number;
    readonly loaders: readonly string[];
  };
}

/** Rows of one label or type, counted at each station from the rows themselves. */
export interface CertifiedCount {
  readonly name: string;
  /** Sum of the files' footers. */
  readonly footers: number;
  readonly read: number;
  readonly sent: number;
  readonly acknowledged: number;
  /** Asked of the store after the load. */
  readonly counted: number;
}

/** Proof of a load: for each label and type footers = read = sent = acknowledged = counted. */
export interface LoadCertificate extends LoadMark {
  readonly database: string;
  readonly contentHash: string;
  readonly nodes: readonly CertifiedCount[];
  readonly relationships: readonly CertifiedCount[];
  /**
   * Rows by every label that they name, of whatever folder, from a store that counts a node under each of its labels;
   * else the store counts by the folders' labels alone.
   */
  readonly labels?: Readonly<Record<string, number>>;
  readonly bytes: number;
  /** Peak resident memory of the loading process in bytes. */
  readonly peakMemory: number;
}

export interface LoadOptions {
  /** Aborting ends the load like `abort()`. */
  readonly signal?: AbortSignal;
  /** Called while the load runs, at most a few times a second. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Other processes may load parts of it, where the store has `chunkLoader`. @default it is loaded by this one */
  readonly sharing?: LoadSharing;
}

/** A load under way. Phases are called in order; each rejects with a catalogued error and leaves `abort` to the caller. */
export interface Load {
  /** Rows in the store that an earlier run of the deployment loaded, known after `check`; undefined where there are none. */
  readonly kept?: number | undefined;
  /** Chunks that it is shared in, known after `check`; undefined where it is not. */
  readonly chunks?: number | undefined;
  /** Reads footers, schemas, ids and ends: everything that is wrong with the files shows here, before a row is stored. */
  check(): Promise<SnapshotManifest>;
  nodes(): Promise<void>;
  relationships(): Promise<void>;
  /**
   * Gives the database its name, with its mark, and returns the certificate, which is kept with the database.
   * @throws CERTIFICATE when rows do not match, CONFLICT when a database of that name is there, FENCED when the build
   * was dropped meanwhile
   */
  seal(): Promise<LoadCertificate>;
  /** Ends the load and removes what it built. Idempotent; does nothing after `seal`. */
  abort(options?: AbortOptions): Promise<void>;
}

export interface AbortOptions {
  /**
   * Another run will go on with this load: what a store with `resumesBuilds` has built stays. @default false
   */
  readonly resumable?: boolean;
}

export interface Counts {
  readonly labels: Readonly<Record<string, number>>;
  readonly types: Readonly<Record<string, number>>;
}

/** A statement of a snapshot's schema.cypher. */
export interface SchemaFileStatement {
  /** Name of the file, for messages. */
  readonly file: string;
  /** On which it begins, from 1. */
  readonly line: number;
  readonly text: string;
}

export interface CarryOverRequest {
  /** Of the caller. */
  readonly epoch: number;
  /** The live database, where there is one: its indexes and constraints, and what is granted on it. */
  readonly from?: string;
  /** Of the snapshot's schema.cypher, where it has one; they stand in for the live database's indexes and constraints. */
  readonly statements?: readonly SchemaFileStatement[];
  /** Aborting ends it; what was made stays. */
  readonly signal?: AbortSignal;
}

/** What a new database has of what its readers rely on. */
export interface ParityReport {
  readonly indexes: number;
  readonly constraints: number;
  readonly privileges: number;
  /** What a person should know, a line each. */
  readonly notes: readonly string[];
}

/**
 * An alias change or a drop made ready under an epoch. The caller checks the epoch, then fires.
 */
export interface PreparedChange {
  /**
   * Makes the change, in one atomic step.
   * @throws FENCED when a higher epoch took over meanwhile; nothing was changed
   */
  fire(): Promise<void>;
  /** Ends the change unfired. Idempotent. */
  cancel(): Promise<void>;
}

export interface AliasChange {
  readonly customer: string;
  readonly database: string;
  readonly properties: AliasProperties;
}

export interface TakeOverOptions {
  /**
   * The epoch was given out just now, and nobody may have come to the store under it: a Redis that lost its last second, or
   * everything, gives an epoch out twice. @default false
   */
  readonly isNew?: boolean;
}

export interface QueryOptions {
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** @default 30_000 */
  readonly timeoutMs?: number;
  /** Rows at most; more is an error, not a cut. @default 100_000 */
  readonly maxRows?: number;
}

export interface QueryResult {
  readonly columns: readonly string[];
  /**
   * Values as JSON has them, except that integers beyond 2^53 are BigInt. Dates and timestamps are ISO 8601 text with
   * every digit, with `Z` where the files had a zone; bytes are base64 text. Nodes and relationships are objects of
   * their own properties and `_label`. Node ids are text whatever they were in the files.
   */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** Where a query goes: the customer's alias, resolved once a query, or one database by name. */
export type QueryTarget = { readonly alias: string } | { readonly database: string };

/** What whoever opens a store knows of it. */
export interface StoreExpectation {
  /** It was in use before, or is only read: one that is not there must not be made anew. @default false */
  readonly used?: boolean;
}

export interface GraphStore extends Service {
  readonly kind: string;
  /** How long a reader may go on with a database that the alias left, in milliseconds, unless the settings say. */
  readonly drainMs: number;
  /**
   * Whether `openLoad` goes on with the build that an earlier run of the same deployment left, so that it must not be
   * dropped before. @default false
   */
  readonly resumesBuilds?: boolean;
  /**
   * How many transactions run on a database at this moment; a store without this method keeps what its readers have open.
   * @returns undefined when the database is gone
   */
  readers?(database: string): Promise<number | undefined>;
  /** Creates what the store needs and says whether it can be used. @throws STORE_UNFIT, STORE_UNREACHABLE */
  start(expects?: StoreExpectation): Promise<void>;
  stop(): Promise<void>;
  /**
   * What no other store has, once it is started: the same for every process, wherever the store is reached or was moved to.
   * One without this method is not told apart from others.
   */
  id?(): Promise<string>;
  /** Never throws: a store that does not answer is `reachable: false`. */
  health(): Promise<StoreHealth>;
  /** @param filter `customer`: only what belongs to this one; default: everything, and what belongs to nobody */
  list(filter?: { readonly customer?: string }): Promise<StoreListing>;
  /**
   * Forgets what it keeps beside databases that are gone, as where a drop was cut. A store without this method keeps
   * nothing beside them.
   * @param listing of everything, as it was a moment ago
   * @returns names of the databases that were forgotten
   */
  tidy?(listing: StoreListing): Promise<readonly string[]>;
  /** The customer's alias, or undefined when it has none. */
  alias(customer: string): Promise<AliasInfo | undefined>;
  /** The highest epoch that the store has seen for the customer, in its alias, marks and prepared changes; 0 for none. */
  epochFloor(customer: string): Promise<number>;

  /** Makes the build with its mark. @throws FENCED when a higher epoch took over */
  openLoad(request: LoadRequest, options?: LoadOptions): Promise<Load>;
  /** For chunks of shared loads that other processes opened; a store without this method shares none. */
  chunkLoader?(): ChunkLoader;
  /** The certificate kept with a sealed database, or undefined when there is none. */
  certificate(database: string): Promise<LoadCertificate | undefined>;
  /** Bytes that a sealed database takes on the disk; a store without this method does not tell. */
  databaseBytes?(database: string): Promise<number>;
  /** Rows by label and type, asked of the store. */
  counts(database: string): Promise<Counts>;
  /**
   * Makes indexes, constraints and privileges in a sealed database, and waits until indexes serve. Idempotent: it may be
   * cut anywhere and run again, and run again before the cutover to see that all is there. A store without any does nothing.
   * @throws PARITY that names what could not be carried and why, SCHEMA_INVALID, FENCED when the mark carries a higher epoch
   */
  carryOver(database: string, request: CarryOverRequest): Promise<ParityReport>;
  /** Removes the load mark, the last act of verify. Idempotent. @throws FENCED when the mark carries a higher epoch */
  unmark(database: string, epoch: number): Promise<void>;

  /**
   * Ends every prepared change of a lower epoch, then reads the alias. Preparing does the same.
   * @throws FENCED when a higher epoch took over, or this one has already where it must be new
   */
  takeOver(customer: string, epoch: number, options?: TakeOverOptions): Promise<AliasInfo | undefined>;
  /**
   * Makes the alias point at the database, creating it the first time. Of such a change and a drop of the same database
   * under one epoch, at most one can be prepared, and so fired.
   * @throws NOT_FOUND when the customer has no such database, CONFLICT when it is not complete, FENCED
   */
  prepareAlias(change: AliasChange): Promise<PreparedChange>;
  /**
   * Drops a database or a build by its name in the listing. Firing on one that is gone does nothing.
   * @throws NOT_FOUND when the name is none of the customer's, CONFLICT when the alias targets it, FENCED
   */
  prepareDrop(customer: string, name: string, epoch: number): Promise<PreparedChange>;

  /** @throws QUERY_REFUSED for anything that is not one reading statement, QUERY_LIMIT, QUERY_FAILED, NOT_FOUND */
  query(target: QueryTarget, cypher: string, options?: QueryOptions): Promise<QueryResult>;
}
