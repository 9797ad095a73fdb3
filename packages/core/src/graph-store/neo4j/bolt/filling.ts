/** Fills a database with the nodes or relationships of a plan: stages them, and writes the chunks in parallel. */

import neo4j, { type Driver } from 'neo4j-driver';
import type { Duck } from '../../../snapshot-source/duckdb.ts';
import type { GroupKind } from '../../../snapshot-source/layout.ts';
import { type BatchSize, readBatches } from './batches.ts';
import { ChunkWriter } from './chunk-writer.ts';
import { type ChunkPlan, type GroupPlan, LABEL_SEPARATOR, type LoadPlan } from './plan.ts';
import { type Build, type ChunkState, noteTotals, readChunks } from './progress-marks.ts';
import { runDisjoint, type Task } from './schedule.ts';
import type { BoltAccess, BoltSettings } from './settings.ts';
import { type StagedGroup, type Stager, selectPart } from './staging.ts';
import { writeStatement } from './statements.ts';
import { readerOf } from './values.ts';

export interface Filling {
  readonly build: Build;
  readonly duck: Duck;
  readonly plan: LoadPlan;
  readonly settings: BoltSettings;
  readonly stager: Stager;
  readonly size: BatchSize;
  /** Called after each batch with its rows, and with a group that is wholly in. */
  readonly onRows: (rows: number) => void;
}

interface ChunkTask extends Task {
  readonly group: GroupPlan;
  readonly staged: StagedGroup;
  readonly chunk: ChunkPlan;
  readonly from: number;
}

export function openLoadDriver(access: BoltAccess, sessions: number): Driver {
  const own = access.caFile !== undefined;
  return neo4j.driver(
    // With a scheme that says `+s` the driver takes no trust of ours.
    own ? access.url.replace(/\+s(?=:)/, '') : access.url,
    neo4j.auth.basic(access.username, access.password),
    {
      useBigInt: true,
      maxConnectionPoolSize: sessions + 4,
      connectionTimeout: access.connectionTimeoutMs ?? 30_000,
      ...(access.caFile !== undefined && {
        encrypted: 'ENCRYPTION_ON' as const,
        trust: 'TRUST_CUSTOM_CA_SIGNED_CERTIFICATES' as const,
        trustedCertificates: [access.caFile],
      }),
    },
  );
}

/** Whether every row of the group is in the database. */
export function isFilled(group: GroupPlan, states: ReadonlyMap<number, ChunkState>): boolean {
  return group.chunks.every(({ key }) => {
    const state = states.get(key);
    return state?.total !== undefined && state.rows === state.total;
  });
}

/**
 * Writes what is not in the database yet of all groups of a kind. While nodes are written, relationships are staged: the
 * server and DuckDB have little to do at one time otherwise.
 */
export async function fill(filling: Filling, kind: GroupKind): Promise<void> {
  const { build, plan, settings, stager } = filling;
  const states = await readChunks(build, keysOf(plan));
  const tasks: ChunkTask[] = [];
  const totals = new Map<number, number>();
  const missing = plan.groups.filter((group) => !isFilled(group, states));
  // In the order of the plan, so nodes first.
  for (const group of missing) stager.stage(group).catch(() => undefined);
  for (const group of missing) {
    if (group.kind !== kind) continue;
    const staged = await stager.stage(group);
    for (const chunk of group.chunks) {
      const rows = staged.rows.get(chunk.part) ?? 0;
      const from = states.get(chunk.key)?.rows ?? 0;
      totals.set(chunk.key, rows);
      if (from < rows) tasks.push({ group, staged, chunk, from, rows: rows - from, buckets: chunk.buckets });
    }
  }
  if (totals.size > 0) await noteTotals(build, totals);
  const workers = await openWorkers(filling, Math.min(settings.sessions, tasks.length));
  try {
    await runDisjoint(tasks, workers.length, async (task, index) => {
      const worker = workers[index];
      if (worker) await writeChunk(filling, worker, task);
    });
  } finally {
    for (const { writer } of workers) await writer.close();
  }
}

/** The first and the last mark of a plan. */
function keysOf({ groups }: LoadPlan): { first: number; last: number } {
  const keys = groups.flatMap(({ chunks }) => chunks.map(({ key }) => key));
  // In the order of the plan they only grow.
  return { first: keys[0] ?? 0, last: keys.at(-1) ?? 0 };
}

interface Worker {
  readonly writer: ChunkWriter;
  readonly connection: Awaited<ReturnType<Duck['connect']>>;
}

async function openWorkers({ build, duck, size }: Filling, count: number): Promise<Worker[]> {
  const workers: Worker[] = [];
  for (let index = 0; index < count; index++)
    workers.push({ writer: new ChunkWriter({ ...build, size }), connection: await duck.connect() });
  return workers;
}

async function writeChunk(filling: Filling, { writer, connection }: Worker, task: ChunkTask): Promise<void> {
  const { group, staged, chunk, from } = task;
  const text = (value: unknown) => value;
  const batches = readBatches({
    connection,
    sql: selectPart(group, staged, chunk.part, from),
    readers: [...group.ids.map(() => text), ...group.properties.map(readerOf)],
    labelled: group.labels !== undefined,
    from,
    size: filling.size,
  });
  const statements = statementsOf(group, filling.settings.idProperty);
  for await (const batch of batches) {
    await writer.write(group, chunk.key, batch, statements);
    filling.onRows(batch.rows);
  }
}

/** One text for each set of labels, made once. */
function statementsOf(group: GroupPlan, idProperty: string): (labels: string | undefined) => string {
  const known = new Map<string | undefined, string>();
  const properties = group.properties.map(({ name }) => name);
  return (labels) => {
    const found = known.get(labels);
    if (found !== undefined) return found;
    const only = group.kind === 'nodes' ? (group.labelSets[0]?.labels ?? [group.name]) : [group.name];
    const names = labels === undefined ? only : labels.split(LABEL_SEPARATOR);
    const statement = writeStatement(group.kind, idProperty, names, properties);
    known.set(labels, statement);
    return statement;
  };
}
