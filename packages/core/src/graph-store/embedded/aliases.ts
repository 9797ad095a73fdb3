/**
 * Aliases: a link to a cutover directory that holds the link to the database and the properties, so that one
 * rename changes both. Cutover directories are never changed and are kept as long as their database.
 */

import { lstat, mkdir, readFile, readlink, rename, rm, stat, symlink, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { GraphshiftError } from '../../platform/errors.ts';
import { type Logger, silentLogger } from '../../platform/log.ts';
import { aliasName, parseDatabaseName } from '../../snapshot/names.ts';
import type { AliasChange, AliasInfo, AliasProperties, PreparedChange } from '../graph-store.ts';
import type { Databases } from './databases.ts';
import { errorCode, isMissing, syncDirectory, unlessMissing, writeDurably } from './durable-file.ts';
import { type Fence, fenced, names } from './fence.ts';
import { DATABASE_LINK, droppedBy, epochEntry, type Layout, PROPERTIES_FILE } from './layout.ts';

/** Reading follows two links; it starts again when the alias moves in between. */
const READ_TRIES = 20;

export class Aliases {
  readonly #layout: Layout;
  readonly #fence: Fence;
  readonly #databases: Databases;
  readonly #log: Logger;

  constructor(layout: Layout, fence: Fence, databases: Databases, log: Logger = silentLogger) {
    this.#layout = layout;
    this.#fence = fence;
    this.#databases = databases;
    this.#log = log;
  }

  async read(customer: string): Promise<AliasInfo | undefined> {
    const link = this.#layout.alias(customer);
    for (let attempt = 1; ; attempt++) {
      const cutover = await unlessMissing(readlink(link));
      if (cutover === undefined) return undefined;
      try {
        const directory = join(this.#layout.of('cutovers', customer), basename(cutover));
        const database = basename(await readlink(join(directory, DATABASE_LINK)));
        const text = await readFile(join(directory, PROPERTIES_FILE), 'utf8');
        const properties = JSON.parse(text) as AliasProperties;
        return { customer: aliasName(customer), database, properties };
      } catch (error) {
        if (isMissing(error) && attempt < READ_TRIES) continue;
        throw new GraphshiftError(
          'STORE_UNFIT',
          `alias ${customer} leads to ${cutover}, which is not whole`,
          {
            cause: error,
          },
        );
      }
    }
  }

  /** @param only this customer's; default: all */
  async list(only?: string): Promise<AliasInfo[]> {
    const aliases: AliasInfo[] = [];
    const all =
      only === undefined ? await names(this.#layout.area('aliases')) : [this.#layout.customer(only)];
    for (const customer of all.sort()) {
      // One that is not whole is its customer's trouble: whoever works on that customer is refused, and nothing of it
      // is dropped, since without a target nothing counts as published.
      const alias = await this.read(customer).catch((error: unknown) => {
        if (!(error instanceof GraphshiftError)) throw error;
        this.#log.error({ customer }, error.message);
        return undefined;
      });
      if (alias) aliases.push(alias);
    }
    return aliases;
  }

  async prepare(change: AliasChange): Promise<PreparedChange> {
    const customer = this.#layout.customer(change.customer);
    const { epoch } = change.properties;
    await this.#requireComplete(customer, change.database);
    await this.#fence.raise(customer, epoch);
    const current = await this.read(customer);
    if (current && current.properties.epoch > epoch) throw fenced(customer, epoch, current.properties.epoch);

    const entry = epochEntry(epoch);
    const cutover = join(this.#layout.of('cutovers', customer), entry);
    const prepared = join(this.#layout.of('prepared', customer), entry);
    await this.#writeCutover(cutover, change);
    await mkdir(this.#layout.of('prepared', customer), { recursive: true });
    await symlink(`../cutovers/${customer}/${entry}`, prepared);
    const cancel = async () => {
      if (await unlessMissing(unlink(prepared).then(() => true)))
        await rm(cutover, { recursive: true, force: true });
    };
    try {
      await this.#fence.check(customer, epoch);
      await this.#refuseDropped(customer, change.database);
    } catch (error) {
      await cancel();
      throw error;
    }
    return { fire: () => this.#fire(change, prepared), cancel };
  }

  /** @throws CONFLICT while an alias change to this database is prepared */
  async refusePrepared(customer: string, database: string): Promise<void> {
    for (const entry of await names(this.#layout.of('prepared', customer))) {
      const link = join(this.#layout.of('cutovers', customer), entry, DATABASE_LINK);
      const target = await unlessMissing(readlink(link));
      if (target !== undefined && basename(target) === database)
        throw new GraphshiftError('CONFLICT', `alias ${customer} is about to move to ${database}`);
    }
  }

  /** @throws CONFLICT while a drop of this database is prepared */
  async #refuseDropped(customer: string, database: string): Promise<void> {
    const entries = await names(this.#layout.of('drops', customer));
    if (entries.some((entry) => droppedBy(entry) === database))
      throw new GraphshiftError('CONFLICT', `database ${database} is about to be dropped`);
  }

  async #fire(change: AliasChange, prepared: string): Promise<void> {
    if (!(await unlessMissing(lstat(prepared)))) throw fenced(change.customer, change.properties.epoch);
    await this.#requireComplete(this.#layout.customer(change.customer), change.database);
    try {
      await rename(prepared, this.#layout.alias(change.customer));
    } catch (error) {
      if (isMissing(error)) throw fenced(change.customer, change.properties.epoch);
      throw error;
    }
    await syncDirectory(this.#layout.area('aliases'));
  }

  async #writeCutover(directory: string, change: AliasChange): Promise<void> {
    await mkdir(directory, { recursive: true });
    await symlink(`../../../databases/${change.database}`, join(directory, DATABASE_LINK));
    await writeDurably(join(directory, PROPERTIES_FILE), `${JSON.stringify(change.properties, null, 2)}\n`);
    await syncDirectory(this.#layout.of('cutovers', change.customer));
    await syncDirectory(this.#layout.area('cutovers'));
  }

  async #requireComplete(customer: string, database: string): Promise<void> {
    if (parseDatabaseName(database)?.customer !== customer)
      throw new GraphshiftError(
        'NOT_FOUND',
        `customer ${customer} has no database ${JSON.stringify(database)}`,
      );
    const { state } = await this.#databases.judge(database);
    if (state !== 'complete')
      throw new GraphshiftError(
        'CONFLICT',
        `database ${database} is ${state}; an alias targets complete ones`,
      );
  }

  /** Removes the cutover directories of a database that is gone; the alias's own stays whatever it leads to. */
  async forget(customer: string, database: string): Promise<void> {
    const directory = this.#layout.of('cutovers', customer);
    const current = await unlessMissing(readlink(this.#layout.alias(customer)));
    const prepared = new Set(await names(this.#layout.of('prepared', customer)));
    for (const entry of await names(directory)) {
      if ((current !== undefined && basename(current) === entry) || prepared.has(entry)) continue;
      const target = await readlink(join(directory, entry, DATABASE_LINK)).catch(() => undefined);
      if (target !== undefined && basename(target) === database)
        await rm(join(directory, entry), { recursive: true, force: true });
    }
  }
}

/** The directory of the database that an alias leads to, resolved once. @throws NOT_FOUND without an alias */
export async function resolveAlias(layout: Layout, customer: string): Promise<string> {
  const link = layout.alias(customer);
  for (let attempt = 1; ; attempt++) {
    const cutover = await unlessMissing(readlink(link));
    if (cutover === undefined) throw new GraphshiftError('NOT_FOUND', `no alias ${customer}`);
    try {
      const directory = join(layout.of('cutovers', customer), basename(cutover), DATABASE_LINK);
      const database = layout.database(basename(await readlink(directory)));
      await stat(database);
      return database;
    } catch (error) {
      if (attempt < READ_TRIES && errorCode(error) === 'ENOENT') continue;
      throw error;
    }
  }
}
