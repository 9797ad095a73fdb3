/** The loading process: one build from the first look at the files to the counts of the finished graph. */

import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { serveParent } from '../../platform/child-process.ts';
import { asGraphshiftError, GraphshiftError, messageOf } from '../../platform/errors.ts';
import type { SnapshotGroup, SnapshotManifest } from '../../snapshot/manifest.ts';
import { type Duck, openDuck } from '../../snapshot-source/duckdb.ts';
import { changeOf, inspectSnapshot, readFailure } from '../../snapshot-source/inspect.ts';
import { type Listing, listSnapshot, refuseUnseen, rootOf } from '../../snapshot-source/layout.ts';
import type { CertifiedCount, LoadProgress } from '../graph-store.ts';
import { checkNames, RELATIONSHIP_COLUMNS } from './graph-names.ts';
import { type Graph, type GraphOptions, openGraph, quoteName, removeSideFiles } from './ladybug.ts';
import { GRAPH_FILE, SCRATCH_DIRECTORY } from './layout.ts';
import type { LoadCommands, LoadSettings, SealedBuild } from './load-commands.ts';
import { reportMemory } from './loader-memory.ts';
import { type BuildContext, type BuiltTable, buildNodeTable, buildRelationshipTable } from './tables.ts';

/** At most four reports a second. */
const REPORT_EVERY_MS = 250;
/** Shares of the loader's memory; the rest is Node's own and the copies between the two. */
const DUCK_SHARE = 0.4;
const GRAPH_SHARE = 0.4;
/** The rewritten files are not compressed, and stand beside the graph while it grows. */
const DISK_FACTOR = 6;
const DISK_SPARE_BYTES = 64 * 2 ** 20;

interface Work {
  readonly settings: LoadSettings;
  readonly manifest: SnapshotManifest;
  /** The files as they were when checked; a load of other ones proves nothing. */
  readonly listing: Listing;
  readonly duck: Duck;
  graph: Graph;
  readonly nodes: BuiltTable[];
  readonly relationships: BuiltTable[];
  rows: number;
  bytes: number;
  reportedAt: number;
}

type Report = (progress: unknown) => void;
let work: Work | undefined;
/** Its file must not come back into a directory that is being removed. */
let endReport: () => Promise<void> = async () => {};

serveParent<LoadCommands>({
  check: (settings, report) => catalogued(() => check(settings, report)),
  nodes: (_, report) => catalogued(() => unchanged(() => explained(() => build('nodes', report)))),
  relationships: (_, report) =>
    catalogued(() => unchanged(() => explained(() => build('relationships', report)))),
  seal: (_, report) => catalogued(() => unchanged(() => seal(report))),
});

async function check(settings: LoadSettings, report: Report): Promise<SnapshotManifest> {
  const scratch = scratchOf(settings);
  await mkdir(scratch, { recursive: true });
  endReport = reportMemory(scratch, settings.memoryBytes);
  const duck = await openDuck({
    spillDirectory: join(scratch, 'spill'),
    memoryBytes: Math.floor(settings.memoryBytes * DUCK_SHARE),
    threads: settings.threads,
  });
  await refuseUnseen(settings.path);
  const root = rootOf(settings.path);
  const listing = await listSnapshot(settings.path, root);
  const manifest = await inspectSnapshot(duck, settings.path, {
    root,
    idProperty: settings.idProperty,
    requireManifest: settings.requireManifest,
    onProgress: throttled(({ bytesTotal }) =>
      report({ phase: 'checking', rows: 0, rowsTotal: 0, bytes: 0, bytesTotal } satisfies LoadProgress),
    ),
  });
  checkNames(manifest, settings.idProperty);
  if (manifest.nodes.every((group) => group.rows === 0))
    throw new GraphshiftError('SNAPSHOT_EMPTY', 'no file under nodes/ has a row');
  await checkDisk(settings.build, manifest.bytes);
  const graph = await openGraphOf(settings, { readOnly: false });
  const counters = { rows: 0, bytes: 0, reportedAt: 0 };
  work = { settings, manifest, listing, duck, graph, nodes: [], relationships: [], ...counters };
  tell(work, 'checking', 0, report, true);
  return manifest;
}

async function build(kind: 'nodes' | 'relationships', report: Report): Promise<undefined> {
  const current = begun();
  if (kind === 'relationships' && current.manifest.relationships.some(hasFloats)) {
    await current.graph.close();
    current.graph = await openGraphOf(current.settings, { readOnly: false, compression: false });
  }
  for (const [index, group] of current.manifest[kind].entries()) {
    const context = contextOf(current, (rows) => tell(current, kind, rows, report));
    const built =
      kind === 'nodes'
        ? await buildNodeTable(context, group, index)
        : await buildRelationshipTable(context, group, index);
    current[kind].push(built);
    current.rows += built.count.acknowledged;
    current.bytes += bytesOf(group);
    tell(current, kind, 0, report, true);
  }
  return undefined;
}

/**
 * LadybugDB 0.19.1 compresses floats of relationships at 90,000 rows a CPU second: 1.2 M relationships, three quarters
 * of them with one DOUBLE, took 12.8 s with compression and 4.6 s without. Nodes do not suffer from it.
 */
function hasFloats(group: SnapshotGroup): boolean {
  return group.columns.slice(RELATIONSHIP_COLUMNS).some(({ type }) => /^(FLOAT|DOUBLE)\b/.test(type));
}

