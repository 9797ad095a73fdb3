import { join, resolve } from 'node:path';
import { aliasName, type SnapshotName } from '../../snapshot/names.ts';
import type { RefusedPath } from './listing.ts';
import { type CustomerTimes, RootView } from './root-view.ts';

/** The customer is named as its alias is, in lower case, whatever the directory's name. */
export interface FoundSnapshot extends SnapshotName {
  /** Absolute. */
  readonly path: string;
}

export interface FoundSnapshots {
  /** Sorted by customer, then by timestamp. */
  readonly snapshots: readonly FoundSnapshot[];
  readonly refused: readonly RefusedPath[];
}

/**
 * Lists `<root>/<customer>/<unix seconds>/` once, as a whole, holding the event loop meanwhile; a process that has
 * other things to do asks a `Scanner`.
 * @param options `now` in milliseconds since 1970
 * @throws ROOT_UNREADABLE when the root is missing or cannot be read
 */
export async function findSnapshots(root: string, options: { now: number }): Promise<FoundSnapshots> {
  const view = new RootView(root);
  view.scan({ now: options.now, full: true });
  return { snapshots: view.all.flatMap((times) => snapshotsOf(root, times)), refused: view.refused };
}

export function snapshotsOf(root: string, { directory, timestamps }: CustomerTimes): FoundSnapshot[] {
  const [customer, path] = [aliasName(directory), join(resolve(root), directory)];
  return timestamps.map((timestamp) => ({ customer, timestamp, path: join(path, String(timestamp)) }));
}
