/**
 * Databases on a Neo4j server. A database has its final name from the start, since Neo4j cannot rename; what it holds
 * tells what state it is in. Others' databases on the same server are no concern of ours and are not listed.
 */

import { randomUUID } from 'node:crypto';
import type { Clock } from '../../platform/clock.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import type { DatabaseInfo } from '../graph-store.ts';
import { importsUnderWay } from './arrow/import-records.ts';
import type { Bookkeeping } from './bookkeeping.ts';
import type { Neo4jConnection } from './connection.ts';
import { markIn, type StoredMark } from './load-mark.ts';
import { quoteName, snapshotOf } from './names.ts';
import { isBroken, serverCode, storeError } from './server-errors.ts';

/** What the server says of a database. */
export interface ServerDatabase {
  readonly name: string;
  /** Another one for each database that ever had the name. */
  readonly id: string;
  readonly online: boolean;
  /** `standard`, `system` or `composite`. */
  readonly type: string;
}

/** Databases that are looked into at a time. */
const LOOKS_AT_ONCE = 8;
/** `CREATE DATABASE … WAIT` may give up waiting while the work goes on. */
const SETTLE_LOOKS = 600;
const SETTLE_LOOK_MS = 100;

export class Databases {
  readonly #connection: Neo4jConnection;
  readonly #bookkeeping: Bookkeeping;
  readonly #clock: Clock;
  /** Ids of complete databases: one that is complete stays so. */
  readonly #complete = new Set<string>();

  constructor(connection: Neo4jConnection, bookkeeping: Bookkeeping, clock: Clock) {
    this.#connection = connection;
    this.#bookkeeping = bookkeeping;
    this.#clock = clock;
  }

