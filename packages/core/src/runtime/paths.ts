/** Whether the paths of the settings are there, before anything depends on them. */

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { embeddedDirectory } from '../graph-store/open-store.ts';
import { GraphshiftError, messageOf } from '../platform/errors.ts';

/** Absolute roots of the snapshots; a relative one is taken from `directory`. */
export function snapshotRoots(settings: Settings, directory: string): string[] {
  return settings.orchestrator.data_path.map((root) => resolve(directory, root));
}

/** One ROOT_UNREADABLE for each root that is not a directory, or cannot be read. */
export async function checkRoots(settings: Settings, directory: string): Promise<GraphshiftError[]> {
  const problems = await Promise.all(
    snapshotRoots(settings, directory).map((root) => problemOf(root, constants.R_OK | constants.X_OK)),
  );
  return problems
    .filter((problem) => problem !== undefined)
    .map((problem) => new GraphshiftError('ROOT_UNREADABLE', `orchestrator.data_path: ${problem}`));
}

/** STORE_UNFIT where the embedded store's directory is neither there nor can be made; changes nothing. */
export async function checkStoreDirectory(settings: Settings, directory: string): Promise<GraphshiftError[]> {
  const store = embeddedDirectory(settings, directory);
  if (store === undefined) return [];
  let nearest = store;
  while (nearest !== dirname(nearest) && !(await isThere(nearest))) nearest = dirname(nearest);
  const problem = await problemOf(nearest, constants.W_OK | constants.X_OK);
  if (problem === undefined) return [];
  const what = nearest === store ? problem : `${store} cannot be made: ${problem}`;
  return [new GraphshiftError('STORE_UNFIT', `store.url: ${what}`)];
}

async function problemOf(path: string, mode: number): Promise<string | undefined> {
  try {
    if (!(await stat(path)).isDirectory()) return `${path} is not a directory`;
    await access(path, mode);
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return `${path} does not exist`;
    if (code !== 'EACCES') return `${path}: ${messageOf(error)}`;
    return `${path} may not be ${(mode & constants.W_OK) === 0 ? 'read' : 'written'} by this user`;
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
