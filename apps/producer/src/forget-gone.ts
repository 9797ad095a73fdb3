/** Redis must not grow with every snapshot there ever was: what ended long ago and is gone from the disk is forgotten. */

import { readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Backend, FORGETTABLE_STATES } from '@graphshift/core';

const KEPT_MS = 30 * 24 * 3600 * 1000;
const PAGE = 500;

/**
 * Forgets deployments that ended a month ago and whose directory is gone. One that stays on the disk keeps its record,
 * which keeps it from being taken up again.
 * @param signal ends it between two pages
 * @returns how many were forgotten
 */
export async function forgetGone(backend: Backend, signal?: AbortSignal): Promise<number> {
  const { clock, deployments } = backend;
  const before = clock.now() - KEPT_MS;
  const rootsSeen = new Map<string, boolean>();
  let forgotten = 0;
  for (const state of FORGETTABLE_STATES) {
    for (let kept = 0; !signal?.aborted; ) {
      const ids = await deployments.arrivedBefore(state, before, kept, PAGE);
      if (ids.length === 0) break;
      const gone = await forgetPage(backend, ids, before, rootsSeen);
      forgotten += gone;
      kept += ids.length - gone;
    }
  }
  return forgotten;
}

async function forgetPage(
  { deployments }: Backend,
  ids: readonly string[],
  before: number,
  rootsSeen: Map<string, boolean>,
): Promise<number> {
  let forgotten = 0;
  for (const { id, path } of await deployments.getMany(ids)) {
    const root = dirname(dirname(path));
    // An unmounted root is often an empty directory: every snapshot would look gone.
    if (!rootsSeen.has(root)) rootsSeen.set(root, await hasEntries(root));
    if (!rootsSeen.get(root) || (await isThere(path))) continue;
    if (await deployments.forget(id, before)) forgotten += 1;
  }
  return forgotten;
}

async function hasEntries(directory: string): Promise<boolean> {
  return (await readdir(directory).catch(() => [])).length > 0;
}

/** What cannot be looked at counts as there. */
async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
