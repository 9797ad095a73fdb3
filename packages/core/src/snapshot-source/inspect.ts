/**
 * The one out-of-core pass that every loader shares: everything that is wrong with a snapshot's files shows here,
 * before a row is stored. Runs in a loading child process, on a DuckDB that spills.
 */

import { join, resolve } from 'node:path';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { SnapshotGroup, SnapshotManifest } from '../snapshot/manifest.ts';
import { contentHash } from './content-hash.ts';
import { type Duck, quoteFiles, quoteIdentifier } from './duckdb.ts';
import { formatOf } from './file-format.ts';
import { firstLine, readFooters, type SchemaVariant } from './footers.ts';
import { type GroupKind, type ListedFile, type Listing, listSnapshot } from './layout.ts';
import { claimsOf } from './manifest-file.ts';
import { firstFileProblem } from './observe.ts';
import { checkNodes, checkRelationships } from './rows.ts';
import { checkColumnNames, mergeSchemas } from './schema.ts';
import { openSource, type VariantSource } from './sources.ts';
import { createView, viewOf } from './views.ts';

export interface InspectProgress {
  /** Bytes of all files that went into the content hash so far. */
  readonly bytes: number;
  readonly bytesTotal: number;
}

export interface InspectOptions {
  /** No link may lead out of it. @default the snapshot's own directory */
  readonly root?: string;
  /** The property that the store keeps a node's id in. @default 'id' */
  readonly idProperty?: string;
  /**
   * There must be a `manifest.json`, as the readiness rule `manifest` wants. One that is there holds in any case,
   * unless it has another shape. @default false
   */
  readonly requireManifest?: boolean;
  readonly signal?: AbortSignal;
  /** Called about once a mebibyte. */
  readonly onProgress?: (progress: InspectProgress) => void;
  /**
   * Called once every node is proven, and the columns of relationships: what is left are types and ends, and the content
   * hash. What it begins, such as the sending of nodes, may go on beside that.
   */
  readonly onNodes?: (groups: SnapshotGroups) => Promise<void>;
}

/** Labels and types, with the columns and rows of each. */
export type SnapshotGroups = Pick<SnapshotManifest, 'nodes' | 'relationships'>;

/**
 * Inspects a snapshot and leaves in DuckDB the table `snapshot_ids (id VARCHAR, label USMALLINT)`, where label is the
 * index into `manifest.nodes`, and the views `viewOf('nodes' | 'relationships', index)` over the groups' files.
 * Folders without a data file are no groups.
 * @throws the catalogue's errors about snapshots, files, columns, nodes and relationships; ABORTED, DISK_FULL, LOAD_FAILED
 */