function openGraphOf(
  settings: LoadSettings,
  options: Pick<GraphOptions, 'readOnly' | 'compression'>,
): Promise<Graph> {
  return openGraph(join(settings.build, GRAPH_FILE), {
    bufferBytes: Math.floor(settings.memoryBytes * GRAPH_SHARE),
    threads: settings.threads,
    ...options,
  });
}

async function seal(report: Report): Promise<SealedBuild> {
  const current = begun();
  const path = join(current.settings.build, GRAPH_FILE);
  tell(current, 'sealing', 0, report, true);
  current.duck.close();
  await current.graph.rows('CHECKPOINT');
  await current.graph.close();
  await removeSideFiles(path);
  await endReport();
  await rm(scratchOf(current.settings), { recursive: true, force: true });
  const graph = await openGraphOf(current.settings, { readOnly: true });
  try {
    const nodes = await counted(graph, current.nodes, (name) => `(n:${quoteName(name)})`);
    const pattern = (name: string) => `()-[r:${quoteName(name)}]->()`;
    const relationships = await counted(graph, current.relationships, pattern);
    return { nodes, relationships, stored: storedTypes(current), peakMemory: peakMemory() };
  } finally {
    await graph.close();
  }
}

async function counted(
  graph: Graph,
  tables: readonly BuiltTable[],
  pattern: (name: string) => string,
): Promise<CertifiedCount[]> {
  const counts: CertifiedCount[] = [];
  for (const { count } of tables) {
    const [row] = await graph.rows(`MATCH ${pattern(count.name)} RETURN count(*) AS rows`);
    counts.push({ ...count, counted: Number(row?.rows) });
  }
  return counts;
}

function storedTypes(current: Work): SealedBuild['stored'] {
  const byName = (tables: readonly BuiltTable[]) =>
    Object.fromEntries(tables.map((table) => [table.count.name, table.columns]));
  const { idProperty } = current.settings;
  return { version: 1, idProperty, labels: byName(current.nodes), types: byName(current.relationships) };
}

function begun(): Work {
  if (!work) throw new GraphshiftError('INTERNAL', 'the files have not been checked yet');
  return work;
}

function contextOf(current: Work, onRows: (rows: number) => void): BuildContext {
  return {
    duck: current.duck,
    graph: current.graph,
    scratch: scratchOf(current.settings),
    idProperty: current.settings.idProperty,
    labels: current.manifest.nodes.map((group) => group.name),
    onRows,
  };
}

function tell(
  current: Work,
  phase: LoadProgress['phase'],
  rowsOfTable: number,
  report: Report,
  always = false,
): void {
  const now = performance.now();
  if (!always && now - current.reportedAt < REPORT_EVERY_MS) return;
  current.reportedAt = now;
  report({
    phase,
    rows: current.rows + rowsOfTable,
    rowsTotal: current.manifest.rows,
    bytes: current.bytes,
    bytesTotal: current.manifest.bytes,
  } satisfies LoadProgress);
}

async function checkDisk(directory: string, snapshotBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const needed = snapshotBytes * DISK_FACTOR + DISK_SPARE_BYTES;
  if (free < needed)
    throw new GraphshiftError(
      'DISK_FULL',
      `${directory} has ${mebibytes(free)} MiB free; a snapshot of ${mebibytes(snapshotBytes)} MiB may need ${mebibytes(needed)} MiB`,
      { details: { free, needed } },
    );
}

/** LadybugDB 0.19.1 says the last when the disk is full. */
function isFull(error: unknown): boolean {
  return /No space left on device|ENOSPC|Invalid transaction type to rollback/.test(messageOf(error));
}

/** Errors of the two databases in the words of the catalogue. */
async function catalogued<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const message = messageOf(error);
    if (isFull(error))
      throw new GraphshiftError('DISK_FULL', `no space left for the build: ${message}`, { cause: error });
    if (/buffer pool is full|Out of Memory Error/i.test(message))
      throw new GraphshiftError('LOAD_FAILED', `the loader's memory is too small: ${message}`, {
        cause: error,
      });
    throw asGraphshiftError(error, 'LOAD_FAILED');
  }
}

/** Whatever a step found, or failed to find, files that changed under it explain it. */
async function unchanged<T>(run: () => Promise<T>): Promise<T> {
  const current = begun();
  let failure: { error: unknown } | undefined;
  const result = await run().catch((error: unknown) => {
    failure = { error };
    return undefined;
  });
  const moved = changeOf(
    current.listing,
    await listSnapshot(current.settings.path, rootOf(current.settings.path)),
  );
  if (moved) throw moved;
  if (failure) throw failure.error;
  return result as T;
}

/** DuckDB does not say which file and column it could not read. */
async function explained<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof GraphshiftError || isFull(error)) throw error;
    const { duck, settings, listing } = begun();
    const failure = await readFailure(duck, settings.path, listing.files, error);
    throw failure.code === 'FILE_UNREADABLE' ? failure : error;
  }
}

function throttled<T>(report: (value: T) => void): (value: T) => void {
  let reportedAt = Number.NEGATIVE_INFINITY;
  return (value) => {
    const now = performance.now();
    if (now - reportedAt < REPORT_EVERY_MS) return;
    reportedAt = now;
    report(value);
  };
}

function scratchOf(settings: LoadSettings): string {
  return join(settings.build, SCRATCH_DIRECTORY);
}

function bytesOf(group: SnapshotGroup): number {
  return group.files.reduce((sum, file) => sum + file.bytes, 0);
}

/** Of this process, in bytes; the kernel counts in KiB. */
function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