  /** All databases of the server, whoever made them, by one statement. */
  async onServer(only?: string): Promise<ServerDatabase[]> {
    const rows = await this.#connection.ask(
      `SHOW DATABASES YIELD name, databaseID, currentStatus, type
       ${only === undefined ? '' : 'WHERE name = $name'} RETURN name, databaseID, currentStatus, type`,
      only === undefined ? {} : { name: only },
    );
    const byName = new Map<string, ServerDatabase>();
    for (const row of rows) {
      const name = String(row.name);
      // A cluster has a row for each member that hosts it.
      const online = row.currentStatus === 'online' || (byName.get(name)?.online ?? false);
      byName.set(name, { name, id: String(row.databaseID ?? ''), online, type: String(row.type) });
    }
    return [...byName.values()];
  }

  /** @param customer only this one's; default: all of ours */
  async list(customer?: string): Promise<DatabaseInfo[]> {
    const imports = await this.#imports({ ...(customer !== undefined && { customer }) });
    const onServer = await this.onServer();
    const ours = onServer.filter(({ name, type }) => {
      const owner = type === 'standard' && name !== this.#bookkeeping.database && snapshotOf(name)?.customer;
      return owner && (customer === undefined || owner === customer);
    });
    const infos: DatabaseInfo[] = [];
    for (let start = 0; start < ours.length; start += LOOKS_AT_ONCE) {
      const judged = ours.slice(start, start + LOOKS_AT_ONCE).map((database) => this.#judge(database));
      for (const info of await Promise.all(judged)) if (info) infos.push(info);
    }
    infos.push(...imports.filter(({ name }) => !onServer.some((one) => one.name === name)));
    return infos.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** One of ours by its name, or none. */
  async named(name: string): Promise<DatabaseInfo[]> {
    const [found] = snapshotOf(name) ? await this.onServer(name) : [];
    if (!found && snapshotOf(name)) return this.#imports({ database: name });
    const info = found && (await this.#judge(found));
    return info ? [info] : [];
  }

  /** Databases that imports will make; they are not on the server yet. */
  async #imports(only: { readonly customer?: string; readonly database?: string }): Promise<DatabaseInfo[]> {
    const { driver } = this.#connection;
    const imports = await importsUnderWay(driver, this.#bookkeeping.database, only);
    return imports.map(({ database: name, ...mark }) => {
      const { customer, timestamp } = mark;
      return { name, snapshot: { customer, timestamp }, state: 'building' as const, mark };
    });
  }

  /**
   * @throws NOT_FOUND where there is none of that name, or it is none of ours, STORE_BUSY while it is not online: what
   * cannot be looked into is neither complete nor anything else
   */
  async judge(name: string): Promise<DatabaseInfo> {
    const [info] = await this.named(name);
    if (info?.away) throw new GraphshiftError('STORE_BUSY', `database ${name} is not online`);
    if (info) return info;
    throw new GraphshiftError('NOT_FOUND', `no database ${JSON.stringify(name)}`);
  }

  async exists(name: string): Promise<boolean> {
    return (await this.onServer(name)).length > 0;
  }

  /** Undefined for one that is gone by now. */
  async #judge({ name, id, online }: ServerDatabase): Promise<DatabaseInfo | undefined> {
    const snapshot = snapshotOf(name);
    const base = { name, ...(snapshot && { snapshot }) };
    if (!online) return { ...base, state: 'unknown', away: true };
    if (id && this.#complete.has(id)) return { ...base, state: 'complete' };
    try {
      return { ...base, ...(await this.#stateOf(name, id)) };
    } catch (error) {
      // A server that has just started may not know yet where a database is that it lists.
      if (/\.DatabaseNotFound$/.test(serverCode(error)) && !(await this.exists(name))) return undefined;
      if (error instanceof GraphshiftError || isBroken(error) || /\.Security\./.test(serverCode(error)))
        throw error;
      return { ...base, state: 'unknown' };
    }
  }

  async #stateOf(name: string, id: string): Promise<Pick<DatabaseInfo, 'state' | 'mark'>> {
    const { filled, mark } = await this.#look(name);
    if (mark) return markedState(mark);
    if (!filled) return { state: (await this.#bookkeeping.owns(name)) ? 'building' : 'unknown' };
    if (id) this.#complete.add(id);
    return { state: 'complete' };
  }

  /**
   * Whether there is anything in it, asked first, and its mark: the mark comes before everything else and goes last, so
   * what has something in it and then no mark is complete. Asked of the leader: another member of a cluster may not know
   * yet that the mark is gone.
   */
  async #look(name: string): Promise<{ filled: boolean; mark: StoredMark | undefined }> {
    const session = await this.#connection.session(name);
    try {
      return await session.executeWrite(async (tx) => {
        const { records } = await tx.run('MATCH (n) RETURN 1 AS one LIMIT 1');
        return { filled: records.length > 0, mark: await markIn(tx) };
      });
    } finally {
      await session.close();
    }
  }

  /** Makes it and waits until it is online; one that is there is left alone. */
  async create(name: string): Promise<void> {
    const maker = randomUUID();
    try {
      await this.#bookkeeping.own(name, maker);
      await this.createOnServer(name);
    } catch (error) {
      if (!isBroken(error)) await this.#disownMissing(name, maker).catch(() => {});
      throw storeError(error, `create database ${name}`);
    }
  }

  /** What the server refused to make, as where it is full. Where that is not told, the upkeep finds it. */
  async #disownMissing(name: string, maker: string): Promise<void> {
    if (!(await this.exists(name))) await this.#bookkeeping.disown(name, maker);
  }

  async createOnServer(name: string): Promise<void> {
    await this.#connection.system(`CREATE DATABASE ${quoteName(name)} IF NOT EXISTS WAIT`);
    await this.#settle(name, ([found]) => found?.online === true, 'come online');
  }

  /** Waits until a drop that was committed is done, and forgets the database. */
  async dropped(name: string): Promise<void> {
    await this.#settle(name, (found) => found.length === 0, 'go');
    await this.#bookkeeping.disown(name);
  }

  async #settle(name: string, done: (found: ServerDatabase[]) => boolean, what: string): Promise<void> {
    for (let look = 0; look < SETTLE_LOOKS; look++) {
      if (done(await this.onServer(name))) return;
      await this.#clock.sleep(SETTLE_LOOK_MS);
    }
    throw new GraphshiftError('STORE_BUSY', `database ${name} does not ${what}`);
  }

  /** Transactions that run on it now, or undefined when it is gone. */
  async transactions(name: string): Promise<number | undefined> {
    if (!(await this.exists(name))) return undefined;
    const rows = await this.#connection.ask(
      'SHOW TRANSACTIONS YIELD transactionId, database WHERE database = $name RETURN transactionId',
      { name },
    );
    return rows.length;
  }

  /** The highest epoch in the marks of a customer's databases; 0 for none. */
  async highestMark(customer: string): Promise<number> {
    const databases = await this.list(customer);
    return Math.max(0, ...databases.map(({ mark }) => mark?.epoch ?? 0));
  }
}

function markedState({
  sealed,
  customer,
  timestamp,
  run,
  epoch,
}: StoredMark): Pick<DatabaseInfo, 'state' | 'mark'> {
  if (![timestamp, run, epoch].every(Number.isSafeInteger)) return { state: 'unknown' };
  return { state: sealed ? 'marked' : 'building', mark: { customer, timestamp, run, epoch } };
}
