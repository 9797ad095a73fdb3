/** Parity: what readers may do on the live database and rely on comes along to the new one. */

import type { Driver, Session } from 'neo4j-driver';
import type { CarryOverRequest, ParityReport } from '../../graph-store.ts';
import { fencedOut, readMark } from '../load-mark.ts';
import { copyPrivileges } from './privileges.ts';
import { applySchemaFile, awaitIndexes, copySchema, type SchemaCount } from './schema.ts';

export interface CarryOverSettings {
  /** How long indexes may take to come online. */
  readonly indexTimeoutMs: number;
  /** Whether privileges come along. @default true */
  readonly privileges?: boolean;
}

/**
 * Makes in `database` what schema.cypher says or, without one, what the live database has, waits until all indexes serve,
 * and grants what is granted on the live database. What is there already stays: it can be cut anywhere and run again.
 * @throws PARITY, SCHEMA_INVALID, FENCED, or what the driver throws when the server does not answer
 */
export async function carryOver(
  driver: Driver,
  database: string,
  request: CarryOverRequest,
  settings: CarryOverSettings,
): Promise<ParityReport> {
  const { from, statements, signal } = request;
  const { indexTimeoutMs, privileges = true } = settings;
  const live = from === database ? undefined : from;
  const mark = await readMark(driver, database);
  if (mark && mark.epoch > request.epoch) throw fencedOut(mark.customer, request.epoch, mark.epoch);
  const schema = await inSession(driver, database, signal, async (session): Promise<SchemaCount> => {
    let made: SchemaCount = { indexes: 0, constraints: 0 };
    if (statements) made = await applySchemaFile(session, statements, indexTimeoutMs);
    else if (live !== undefined)
      made = await inSession(driver, live, signal, (liveSession) =>
        copySchema({ name: live, session: liveSession }, session, indexTimeoutMs),
      );
    await awaitIndexes(session, indexTimeoutMs, signal);
    return made;
  });
  if (live === undefined || !privileges) return { ...schema, privileges: 0, notes: [] };
  const granted = await inSession(driver, 'system', signal, (session) =>
    copyPrivileges(session, live, database),
  );
  const notes = granted.more.map((command) => `${database} has a privilege that ${live} has not: ${command}`);
  return { ...schema, privileges: granted.privileges, notes };
}

/** Closing the session ends what it runs, so an abort does not wait for an index. */
async function inSession<Result>(
  driver: Driver,
  database: string,
  signal: AbortSignal | undefined,
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted();
  const session = driver.session({ database });
  const end = () => void session.close();
  signal?.addEventListener('abort', end, { once: true });
  try {
    return await use(session);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', end);
    await session.close();
  }
}
