/** What the roots hold of one customer; the others are listed by name alone. */

import { realpath } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type ErrorRecord, messageOf } from '../platform/errors.ts';
import { aliasName, parseTimestamp } from '../snapshot/names.ts';
import { listCustomer, listRoot, type RefusedPath } from '../snapshot-source/scan/listing.ts';

export interface CustomerOnDisk {
  /** Names of all customers that have a directory. */
  readonly customers: readonly string[];
  readonly unread: readonly string[];
  readonly hasDirectory: boolean;
  /** Why the customer's directory can be none. */
  readonly refused?: ErrorRecord;
  /** The newest directory of a snapshot, refused or not; its root too. */
  readonly newest?: {
    readonly timestamp: number;
    readonly path: string;
    readonly root: string;
    readonly refused?: ErrorRecord;
  };
}

type Newest = NonNullable<CustomerOnDisk['newest']>;

/** @param now milliseconds since 1970 */
export async function readCustomer(
  roots: readonly string[],
  customer: string,
  now: number,
): Promise<CustomerOnDisk> {
  const customers = new Set<string>();
  const unread: string[] = [];
  const found: Newest[] = [];
  let [hasDirectory, refused]: [boolean, ErrorRecord | undefined] = [false, undefined];
  for (const root of roots.map((one) => resolve(one))) {
    try {
      const real = await realpath(root);
      const listing = listRoot(root, real);
      for (const name of listing.customers) customers.add(aliasName(name));
      const own = listing.customers.find((name) => aliasName(name) === aliasName(customer));
      refused ??= listing.refused.find(({ path }) => isNamed(path, customer))?.error.toRecord();
      if (own === undefined) continue;
      hasDirectory = true;
      found.push(...snapshotsIn(root, real, own, now));
    } catch (error) {
      unread.push(`${root} cannot be read: ${messageOf(error)}`);
    }
  }
  const newest = found.sort((one, other) => other.timestamp - one.timestamp)[0];
  return {
    customers: [...customers],
    unread,
    hasDirectory,
    // One that is equal but for case may be refused beside the one that counts.
    ...(refused && !hasDirectory && { refused }),
    ...(newest && { newest }),
  };
}

function isNamed(path: string, customer: string): boolean {
  return aliasName(basename(path)) === aliasName(customer);
}

function snapshotsIn(root: string, real: string, directory: string, now: number): Newest[] {
  const path = join(root, directory);
  const { timestamps, refused } = listCustomer(path, real, now);
  const good = timestamps.map((timestamp) => ({ timestamp, path: join(path, String(timestamp)), root }));
  return [...good, ...refused.flatMap((one) => refusedSnapshot(root, one))];
}

/** One whose name is a unix time: it would be a snapshot, if it were let. */
function refusedSnapshot(root: string, { path, error }: RefusedPath): Newest[] {
  const timestamp = parseTimestamp(basename(path));
  return timestamp === undefined ? [] : [{ timestamp, path, root, refused: error.toRecord() }];
}
