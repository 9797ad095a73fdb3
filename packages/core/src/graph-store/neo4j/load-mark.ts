/**
 * The load mark of a database on Neo4j, and the marks of its chunks. A database has its final name from the start; one
 * node with the label `_GraphshiftLoad` says whose build it is, and is there until the database is verified. Each
 * chunk of rows has a node `_GraphshiftChunk` with the epoch and the rows of it that are in.
 *
 * The fence: a batch takes the write lock of its chunk's mark first, then looks at the epoch there, then writes its
 * rows, all in one transaction. Raising the epoch writes it into the load mark and every chunk's mark, in one
 * transaction too: it waits for the batches under way, and whatever comes after it under a lower epoch is refused.
 * Locks are taken by a statement of their own, since Cypher may read a property before it has the lock.
 */

import neo4j, { type Driver, type ManagedTransaction } from 'neo4j-driver';
import { GraphshiftError } from '../../platform/errors.ts';
import type { LoadCertificate, LoadMark } from '../graph-store.ts';

export const MARK_LABEL = '_GraphshiftLoad';
export const CHUNK_LABEL = '_GraphshiftChunk';
/** Constraints that last as long as the load does; the first makes two marks impossible. */
export const MARK_CONSTRAINT = '_graphshift_load';
export const CHUNK_CONSTRAINT = '_graphshift_chunk';

/** Property `key` of the one mark. */
export const MARK_KEY = 'load';

export interface StoredMark extends LoadMark {
  /** Loaded and counted: what is left is verify. */
  readonly sealed: boolean;
  /** Fingerprint of the files and of how they were cut into chunks; undefined until the chunks' marks are there. */
  readonly plan?: string;
  /** There while the database is sealed and not verified. */
  readonly certificate?: LoadCertificate;
}

/** The mark, or undefined where there is none. By way of a write, so that the leader answers and nobody who lags. */
export async function readMark(driver: Driver, database: string): Promise<StoredMark | undefined> {
  return inDatabase(driver, database, (session) => session.executeWrite((tx) => markIn(tx)));
}

/** Makes the mark of a new build, or takes an unsealed one over: see `raiseEpoch`. @throws FENCED */
export async function writeMark(driver: Driver, database: string, mark: LoadMark): Promise<StoredMark> {
  const { customer, timestamp } = mark;
  return inDatabase(driver, database, async (session) => {
    await session.run(
      `CREATE CONSTRAINT ${MARK_CONSTRAINT} IF NOT EXISTS FOR (m:${MARK_LABEL}) REQUIRE m.key IS UNIQUE`,
    );
    await session.executeWrite(async (tx) => {
      await tx.run(
        `MERGE (m:${MARK_LABEL} {key: $key})
         ON CREATE SET m.customer = $customer, m.timestamp = $timestamp, m.run = $run, m.epoch = $epoch, m.sealed = false`,
        { key: MARK_KEY, customer, timestamp: neo4j.int(timestamp), ...holderOf(mark) },
      );
      await refuseComplete(tx, database);
    });
    return session.executeWrite((tx) => raise(tx, database, mark));
  });
}

/**
 * Whoever slept since the database was missing may find another holder's, complete by now: it gets no mark. The plan
 * comes with the first chunk, so a mark without one has nothing beside it.
 */
async function refuseComplete(tx: ManagedTransaction, database: string): Promise<void> {
  const { records } = await tx.run(
    `MATCH (m:${MARK_LABEL}) WHERE m.plan IS NULL AND NOT m.sealed
     MATCH (n) WHERE n <> m AND NOT n:${CHUNK_LABEL} RETURN 1 AS one LIMIT 1`,
  );
  if (records.length > 0)
    throw new GraphshiftError('CONFLICT', `database ${database} is there already; drop it first`);
}

/**
 * Takes a build over: waits for the batches under way, and refuses every later one of a lower epoch.
 * @throws NOT_FOUND where there is no mark, FENCED where it carries a higher epoch
 */
export async function raiseEpoch(
  driver: Driver,
  database: string,
  holder: Pick<LoadMark, 'customer' | 'run' | 'epoch'>,
): Promise<StoredMark> {
  return inDatabase(driver, database, (session) => session.executeWrite((tx) => raise(tx, database, holder)));
}

/**
 * The last act of a load: the certificate goes into the mark, and the chunks' marks go.
 * @throws FENCED when another holder took over
 */
