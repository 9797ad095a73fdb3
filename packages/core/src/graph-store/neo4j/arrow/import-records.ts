/**
 * Imports under way, in the bookkeeping database. Until its import ends a database is not on the server, so what the load
 * mark is to a build over Bolt a record is here: it says whose the import is, and a higher epoch takes it over.
 */

import neo4j, { type Driver, type ManagedTransaction } from 'neo4j-driver';
import type { LoadMark } from '../../graph-store.ts';
import { told } from '../bookkeeping.ts';
import { fencedOut } from '../load-mark.ts';

interface ImportRecord extends LoadMark {
  readonly database: string;
}

/**
 * Records that an import of this holder begins.
 * @throws FENCED when the record, or the customer, has a higher epoch
 */
export async function recordImport(
  driver: Driver,
  bookkeeping: string,
  database: string,
  mark: LoadMark,
): Promise<void> {
  await within(driver, bookkeeping, async (tx) => {
    // The lock first, by a statement of its own.
    await tx.run('MERGE (d:Database {name: $database}) SET d.touched = true', { database });
    await refuseHigher(tx, database, mark);
    const { customer, timestamp, run, epoch } = mark;
    await tx.run(
      `MATCH (d:Database {name: $database}) SET d.importing = true, d.customer = $customer,
         d.timestamp = $timestamp, d.run = $run, d.epoch = $epoch`,
      { database, customer, timestamp: neo4j.int(timestamp), run: neo4j.int(run), epoch: neo4j.int(epoch) },
    );
  });
}

/** After the database is there with its mark: it speaks for itself. */
export async function forgetImport(driver: Driver, bookkeeping: string, database: string): Promise<void> {
  await within(driver, bookkeeping, async (tx) => {
    await tx.run('MATCH (d:Database {name: $database}) REMOVE d.importing', { database });
  });
}

/** Records of imports, each with the mark that its database will have. */
export async function importsUnderWay(
  driver: Driver,
  bookkeeping: string,
  only: { readonly customer?: string; readonly database?: string },
): Promise<ImportRecord[]> {
  return within(driver, bookkeeping, async (tx) => {
    const { records } = await tx.run(
      `MATCH (d:Database) WHERE d.importing AND ($customer IS NULL OR d.customer = $customer)
         AND ($database IS NULL OR d.name = $database)
       RETURN d.name AS database, d.customer AS customer, d.timestamp AS timestamp, d.run AS run, d.epoch AS epoch`,
      { customer: only.customer ?? null, database: only.database ?? null },
    );
    return records.map((record) => ({
      database: String(record.get('database')),
      customer: String(record.get('customer')),
      timestamp: Number(record.get('timestamp')),
      run: Number(record.get('run')),
      epoch: Number(record.get('epoch')),
    }));
  });
}

/**
 * Asked before each command of an import.
 * @throws FENCED when another holder took over, or the import was dropped
 */
export async function refuseLate(
  driver: Driver,
  bookkeeping: string,
  database: string,
  mark: LoadMark,
): Promise<void> {
  await within(driver, bookkeeping, async (tx) => {
    await refuseHigher(tx, database, mark);
    const { records } = await tx.run(
      'MATCH (d:Database {name: $database}) WHERE d.importing RETURN d.epoch AS epoch, d.run AS run',
      { database },
    );
    const [record] = records;
    if (record && Number(record.get('epoch')) === mark.epoch && Number(record.get('run')) === mark.run)
      return;
    throw fencedOut(mark.customer, mark.epoch, Number(record?.get('epoch') ?? mark.epoch + 1));
  });
}

/** The epochs of the record and of whoever took the customer over. */
async function refuseHigher(tx: ManagedTransaction, database: string, mark: LoadMark): Promise<void> {
  const { records } = await tx.run(
    `OPTIONAL MATCH (d:Database {name: $database}) OPTIONAL MATCH (c:Customer {name: $customer})
     RETURN coalesce(d.epoch, 0) AS record, coalesce(c.epoch, 0) AS holder`,
    { database, customer: mark.customer },
  );
  const highest = Math.max(Number(records[0]?.get('record') ?? 0), Number(records[0]?.get('holder') ?? 0));
  if (highest > mark.epoch) throw fencedOut(mark.customer, mark.epoch, highest);
}

/** By way of a write, so that it is the leader's answer and never an older one. */
async function within<T>(
  driver: Driver,
  database: string,
  work: (tx: ManagedTransaction) => Promise<T>,
): Promise<T> {
  const session = driver.session({ database });
  try {
    return await told(database, () => session.executeWrite(work));
  } finally {
    await session.close();
  }
}
