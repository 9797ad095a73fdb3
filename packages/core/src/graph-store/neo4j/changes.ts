/**
 * Alias changes and drops, prepared and fired. Preparing begins a transaction on `system` with a time of its own and
 * says in its metadata what it is for; firing changes the alias or drops the database in it and commits. Whoever sleeps
 * in between and is taken over wakes to a transaction that has ended, and changes nothing.
 */

import { randomUUID } from 'node:crypto';
import type { Transaction } from 'neo4j-driver';
import { GraphshiftError, messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { AliasChange, AliasInfo, PreparedChange } from '../graph-store.ts';
import { aliasOf, encodeProperties, isCustomers } from './alias-properties.ts';
import type { Certificates } from './certificates.ts';
import type { Neo4jConnection, Row } from './connection.ts';
import type { Databases } from './databases.ts';
import { type ChangeMetadata, type Fence, fenced } from './fence.ts';
import { ownerName, quoteName, requireOwn } from './names.ts';
import { isBroken, isEnded, storeError } from './server-errors.ts';

export interface ChangesOptions {
  readonly connection: Neo4jConnection;
  readonly fence: Fence;
  readonly databases: Databases;
  readonly certificates: Certificates;
  /** Name of the bookkeeping database. */
  readonly installation: string;
  readonly log?: Logger | undefined;
  /** After which the server ends a change that is not fired. */
  readonly changeTimeoutMs: number;
  /** Where tests let a holder sleep. Production passes nothing. */
  readonly checkpoint?: Checkpoint;
}

/** Steps of a change: each is reached before the next begins. */
export type Checkpoint = (step: 'raised' | 'begun' | 'prepared' | 'read' | 'changed') => Promise<void>;

const ALIAS_COLUMNS = 'name, database, location, properties';
const SHOW_ALIASES = `SHOW ALIASES FOR DATABASE YIELD ${ALIAS_COLUMNS}`;

/** What firing does inside the transaction. */
type Act = (tx: Transaction) => Promise<void>;

export class Changes {
  readonly #options: ChangesOptions;

  constructor(options: ChangesOptions) {
    this.#options = options;
  }

  async alias(customer: string): Promise<AliasInfo | undefined> {
    const [row] = await this.#options.connection.ask(
      `${SHOW_ALIASES} WHERE name = $name RETURN ${ALIAS_COLUMNS}`,
      { name: ownerName(customer) },
    );
    return row && aliasOf(row);
  }

  /**
   * All aliases that are a customer's, by one statement. One that cannot be read is its customer's trouble alone: asked
   * for by name it is refused.
   */
  async aliases(only?: string): Promise<AliasInfo[]> {
    if (only !== undefined) {
      const alias = await this.alias(only);
      return alias ? [alias] : [];
    }
    const rows = await this.#options.connection.ask(`${SHOW_ALIASES} RETURN ${ALIAS_COLUMNS}`);
    return rows.filter(isOurs).flatMap((row) => {
      try {
        return [aliasOf(row)];
      } catch (error) {
        this.#options.log?.error({ customer: row.name }, messageOf(error));
        return [];
      }
    });
  }

  async prepareAlias(change: AliasChange): Promise<PreparedChange> {
    const { databases, fence } = this.#options;
    const customer = ownerName(change.customer);
    const { epoch } = change.properties;
    requireOwn(customer, change.database);
    const { state } = await databases.judge(change.database);
    if (state !== 'complete')
      throw new GraphshiftError(
        'CONFLICT',
        `database ${change.database} is ${state}; an alias targets complete ones`,
      );
    await fence.raise(customer, epoch);
    const metadata = this.#metadata('alias', customer, epoch, change.database);
    return this.#prepare(metadata, {
      act: (tx) => moveAlias(tx, { ...change, customer }),
      isDone: async () => isSame(await this.alias(customer), change),
    });
  }

  async prepareDrop(customer: string, name: string, epoch: number): Promise<PreparedChange> {
    const { databases, fence } = this.#options;
    const owner = ownerName(customer);
    requireOwn(owner, name);
    await fence.raise(owner, epoch);
    const metadata = this.#metadata('drop', owner, epoch, name);
    const change = await this.#prepare(metadata, {
      act: async (tx) => {
        refuseTarget(await aliasIn(tx, owner), name);
        await tx.run(`DROP DATABASE ${quoteName(name)} IF EXISTS DESTROY DATA`);
      },
      isDone: async () => !(await databases.exists(name)),
    });
    const fire = async () => {
      await change.fire();
      try {
        await databases.dropped(name);
        await this.#options.certificates.forget(name);
      } catch (error) {
        throw storeError(error, `drop ${name}`);
      }
    };
    return { fire, cancel: change.cancel };
  }

  #metadata(kind: ChangeMetadata['kind'], customer: string, epoch: number, database: string): ChangeMetadata {
    return { graphshift: this.#options.installation, change: randomUUID(), kind, customer, epoch, database };
  }

  /** Begins the transaction, then looks: at the epoch, at what else is prepared, at the alias. */
  async #prepare(
    metadata: ChangeMetadata,
    steps: { readonly act: Act; readonly isDone: () => Promise<boolean> },
  ): Promise<PreparedChange> {
    const { connection, fence, changeTimeoutMs } = this.#options;
    const what = `${metadata.kind === 'alias' ? 'move alias to' : 'drop'} ${metadata.database}`;
    const reach = this.#options.checkpoint ?? (async () => {});
    await reach('raised');
    const session = connection.systemSession();
    let tx: Transaction | undefined;
    const cancel = async () => {
      // What has ended meanwhile, or lost its connection, needs no end of ours.
      await tx?.close().catch(() => {});
      await session.close().catch(() => {});
      tx = undefined;
    };
    try {
      tx = await session.beginTransaction({ timeout: changeTimeoutMs, metadata });
      await reach('begun');
      await fence.check(metadata.customer, metadata.epoch);
      await this.#refuseOpposite(metadata);
      const current = await this.alias(metadata.customer);
      refuseOlder(current, metadata);
      if (metadata.kind === 'drop') refuseTarget(current, metadata.database);
    } catch (error) {
      await cancel();
      throw storeError(error, what);
    }
    const fire = async () => {
      const prepared = tx;
      tx = undefined;
      if (!prepared) throw fenced(metadata.customer, metadata.epoch);
      try {
        await reach('prepared');
        refuseOlder(await aliasIn(prepared, metadata.customer), metadata);
        await reach('read');
        await steps.act(prepared);
        await reach('changed');
        await prepared.commit();
      } catch (error) {
        await prepared.close().catch(() => {});
        await this.#settle(error, metadata, steps.isDone, what);
      } finally {
        await session.close().catch(() => {});
      }
    };
    return { fire, cancel };
  }

  /** An alias change and a drop of the same database: both begin first and look second, so one at most goes on. */
  async #refuseOpposite({ kind, customer, database }: ChangeMetadata): Promise<void> {
    const prepared = await this.#options.fence.prepared(customer);
    if (!prepared.some((other) => other.kind !== kind && other.database === database)) return;
    throw new GraphshiftError(
      'CONFLICT',
      kind === 'drop'
        ? `alias ${customer} is about to move to ${database}`
        : `database ${database} is about to be dropped`,
    );
  }

  /** What a failed fire comes to: nothing where the change was made after all, else an error. */
  async #settle(
    error: unknown,
    { customer, epoch, change }: ChangeMetadata,
    isDone: () => Promise<boolean>,
    what: string,
  ): Promise<void> {
    const { fence } = this.#options;
    if (isBroken(error)) {
      // Nobody knows what became of it: it is ended where it still runs, and then the store tells.
      const done = await insist(what, async () => {
        await fence.end(customer, (prepared) => prepared.change === change);
        if (await isDone()) return true;
        await fence.check(customer, epoch);
        return false;
      });
      if (done) return;
    }
    if (isEnded(error)) {
      // Whoever takes over is recorded before it ends anything; else its time was over, or a person ended it.
      await insist(what, () => fence.check(customer, epoch));
      const message = `${what}: the server ended it: ${messageOf(error)}`;
      throw new GraphshiftError('STORE_BUSY', message, { cause: error });
    }
    throw storeError(error, what);
  }
}