export async function sealMark(
  driver: Driver,
  database: string,
  certificate: LoadCertificate,
): Promise<void> {
  const { customer, epoch } = certificate;
  await inDatabase(driver, database, (session) =>
    session.executeWrite(async (tx) => {
      await lockMark(tx);
      const mark = await markIn(tx);
      if (mark?.epoch !== epoch) throw fencedOut(customer, epoch, mark?.epoch ?? epoch + 1);
      await tx.run(`MATCH (c:${CHUNK_LABEL}) DELETE c`);
      await tx.run(`MATCH (m:${MARK_LABEL}) SET m.sealed = true, m.certificate = $certificate`, {
        certificate: JSON.stringify(certificate),
      });
    }),
  );
}

/**
 * Removes the mark, the last act of verify. Idempotent.
 * @throws FENCED when it carries a higher epoch, CONFLICT when the load has not ended
 */
export async function removeMark(driver: Driver, database: string, epoch: number): Promise<void> {
  await inDatabase(driver, database, async (session) => {
    // Readers do not find them either; a build that is not sealed needs them.
    if ((await session.executeWrite((tx) => markIn(tx)))?.sealed)
      for (const name of [MARK_CONSTRAINT, CHUNK_CONSTRAINT])
        await session.run(`DROP CONSTRAINT ${name} IF EXISTS`);
    await session.executeWrite(async (tx) => {
      await lockMark(tx);
      const mark = await markIn(tx);
      if (!mark) return;
      if (mark.epoch > epoch) throw fencedOut(mark.customer, epoch, mark.epoch);
      if (!mark.sealed)
        throw new GraphshiftError('CONFLICT', `database ${database} is building: its load has not ended`);
      await tx.run(`MATCH (m:${MARK_LABEL}) DELETE m`);
    });
  });
}

/** Rows of a build that are in, by the marks of its chunks. */
export async function rowsIn(driver: Driver, database: string): Promise<number> {
  return inDatabase(driver, database, (session) =>
    session.executeRead(async (tx) => {
      const { records } = await tx.run(`MATCH (c:${CHUNK_LABEL}) RETURN sum(c.rows) AS rows`);
      return Number(records[0]?.get('rows') ?? 0);
    }),
  );
}

/** Takes the write lock of the mark and holds it to the end of the transaction. */
export async function lockMark(tx: ManagedTransaction): Promise<void> {
  await tx.run(`MATCH (m:${MARK_LABEL}) SET m.touched = true`);
}

/** The mark as this transaction sees it. */
export async function markIn(tx: ManagedTransaction): Promise<StoredMark | undefined> {
  const { records } = await tx.run(`MATCH (m:${MARK_LABEL}) RETURN properties(m) AS mark`);
  const found = records[0]?.get('mark') as Record<string, unknown> | undefined;
  if (!found) return undefined;
  return {
    customer: String(found.customer),
    timestamp: Number(found.timestamp),
    run: Number(found.run),
    epoch: Number(found.epoch),
    sealed: found.sealed === true,
    ...(typeof found.plan === 'string' && { plan: found.plan }),
    ...(typeof found.certificate === 'string' && {
      certificate: JSON.parse(found.certificate) as LoadCertificate,
    }),
  };
}

async function raise(
  tx: ManagedTransaction,
  database: string,
  holder: Pick<LoadMark, 'customer' | 'run' | 'epoch'>,
): Promise<StoredMark> {
  await lockMark(tx);
  const mark = await markIn(tx);
  if (!mark) throw new GraphshiftError('NOT_FOUND', `database ${database} has no load mark`);
  if (mark.epoch > holder.epoch) throw fencedOut(holder.customer, holder.epoch, mark.epoch);
  await tx.run(
    `MATCH (m:${MARK_LABEL}) SET m.run = $run, m.epoch = $epoch
     WITH m MATCH (c:${CHUNK_LABEL}) SET c.epoch = $epoch`,
    holderOf(holder),
  );
  return { ...mark, run: holder.run, epoch: holder.epoch };
}

function holderOf({ run, epoch }: Pick<LoadMark, 'run' | 'epoch'>) {
  return { run: neo4j.int(run), epoch: neo4j.int(epoch) };
}

export function fencedOut(customer: string, epoch: number, higher: number): GraphshiftError {
  return new GraphshiftError(
    'FENCED',
    `${customer}: epoch ${epoch} is over; a newer holder goes on under epoch ${higher}`,
    { details: { customer, epoch, higher } },
  );
}

async function inDatabase<T>(
  driver: Driver,
  database: string,
  use: (session: ReturnType<Driver['session']>) => Promise<T>,
): Promise<T> {
  const session = driver.session({ database });
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}