export async function inspectSnapshot(
  duck: Duck,
  path: string,
  options: InspectOptions = {},
): Promise<SnapshotManifest> {
  const directory = resolve(path);
  const before = await listSnapshot(directory, options.root);
  const onAbort = () => duck.connection.interrupt();
  options.signal?.addEventListener('abort', onAbort);
  try {
    options.signal?.throwIfAborted();
    const manifest = await inspectListing(duck, directory, before, options);
    const moved = changeOf(before, await listSnapshot(directory, options.root));
    if (moved) throw moved;
    return manifest;
  } catch (error) {
    throw await explain(duck, directory, before, options, error);
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
}

async function inspectListing(
  duck: Duck,
  path: string,
  listing: Listing,
  options: InspectOptions,
): Promise<SnapshotManifest> {
  const problem = listing.problem ?? (await firstFileProblem(path, listing.files));
  if (problem) throw problem;
  const claims = await claimsOf(path, listing.files, {
    ...(options.root !== undefined && { root: options.root }),
    required: options.requireManifest ?? false,
  });
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  // Hashing reads while DuckDB computes in threads of its own.
  const hashing = contentHash(path, listing.files, {
    signal,
    onBytes: (bytes) => options.onProgress?.({ bytes, bytesTotal: listing.bytes }),
    ...(claims && {
      each: { paths: claims.hashed, onHash: (file, sha256) => claims.checkHash(file, sha256) },
    }),
  });
  hashing.catch(() => undefined);
  try {
    const idProperty = options.idProperty ?? 'id';
    const nodes = await groupsOf(duck, path, 'nodes', listing.files, idProperty, signal);
    const unchecked = await groupsOf(duck, path, 'relationships', listing.files, idProperty, signal);
    for (const { files } of [...nodes, ...unchecked])
      for (const file of files) claims?.checkRows(file.path, file.rows);
    await checkNodes({ duck, path }, nodes);
    signal.throwIfAborted();
    await options.onNodes?.({ nodes, relationships: unchecked });
    const ends = await checkRelationships({ duck, path }, unchecked);
    const relationships = unchecked.map((group, index) => ({
      ...group,
      ...(ends[index] && { ends: ends[index] }),
    }));
    const rows = [...nodes, ...relationships].reduce((sum, group) => sum + group.rows, 0);
    return { nodes, relationships, rows, bytes: listing.bytes, contentHash: await hashing };
  } catch (error) {
    // Contents that are not the claimed ones explain whatever else is wrong with them.
    if (claims && claims.hashed.size > 0 && !signal.aborted) await hashing;
    throw error;
  } finally {
    stop.abort();
    await hashing.catch(() => undefined);
  }
}

/** The groups of one kind, with a view for each. */
async function groupsOf(
  duck: Duck,
  path: string,
  kind: GroupKind,
  files: readonly ListedFile[],
  idProperty: string,
  signal: AbortSignal,
): Promise<SnapshotGroup[]> {
  const byGroup = new Map<string, ListedFile[]>();
  for (const file of files) {
    if (file.kind !== kind) continue;
    const members = byGroup.get(file.group);
    if (members) members.push(file);
    else byGroup.set(file.group, [file]);
  }
  const groups: SnapshotGroup[] = [];
  for (const [name, members] of byGroup) {
    signal.throwIfAborted();
    const footers = await readFooters(duck, path, members, (file, names) =>
      checkColumnNames(kind, idProperty, file, names),
    );
    const columns = mergeSchemas(kind, footers.variants);
    const view = viewOf(kind, groups.length);
    const sources: [SchemaVariant, VariantSource][] = [];
    for (const [index, variant] of footers.variants.entries())
      sources.push([variant, await openSource(duck, path, variant, `${view}_${index}`, signal)]);
    await createView(duck, path, view, columns, sources);
    const counted = members.map(({ path: file, bytes, modifiedAt }) => ({
      path: file,
      bytes,
      modifiedAt,
      rows: footers.rows.get(file) ?? 0,
    }));
    groups.push({ name, columns, files: counted, rows: counted.reduce((sum, { rows }) => sum + rows, 0) });
  }
  return groups;
}

/** How a snapshot changed between two listings, or undefined when it did not. */
export function changeOf(before: Listing, after: Listing): GraphshiftError | undefined {
  if (before.fingerprint === after.fingerprint) return undefined;
  const left = new Map(after.files.map((file) => [file.path, file]));
  const gone = before.files.find((file) => !left.has(file.path));
  if (gone) {
    const what = left.size === 0 ? 'the snapshot' : gone.path;
    return new GraphshiftError('SNAPSHOT_GONE', `${what} went while the snapshot was read`, {
      details: { file: gone.path },
    });
  }
  const known = new Map(before.files.map((file) => [file.path, file]));
  const changed = after.files.find((file) => {
    const old = known.get(file.path);
    return old?.bytes !== file.bytes || old.modifiedNs !== file.modifiedNs;
  });
  return new GraphshiftError(
    'SNAPSHOT_CHANGED',
    `${changed?.path ?? 'the snapshot'} changed while it was read`,
    {
      details: { file: changed?.path },
    },
  );
}

/** What lies behind an error: the signal, a snapshot that moved meanwhile, a full disk, or the file that cannot be read. */
async function explain(
  duck: Duck,
  path: string,
  before: Listing,
  options: InspectOptions,
  error: unknown,
): Promise<GraphshiftError> {
  if (options.signal?.aborted) {
    return new GraphshiftError('ABORTED', 'the inspection was stopped', { cause: error });
  }
  const moved = changeOf(before, await listSnapshot(path, options.root));
  if (moved) return new GraphshiftError(moved.code, moved.message, { details: moved.details, cause: error });
  if (error instanceof GraphshiftError) return error;
  return readFailure(duck, path, before.files, error);
}

/**
 * Names what made DuckDB fail while it read a snapshot: a full disk, or the first file and column with pages that
 * cannot be read (each is read whole, so this is slow); anything else is LOAD_FAILED.
 */
export async function readFailure(
  duck: Duck,
  path: string,
  files: readonly { readonly path: string }[],
  error: unknown,
): Promise<GraphshiftError> {
  if (/no space left|max_temp_directory_size/i.test(messageOf(error))) {
    const message = `no room left in ${duck.spillDirectory} for what does not fit into memory`;
    return new GraphshiftError('DISK_FULL', message, { cause: error });
  }
  if (/out of memory/i.test(messageOf(error))) {
    return new GraphshiftError('LOAD_FAILED', firstLine(error), { cause: error });
  }
  for (const file of files) {
    // What is wrong with an Arrow file has shown when it was decoded.
    if (formatOf(file.path) !== 'parquet') continue;
    const found = await unreadableColumn(duck, join(resolve(path), file.path));
    if (!found) continue;
    const { column, cause } = found;
    const where = column === undefined ? file.path : `${file.path}: column ${JSON.stringify(column)}`;
    const message = `${where} cannot be read: ${firstLine(cause).replace(resolve(path), '').trim()}`;
    return new GraphshiftError('FILE_UNREADABLE', message, { details: { file: file.path, column }, cause });
  }
  return new GraphshiftError('LOAD_FAILED', firstLine(error), { cause: error });
}

/** The first column of a Parquet file that cannot be read, without a name where it is the file itself. */
async function unreadableColumn(
  duck: Duck,
  path: string,
): Promise<{ column?: string; cause: unknown } | undefined> {
  const source = `read_parquet(${quoteFiles([path])}, hive_partitioning = false)`;
  const failure = async (columns: string) => {
    try {
      await duck.rows(`SELECT bit_xor(hash(${columns})) FROM ${source}`);
      return undefined;
    } catch (cause) {
      return { cause };
    }
  };
  const whole = await failure('COLUMNS(*)');
  if (!whole) return undefined;
  const described = await duck.rows(`DESCRIBE SELECT * FROM ${source}`).catch(() => []);
  for (const { column_name } of described) {
    const column = String(column_name);
    const found = await failure(quoteIdentifier(column));
    if (found) return { column, ...found };
  }
  return whole;
}
