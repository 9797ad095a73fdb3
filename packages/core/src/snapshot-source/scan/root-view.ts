/**
 * What stands below a root, kept from scan to scan. A scan asks each customer's directory for its times and reads
 * only those that have moved, so that nothing new costs one stat a customer. Three things do not show in these
 * times, and a full walk finds them: what a link leads to, a file system that sets times back, and a clock of a
 * file server that stands still for longer than the grain below.
 */

import { realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { GraphshiftError, messageOf } from '../../platform/errors.ts';
import { isGone } from '../layout.ts';
import { listCustomer, listRoot, type RefusedPath, unreadable } from './listing.ts';

/** Snapshots of one customer. */
export interface CustomerTimes {
  /** Name of the customer's directory; the customer itself is named in lower case. */
  readonly directory: string;
  /** Unix times in seconds. */
  readonly timestamps: readonly number[];
}

/** What has changed since the scan before. */
export interface Differences {
  readonly found: readonly CustomerTimes[];
  readonly gone: readonly CustomerTimes[];
  readonly refusalsMoved: boolean;
  /** So many customers were there, and none is any more: perhaps the root is not mounted. */
  readonly emptied?: number;
}

export interface ScanOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Reads every directory, whatever its times say. */
  readonly full: boolean;
}

/** A directory's identity and times. */
export interface DirectoryTimes {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/**
 * A change in the same tick of the file system's clock as the last reading leaves the times as they were; FAT has
 * the coarsest tick, two seconds. So a directory is read once more when that has passed.
 */
const GRAIN_MS = 2000;
/** A directory this old when it is first read is past its tick, even where a file server's clock is off by seconds. */
const OLD_MS = 60_000;

/** When a directory was read while it had these times. */
interface Reading {
  readonly signature: string;
  readonly firstAt: number;
  readonly lastAt: number;
}

interface Customer {
  /** Undefined while the directory cannot be read: it is tried again by every scan. */
  reading: Reading | undefined;
  timestamps: readonly number[];
  refused: readonly RefusedPath[];
  dueAt: number;
}

interface Changes {
  found: CustomerTimes[];
  gone: CustomerTimes[];
}

export class RootView {
  readonly #path: string;
  readonly #timesOf: (path: string) => DirectoryTimes;
  #reading: Reading | undefined;
  #refused: readonly RefusedPath[] = [];
  #customers = new Map<string, Customer>();
  #told = '';

  /** @param timesOf stands in for the file system's clock, in tests */
  constructor(root: string, timesOf: (path: string) => DirectoryTimes = directoryTimes) {
    this.#path = resolve(root);
    this.#timesOf = timesOf;
  }

  /** Everything that is there, by the last scan; customers sorted. */
  get all(): CustomerTimes[] {
    const customers = [...this.#customers].sort(([one], [other]) => (one < other ? -1 : 1));
    return customers.map(([directory, { timestamps }]) => ({ directory, timestamps }));
  }

  get refused(): RefusedPath[] {
    return [...this.#refused, ...[...this.#customers.values()].flatMap(({ refused }) => refused)];
  }

  /**
   * Looks at the root again. A customer that cannot be read is refused, and keeps the snapshots it had.
   * @throws ROOT_UNREADABLE when the root is missing or cannot be read; nothing is forgotten then
   */
  scan(options: ScanOptions): Differences {
    const before = this.#customers.size;
    const changes: Changes = { found: [], gone: [] };
    const realRoot = this.#lookAtRoot(options, changes);
    for (const directory of [...this.#customers.keys()])
      this.#lookAtCustomer(directory, realRoot, options, changes);
    const emptied = before > 0 && this.#customers.size === 0;
    return { ...changes, refusalsMoved: this.#refusalsMoved(), ...(emptied && { emptied: before }) };
  }

  #lookAtRoot({ now, full }: ScanOptions, changes: Changes): string {
    try {
      const realRoot = realpathSync(this.#path);
      const reading = nextReading(this.#timesOf(this.#path), this.#reading, now, full);
      if (reading === undefined) return realRoot;
      const { customers, refused } = listRoot(this.#path, realRoot);
      this.#reading = reading;
      this.#refused = refused;
      const kept = new Set(customers);
      for (const directory of this.#customers.keys())
        if (!kept.has(directory)) this.#drop(directory, changes);
      for (const directory of customers) {
        if (!this.#customers.has(directory)) this.#customers.set(directory, newCustomer());
      }
      return realRoot;
    } catch (cause) {
      const message = `the snapshot root ${this.#path} cannot be read: ${messageOf(cause)}`;
      throw new GraphshiftError('ROOT_UNREADABLE', message, { details: { path: this.#path }, cause });
    }
  }

  #lookAtCustomer(directory: string, realRoot: string, options: ScanOptions, changes: Changes): void {
    const customer = this.#customers.get(directory);
    if (!customer) return;
    const path = join(this.#path, directory);
    const due = options.now >= customer.dueAt;
    try {
      const reading = nextReading(this.#timesOf(path), customer.reading, options.now, options.full || due);
      if (reading === undefined) return;
      const { timestamps, refused, dueAt } = listCustomer(path, realRoot, options.now);
      note(changes.found, directory, without(timestamps, customer.timestamps));
      note(changes.gone, directory, without(customer.timestamps, timestamps));
      Object.assign(customer, { reading, timestamps, refused, dueAt });
    } catch (error) {
      if (isGone(error)) {
        // It went after the root was read, or a link leads nowhere now: the next scan reads the root again.
        this.#drop(directory, changes);
        this.#reading = undefined;
      } else Object.assign(customer, { reading: undefined, refused: [unreadable(path, error)] });
    }
  }

  #drop(directory: string, changes: Changes): void {
    note(changes.gone, directory, this.#customers.get(directory)?.timestamps ?? []);
    this.#customers.delete(directory);
  }

  #refusalsMoved(): boolean {
    const refusals = this.refused.map(({ error }) => error.message);
    const text = refusals.sort().join('\n');
    const moved = text !== this.#told;
    this.#told = text;
    return moved;
  }
}

function newCustomer(): Customer {
  return { reading: undefined, timestamps: [], refused: [], dueAt: Number.POSITIVE_INFINITY };
}

function directoryTimes(path: string): DirectoryTimes {
  return statSync(path, { bigint: true });
}

/** The reading to note when the directory is read now; undefined when it need not be. */
function nextReading(
  times: DirectoryTimes,
  last: Reading | undefined,
  now: number,
  force: boolean,
): Reading | undefined {
  // The time of change moves too where a copy sets the time of modification back, as rsync -a does.
  const signature = `${times.dev} ${times.ino} ${times.mtimeNs} ${times.ctimeNs}`;
  const movedAt = Math.max(Number(times.ctimeNs), Number(times.mtimeNs)) / 1e6;
  const same = last?.signature === signature && last.firstAt <= now ? last : undefined;
  if (same && !force && (same.lastAt - same.firstAt >= GRAIN_MS || same.firstAt - movedAt > OLD_MS))
    return undefined;
  return { signature, firstAt: same?.firstAt ?? now, lastAt: now };
}

/** Both sorted; what is in `these` and not in `those`. */
function without(these: readonly number[], those: readonly number[]): number[] {
  let index = 0;
  return these.filter((value) => {
    while (index < those.length && Number(those[index]) < value) index += 1;
    return those[index] !== value;
  });
}

function note(changes: CustomerTimes[], directory: string, timestamps: readonly number[]): void {
  if (timestamps.length > 0) changes.push({ directory, timestamps });
}
