/**
 * The order of holders, kept on disk. Every epoch that takes over leaves a file of its own, so the highest is
 * known without a lock between processes. A prepared change has a name that carries its epoch and is made real
 * by moving that name; taking over removes the names of lower epochs, after which their move must fail.
 *
 * A change that is prepared while another holder takes over looks at the epochs once more when its name is in
 * place: either the taker-over sees the name, or the preparer sees the epoch.
 */

import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphshiftError } from '../../platform/errors.ts';
import { givenTwice } from '../given-twice.ts';
import { errorCode, syncDirectory, unlessMissing } from './durable-file.ts';
import { epochOf, type Layout } from './layout.ts';

/** Names in a directory, none when it is not there. */
export async function names(directory: string): Promise<string[]> {
  return (await unlessMissing(readdir(directory))) ?? [];
}

export class Fence {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** The highest epoch that took over; 0 for none. */
  async highest(customer: string): Promise<number> {
    const epochs = await names(this.#layout.of('epochs', customer));
    return Math.max(0, ...epochs.map(Number).filter(Number.isSafeInteger));
  }

  /** The highest epoch among changes that are prepared and not ended; 0 for none. */
  async highestPrepared(customer: string): Promise<number> {
    const entries = [
      ...(await names(this.#layout.of('prepared', customer))),
      ...(await names(this.#layout.of('drops', customer))),
    ];
    return Math.max(0, ...entries.map((entry) => epochOf(entry) ?? 0));
  }

  /** @throws FENCED when a higher epoch took over */
  async check(customer: string, epoch: number): Promise<void> {
    const highest = await this.highest(customer);
    if (highest > epoch) throw fenced(customer, epoch, highest);
  }

  /**
   * Records the epoch and ends the prepared changes of lower ones.
   * @param isNew it must not have been recorded before
   * @throws FENCED when a higher epoch took over, or this one has already where it must be new
   */
  async raise(customer: string, epoch: number, isNew = false): Promise<void> {
    const directory = this.#layout.of('epochs', customer);
    if (isNew || (await this.highest(customer)) !== epoch) {
      await this.check(customer, epoch);
      await mkdir(directory, { recursive: true });
      await record(customer, epoch, directory, isNew);
      await syncDirectory(directory);
      await syncDirectory(this.#layout.area('epochs'));
      await this.check(customer, epoch);
    }
    await this.#endPreparedBelow(customer, epoch);
    for (const recorded of await names(directory))
      if (Number(recorded) < epoch) await unlessMissing(unlink(join(directory, recorded)));
  }

  async #endPreparedBelow(customer: string, epoch: number): Promise<void> {
    const links = this.#layout.of('prepared', customer);
    for (const entry of await names(links))
      if (below(entry, epoch)) await unlessMissing(unlink(join(links, entry)));
    const drops = this.#layout.of('drops', customer);
    for (const entry of await names(drops))
      if (below(entry, epoch))
        await unlessMissing(rename(join(drops, entry), join(this.#layout.area('trash'), entry)));
  }
}

async function record(customer: string, epoch: number, directory: string, isNew: boolean): Promise<void> {
  try {
    await (await open(join(directory, String(epoch)), isNew ? 'wx' : 'a')).close();
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw givenTwice(customer, epoch);
    throw error;
  }
}

function below(entry: string, epoch: number): boolean {
  const own = epochOf(entry);
  return own !== undefined && own < epoch;
}

export function fenced(customer: string, epoch: number, highest?: number): GraphshiftError {
  const by = highest === undefined ? 'a higher epoch' : `epoch ${highest}`;
  return new GraphshiftError('FENCED', `${customer}: epoch ${epoch} ended, ${by} took over`, {
    details: { customer, epoch, ...(highest !== undefined && { highest }) },
  });
}