/** Where one connection broke, others of the pool may be broken too, which shows when they are used. */
const QUESTIONS = 4;

/** @throws in the words of the catalogue */
async function insist<Result>(what: string, ask: () => Promise<Result>): Promise<Result> {
  for (let question = 1; ; question++) {
    try {
      return await ask();
    } catch (error) {
      if (!isBroken(error) || question === QUESTIONS) throw storeError(error, what);
    }
  }
}

/** `SHOW ALIASES` lists other people's aliases, remote ones and those in composite databases too. */
function isOurs(row: Row): boolean {
  try {
    return row.location === 'local' && ownerName(String(row.name)) === row.name && isCustomers(row);
  } catch {
    return false;
  }
}

async function aliasIn(tx: Transaction, name: string): Promise<AliasInfo | undefined> {
  const { records } = await tx.run(`${SHOW_ALIASES} WHERE name = $name RETURN ${ALIAS_COLUMNS}`, { name });
  const row = records[0]?.toObject();
  return row && aliasOf(row);
}

/** In the transaction, and nowhere else: the alias is altered, or made where there is none. */
async function moveAlias(tx: Transaction, change: AliasChange): Promise<void> {
  const [name, target] = [quoteName(change.customer), quoteName(change.database)];
  const parameters = { properties: encodeProperties(change.properties) };
  if (!(await aliasIn(tx, change.customer))) {
    await tx.run(
      `CREATE ALIAS ${name} IF NOT EXISTS FOR DATABASE ${target} PROPERTIES $properties`,
      parameters,
    );
    // It reports success where the alias is there by now and leads elsewhere.
    if (isSame(await aliasIn(tx, change.customer), change)) return;
  }
  await tx.run(`ALTER ALIAS ${name} SET DATABASE TARGET ${target} PROPERTIES $properties`, parameters);
}

function isSame(alias: AliasInfo | undefined, { database, properties }: AliasChange): boolean {
  if (alias?.database !== database) return false;
  const [stored, wanted] = [alias.properties, properties].map(({ pin, holds, ...plain }) =>
    JSON.stringify([Object.entries(plain).sort(), pin, holds]),
  );
  return stored === wanted;
}

function refuseOlder(alias: AliasInfo | undefined, { customer, epoch }: ChangeMetadata): void {
  if (alias && alias.properties.epoch > epoch) throw fenced(customer, epoch, alias.properties.epoch);
}

function refuseTarget(alias: AliasInfo | undefined, name: string): void {
  if (alias?.database !== name) return;
  throw new GraphshiftError(
    'CONFLICT',
    `database ${name} is the target of alias ${alias.customer}: move it first`,
  );
}
