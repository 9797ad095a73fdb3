/** What comes after the rows: the load label goes, indexes on the id come where they stay, and everything is counted. */

import neo4j from 'neo4j-driver';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { LoadCounts } from '../../certify.ts';
import type { CertifiedCount } from '../../graph-store.ts';
import { quoteName } from '../names.ts';
import { isOutOfMemory } from './failures.ts';
import type { GroupPlan, LoadPlan } from './plan.ts';
import { type Build, type ChunkState, fencedByChunk, readChunks, runAlone } from './progress-marks.ts';
import type { BoltSettings } from './settings.ts';
import { NODE_CONSTRAINT, NODE_LABEL } from './statements.ts';

/** Of nodes that lose a label in one transaction, for each row that may be written in one. */
const STRIP_FACTOR = 2;
const FEWEST_ROWS = 100;

/** By which ends are found; returns when it is online. */
export async function indexNodes(build: Build, idProperty: string): Promise<void> {
  await runAlone(
    build,
    `CREATE CONSTRAINT ${NODE_CONSTRAINT} IF NOT EXISTS FOR (n:${NODE_LABEL}) REQUIRE n.${quoteName(idProperty)} IS UNIQUE`,
  );
  await runAlone(build, 'CALL db.awaitIndexes(3600)');
}

/** A unique id for each label, which gives its nodes an index. */
export async function indexIds(build: Build, plan: LoadPlan, idProperty: string): Promise<void> {
  for (const { kind, name } of plan.groups)
    if (kind === 'nodes')
      await runAlone(
        build,
        `CREATE CONSTRAINT IF NOT EXISTS FOR (n:${quoteName(name)}) REQUIRE n.${quoteName(idProperty)} IS UNIQUE`,
      );
  await runAlone(build, 'CALL db.awaitIndexes(3600)');
}

/**
 * Takes the load label, and an id that does not stay, from every node, some at a time; what is cut goes on with the nodes
 * that still have it.
 * @param onRows called after each round
 */
export async function stripNodes(
  build: Build,
  plan: LoadPlan,
  settings: BoltSettings,
  onRows: () => void,
): Promise<void> {
  await runAlone(build, `DROP CONSTRAINT ${NODE_CONSTRAINT} IF EXISTS`);
  const id = settings.keepId ? '' : ` REMOVE n.${quoteName(settings.idProperty)}`;
  const keys = plan.groups.flatMap(({ chunks }) => chunks.map(({ key }) => key)).slice(0, settings.sessions);
  let limit = settings.batchRows * STRIP_FACTOR;
  for (;;) {
    // Each passes over the nodes of those before it. Where one of them was faster, some are left for the next round.
    const ended = await Promise.allSettled(
      keys.map((key, index) => strip(build, key, id, { skip: index * limit, limit })),
    );
    const rows = ended.map((one) => {
      if (one.status === 'rejected') throw one.reason;
      return one.value;
    });
    // The first passes over none.
    if (rows[0] === 0) return;
    if (rows.includes(undefined)) limit = Math.floor(limit / 2);
    onRows();
  }
}

/** @returns the nodes done, or undefined where the server had no memory for so many */
async function strip(
  build: Build,
  key: number,
  id: string,
  { skip, limit }: { skip: number; limit: number },
): Promise<number | undefined> {
  try {
    return await fencedByChunk(build, key, async (tx) => {
      const { records } = await tx.run(
        `MATCH (n:${NODE_LABEL}) WITH n SKIP $skip LIMIT $limit REMOVE n:${NODE_LABEL}${id} RETURN count(*) AS rows`,
        { skip: neo4j.int(skip), limit: neo4j.int(limit) },
      );
      return Number(records[0]?.get('rows') ?? 0);
    });
  } catch (error) {
    if (isOutOfMemory(error) && limit > FEWEST_ROWS) return undefined;
    throw error;
  }
}

