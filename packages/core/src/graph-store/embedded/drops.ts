/**
 * Drops that can be fenced: firing moves the database into the directory that was prepared for it. A taker-over
 * moves that directory away first, and the move fails; where the drop won, the database goes with it. What was
 * moved is deleted afterwards, by whoever finds it.
 */

import { mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphshiftError } from '../../platform/errors.ts';
import type { PreparedChange } from '../graph-store.ts';
import type { Aliases } from './aliases.ts';
import { errorCode, isMissing, syncDirectory, unlessMissing } from './durable-file.ts';
import { type Fence, fenced, names } from './fence.ts';
import { dropEntry, type Layout, parseEntry } from './layout.ts';

export class Drops {
  readonly #layout: Layout;
  readonly #fence: Fence;
  readonly #aliases: Aliases;

  constructor(layout: Layout, fence: Fence, aliases: Aliases) {
    this.#layout = layout;
    this.#fence = fence;
    this.#aliases = aliases;
  }

  async prepare(customer: string, name: string, epoch: number): Promise<PreparedChange> {
    const owner = this.#layout.customer(customer);
    if (parseEntry(name)?.snapshot.customer !== owner)
      throw new GraphshiftError('NOT_FOUND', `customer ${owner} has no database ${JSON.stringify(name)}`);
    await this.#fence.raise(owner, epoch);
    await this.sweep();
    const entry = dropEntry(epoch, name);
    const directory = join(this.#layout.of('drops', owner), entry);
    await mkdir(directory, { recursive: true });
    const cancel = async () => {
      // A directory that is not empty was fired: the sweep finishes it.
      await rmdir(directory).catch((error) => {
        if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error;
      });
    };
    try {
      await this.#fence.check(owner, epoch);
      // An alias change and a drop under one epoch must not pass each other: both write their names first and look
      // second. Prepared ones before the target: one that fires in between is the target then.
      await this.#aliases.refusePrepared(owner, name);
      await this.#refuseTarget(owner, name);
    } catch (error) {
      await cancel();
      throw error;
    }
    return { fire: () => this.#fire(owner, name, epoch, entry), cancel };
  }

  async #fire(customer: string, name: string, epoch: number, entry: string): Promise<void> {
    const directory = join(this.#layout.of('drops', customer), entry);
    await this.#refuseTarget(customer, name);
    try {
      await rename(this.#layout.database(name), join(directory, name));
    } catch (error) {
      if (!isMissing(error)) throw error;
      if (!(await unlessMissing(stat(directory)))) throw fenced(customer, epoch);
    }
    await syncDirectory(this.#layout.area('databases'));
    await this.#finish(directory, entry);
    if (parseEntry(name)?.build === undefined) await this.#aliases.forget(customer, name);
  }

  /** A taker-over may finish it at the same time; then there is nothing left to do here. */
  async #finish(directory: string, entry: string): Promise<void> {
    await unlessMissing(rename(directory, join(this.#layout.area('trash'), entry)));
    await remove(join(this.#layout.area('trash'), entry));
  }

  async #refuseTarget(customer: string, name: string): Promise<void> {
    const alias = await this.#aliases.read(customer);
    if (alias?.database === name)
      throw new GraphshiftError(
        'CONFLICT',
        `database ${name} is the target of alias ${customer}: move it first`,
      );
  }

  /** Finishes deletions that a crash cut short. */
  async sweep(): Promise<void> {
    for (const customer of await names(this.#layout.area('drops'))) {
      const drops = join(this.#layout.area('drops'), customer);
      for (const entry of await names(drops)) {
        const held = (await unlessMissing(readdir(join(drops, entry)))) ?? [];
        if (held.length === 0) continue;
        await this.#finish(join(drops, entry), entry);
        for (const name of held) await this.#aliases.forget(customer, name);
      }
    }
    for (const entry of await names(this.#layout.area('trash')))
      await remove(join(this.#layout.area('trash'), entry));
  }
}

/** A killed loader's last writes may still arrive while its directory is emptied. */
export async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
