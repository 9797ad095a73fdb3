/** The marks of a build's chunks: one node each, so that sessions do not queue on one lock. */

import neo4j, { type Driver, type ManagedTransaction } from 'neo4j-driver';
import { GraphshiftError } from '../../../platform/errors.ts';
import { CHUNK_CONSTRAINT, CHUNK_LABEL, fencedOut, lockMark, MARK_LABEL, markIn } from '../load-mark.ts';
import type { LoadPlan } from './plan.ts';
import { LOCK_CHUNK, READ_CHUNK } from './statements.ts';

export interface ChunkState {
  readonly key: number;
  /** That are in the database. */
  readonly rows: number;
  /** That the chunk has; undefined until it was staged once. */
  readonly total?: number;
}

export interface Build {
  readonly driver: Driver;
  readonly database: string;
  readonly customer: string;
  readonly epoch: number;
}

/** Does something under the lock of the load mark. @throws FENCED when a higher epoch took over */
export async function fenced<T>(build: Build, work: (tx: ManagedTransaction) => Promise<T>): Promise<T> {
  const { driver, database, customer, epoch } = build;
  const session = driver.session({ database });
  try {
    return await session.executeWrite(async (tx) => {
      await lockMark(tx);
      const mark = await markIn(tx);
      if (mark?.epoch !== epoch) throw fencedOut(customer, epoch, mark?.epoch ?? epoch + 1);
      return work(tx);
    });
  } finally {
    await session.close();
  }
}

/**
 * The same under the lock of one chunk's mark, which a take-over writes too: such transactions run side by side.
 * @throws FENCED
 */
export async function fencedByChunk<T>(
  build: Build,
  key: number,
  work: (tx: ManagedTransaction) => Promise<T>,
): Promise<T> {
  const { driver, database, customer, epoch } = build;
  const session = driver.session({ database });
  try {
    return await session.executeWrite(async (tx) => {
      const chunk = { key: neo4j.int(key) };
      await tx.run(LOCK_CHUNK, chunk);
      const { records } = await tx.run(READ_CHUNK, chunk);
      const holder = Number(records[0]?.get('epoch') ?? epoch + 1);
      if (holder !== epoch) throw fencedOut(customer, epoch, holder);
      return work(tx);
    });
  } finally {
    await session.close();
  }
}

/** A statement in a transaction of its own, such as one about an index. */
export async function runAlone(build: Build, statement: string): Promise<void> {
  const session = build.driver.session({ database: build.database });
  try {
    await session.run(statement);
  } finally {
    await session.close();
  }
}

/** Makes the marks of a new build's chunks, under a plan that stays. */
export async function placeChunks(build: Build, plan: LoadPlan): Promise<void> {
  await runAlone(
    build,
    `CREATE CONSTRAINT ${CHUNK_CONSTRAINT} IF NOT EXISTS FOR (c:${CHUNK_LABEL}) REQUIRE c.key IS UNIQUE`,
  );
  const keys = plan.groups.flatMap(({ chunks }) => chunks.map(({ key }) => neo4j.int(key)));
  await fenced(build, async (tx) => {
    await tx.run(`MATCH (c:${CHUNK_LABEL}) DELETE c`);
    await tx.run(`UNWIND $keys AS key CREATE (:${CHUNK_LABEL} {key: key, epoch: $epoch, rows: 0})`, {
      keys,
      epoch: neo4j.int(build.epoch),
    });
    await tx.run(`MATCH (m:${MARK_LABEL}) SET m.plan = $plan`, { plan: plan.fingerprint });
  });
}

/** @param keys of the marks that are wanted; a shared load has a hundred thousand of them. @default all */
export async function readChunks(
  build: Build,
  keys?: { readonly first: number; readonly last: number },
): Promise<Map<number, ChunkState>> {
  const session = build.driver.session({ database: build.database });
  const where = keys ? 'WHERE c.key >= $first AND c.key <= $last' : '';
  const range = keys ? { first: neo4j.int(keys.first), last: neo4j.int(keys.last) } : {};
  try {
    const { records } = await session.executeRead((tx) =>
      tx.run(
        `MATCH (c:${CHUNK_LABEL}) ${where} RETURN c.key AS key, c.rows AS rows, c.total AS total`,
        range,
      ),
    );
    const states = records.map((record): [number, ChunkState] => {
      const [key, total] = [Number(record.get('key')), record.get('total')];
      return [
        key,
        { key, rows: Number(record.get('rows')), ...(total !== null && { total: Number(total) }) },
      ];
    });
    return new Map(states);
  } finally {
    await session.close();
  }
}

/**
 * Notes how many rows each chunk has.
 * @throws LOAD_FAILED where it had another number before: the files are not cut as they were
 */
export async function noteTotals(build: Build, totals: ReadonlyMap<number, number>): Promise<void> {
  const keys = [...totals.keys()];
  // Those between them too: they are of one load, or of one piece of it.
  const known = await readChunks(build, { first: Math.min(...keys), last: Math.max(...keys) });
  for (const [key, total] of totals) {
    const before = known.get(key)?.total ?? total;
    if (before !== total)
      throw new GraphshiftError(
        'LOAD_FAILED',
        `chunk ${key} has ${total} rows now, and had ${before} before`,
      );
  }
  const rows = [...totals].map(([key, total]) => ({ key: neo4j.int(key), total: neo4j.int(total) }));
  await fenced(build, (tx) =>
    tx.run(`UNWIND $rows AS row MATCH (c:${CHUNK_LABEL} {key: row.key}) SET c.total = row.total`, { rows }),
  );
}