/** Rows of one label or type at each station, but for what the store counts. */
export type Stations = Omit<CertifiedCount, 'name' | 'footers' | 'counted'>;

export interface StationsOf {
  of(group: GroupPlan): Stations;
  /** Nodes of the database that are marks. */
  readonly marks: number;
}

/**
 * What was read, sent and acknowledged by the marks, and what the count store says.
 * @throws CERTIFICATE where a label beside the folders' own, or the whole graph, has another number
 */
export async function certifyCounts(build: Build, plan: LoadPlan): Promise<Omit<LoadCounts, 'peakMemory'>> {
  const states = await readChunks(build);
  // The marks of the chunks and of the load are nodes too.
  return certifyStations(build, plan, { of: (group) => stations(group, states), marks: states.size + 1 });
}

/** The same, with stations that the caller has counted. */
export async function certifyStations(
  build: Build,
  plan: LoadPlan,
  { of, marks }: StationsOf,
): Promise<Omit<LoadCounts, 'peakMemory'>> {
  const labels = labelRows(plan);
  const byLabel = Object.fromEntries(labels);
  const nodes: CertifiedCount[] = [];
  const relationships: CertifiedCount[] = [];
  for (const group of plan.groups) {
    const { name, rows: footers } = group;
    if (group.kind === 'relationships') {
      const counted = await count(build, `()-[r:${quoteName(name)}]->()`, 'r');
      relationships.push({ name, footers, ...of(group), counted });
      continue;
    }
    const all = await count(build, `(n:${quoteName(name)})`, 'n');
    // Nodes of other folders may have this label too.
    const others = (labels.get(name) ?? 0) - footers;
    nodes.push({ name, footers, ...of(group), counted: all - others });
    labels.delete(name);
  }
  for (const [label, rows] of labels)
    refuseCount(`label ${label}`, rows, await count(build, `(n:${quoteName(label)})`, 'n'));
  const total = (kind: GroupPlan['kind']) =>
    plan.groups.reduce((sum, group) => sum + (group.kind === kind ? group.rows : 0), 0);
  refuseCount('the graph, in nodes', total('nodes'), (await count(build, '(n)', 'n')) - marks);
  refuseCount('the graph, in relationships', total('relationships'), await count(build, '()-[r]->()', 'r'));
  return { nodes, relationships, labels: byLabel };
}

/** Rows by label, over all folders. */
function labelRows(plan: LoadPlan): Map<string, number> {
  const rows = new Map<string, number>();
  const add = (label: string, more: number) => rows.set(label, (rows.get(label) ?? 0) + more);
  for (const { kind, name, labelSets, rows: all } of plan.groups) {
    if (kind === 'nodes' && labelSets.length === 0) add(name, all);
    for (const set of labelSets) for (const label of set.labels) add(label, set.rows);
  }
  return rows;
}

function stations(group: GroupPlan, states: ReadonlyMap<number, ChunkState>): Stations {
  const sum = (value: (state: ChunkState) => number) =>
    group.chunks.reduce((total, { key }) => {
      const state = states.get(key);
      return total + (state ? value(state) : 0);
    }, 0);
  const sent = sum(({ rows }) => rows);
  // A batch is committed only when the server made as many rows as were sent, so its progress says both.
  return { read: sum(({ total }) => total ?? 0), sent, acknowledged: sent };
}

/** @param variable the name in the pattern that is counted, so that the count store answers */
async function count({ driver, database }: Build, pattern: string, variable: string): Promise<number> {
  const session = driver.session({ database });
  try {
    const { records } = await session.executeRead((tx) =>
      tx.run(`MATCH ${pattern} RETURN count(${variable}) AS rows`),
    );
    return Number(records[0]?.get('rows'));
  } finally {
    await session.close();
  }
}

function refuseCount(what: string, rows: number, counted: number): void {
  if (rows !== counted)
    throw new GraphshiftError(
      'CERTIFICATE',
      `rows of ${what} do not match: ${rows} sent, ${counted} counted`,
    );
}
