import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * When anything in a directory changed last, in milliseconds since 1970, by the file system's own time of change: a copy
 * keeps the old times of modification. Undefined where it is gone.
 */
export async function newestChange(path: string): Promise<number | undefined> {
  try {
    let newest = (await lstat(path)).ctimeMs;
    for (const entry of await readdir(path, { withFileTypes: true, recursive: true }))
      newest = Math.max(newest, (await lstat(join(entry.parentPath, entry.name))).ctimeMs);
    return newest;
  } catch {
    return undefined;
  }
}
