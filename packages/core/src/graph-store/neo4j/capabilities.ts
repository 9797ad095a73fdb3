/**
 * What a server can do, asked at the start. What is needed is tried, not told by the edition's name: other kernels have
 * several databases and aliases too.
 */

import { type ErrorCode, GraphshiftError, messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { Bookkeeping } from './bookkeeping.ts';
import type { Neo4jConnection } from './connection.ts';
import type { Databases } from './databases.ts';
import { isBroken, serverCode, storeError } from './server-errors.ts';

export interface Capabilities {
  readonly version: string;
  readonly edition: string;
  /** Of the Graph Data Science library, or undefined where it is not there. */
  readonly gds?: string;
  /** Databases that the server takes, `system` included, or undefined where it does not tell. */
  readonly maxDatabases?: number;
}

/** The first with properties of aliases, ids of databases and WAIT as we use them. */
const LEAST_MAJOR = 5;

/**
 * Asks, and makes the bookkeeping database.
 * @throws STORE_UNREACHABLE, STORE_LOGIN, STORE_DENIED, STORE_UNFIT with what is missing
 */
export async function examineServer(
  connection: Neo4jConnection,
  databases: Databases,
  bookkeeping: Bookkeeping,
  log: Logger,
): Promise<Capabilities> {
  const { url } = connection.access;
  const server = await need(`reach ${url}`, () => askVersion(connection));
  const named = `Neo4j ${server.version} ${server.edition} at ${url}`;
  if (Number(server.version.split('.')[0]) < LEAST_MAJOR)
    throw new GraphshiftError('STORE_UNFIT', `${named} is too old: at least ${LEAST_MAJOR}.0 is needed`);
  const attempt = (what: string, work: () => Promise<unknown>) => need(`${named}: ${what}`, work);
  await attempt('list databases', () => databases.onServer());
  await attempt('list aliases', () => connection.system('SHOW ALIASES FOR DATABASE YIELD name, properties'));
  await attempt('list transactions', () =>
    connection.system('SHOW TRANSACTIONS YIELD transactionId, connectionId, metaData, status'),
  );
  const { database } = bookkeeping;
  if (!(await databases.exists(database)))
    await attempt(`create the bookkeeping database ${database}`, () => databases.createOnServer(database));
  await attempt(`write to the bookkeeping database ${database}`, async () => {
    await bookkeeping.prepare();
    await bookkeeping.probe(30_000);
  });
  const found = { ...server, ...(await askLimit(connection)), ...(await askGds(connection, database)) };
  log.info({ ...found, url, bookkeeping: database }, inWords(found, url));
  return found;
}

function inWords({ version, edition, gds, maxDatabases }: Capabilities, url: string): string {
  const limit =
    maxDatabases === undefined ? 'limit on databases unknown' : `at most ${maxDatabases} databases`;
  return `graph store: Neo4j ${version} ${edition} at ${url}, ${limit}, ${gds ? `GDS ${gds}` : 'no GDS'}`;
}

/** What says by itself what is wrong. */
const SAID_ALREADY: readonly ErrorCode[] = ['STORE_LOGIN', 'STORE_DENIED', 'STORE_FULL', 'CONFIG_INVALID'];

/** @throws what the server lacks, in the words of the catalogue */
async function need<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (isBroken(error)) throw storeError(error, what);
    const mapped = storeError(error, what);
    if (mapped.class === 'retryable' && mapped.code !== 'STORE_FAILED') throw mapped;
    if (SAID_ALREADY.includes(mapped.code)) throw mapped;
    throw new GraphshiftError('STORE_UNFIT', `${what}: ${hint(error)}`, { cause: error });
  }
}

function hint(error: unknown): string {
  const said = messageOf(error).split('\n', 1)[0];
  if (/UnsupportedAdministrationCommand/.test(serverCode(error)))
    return `the server has no such command; several databases and aliases are features of Neo4j Enterprise (${said})`;
  return said ?? '';
}

async function askVersion(connection: Neo4jConnection): Promise<Pick<Capabilities, 'version' | 'edition'>> {
  // On `system` a call may be followed by YIELD and RETURN, and by nothing else.
  const rows = await connection.system('CALL dbms.components() YIELD name, versions, edition');
  const kernel = rows.find(({ name }) => name === 'Neo4j Kernel') ?? rows[0];
  const [version] = (kernel?.versions ?? []) as readonly unknown[];
  return { version: String(version ?? 'of unknown version'), edition: String(kernel?.edition ?? 'unknown') };
}

async function askLimit(connection: Neo4jConnection): Promise<Pick<Capabilities, 'maxDatabases'>> {
  const rows = await connection
    .system("SHOW SETTINGS YIELD name, value WHERE name = 'dbms.max_databases' RETURN value")
    .catch(() => []);
  const limit = Number(rows[0]?.value ?? Number.NaN);
  return Number.isSafeInteger(limit) ? { maxDatabases: limit } : {};
}

async function askGds(connection: Neo4jConnection, database: string): Promise<Pick<Capabilities, 'gds'>> {
  try {
    const [row] = await connection.read(database, 'RETURN gds.version() AS version');
    return row ? { gds: String(row.version) } : {};
  } catch (error) {
    if (isBroken(error)) throw storeError(error, 'ask for the GDS library');
    return {};
  }
}
