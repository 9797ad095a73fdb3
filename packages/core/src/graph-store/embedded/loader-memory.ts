/**
 * How much of its memory the largest loading process uses. Each loader writes its share into its build, since the
 * process that asks may be another one, or run in another container, where no process id tells anything.
 */

import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessMissing } from './durable-file.ts';
import { names } from './fence.ts';
import { parseEntry, SCRATCH_DIRECTORY } from './layout.ts';

const MEMORY_FILE = 'memory-percent';
const REPORT_EVERY_MS = 1000;
/** An older report is that of a loader which has died. */
const STALE_MS = 15_000;

/**
 * Writes the resident memory of this process, in percent of its limit, into `scratch` every second.
 * @returns what ends that; nothing is written afterwards
 */
export function reportMemory(scratch: string, limitBytes: number): () => Promise<void> {
  const path = join(scratch, MEMORY_FILE);
  let writing: Promise<unknown> = Promise.resolve();
  const report = () => {
    const percent = (process.memoryUsage.rss() / limitBytes) * 100;
    // The gate is not worth a failed load: where this cannot be written, the load fails by itself soon.
    writing = writing
      .then(() => writeFile(`${path}.new`, percent.toFixed(1)))
      .then(() => rename(`${path}.new`, path))
      .catch(() => {});
  };
  report();
  const timer = setInterval(report, REPORT_EVERY_MS).unref();
  return async () => {
    clearInterval(timer);
    await writing;
  };
}

/**
 * The largest share that a loader below `databases` reports, in percent of its limit; 0 when none runs.
 * @param now ms by the clock of the file system
 */
export async function loaderPercent(databases: string, now: number): Promise<number> {
  let largest = 0;
  for (const name of await names(databases)) {
    if (!parseEntry(name)?.build) continue;
    const path = join(databases, name, SCRATCH_DIRECTORY, MEMORY_FILE);
    const reportedAt = (await unlessMissing(stat(path)))?.mtimeMs;
    if (reportedAt === undefined || now - reportedAt > STALE_MS) continue;
    largest = Math.max(largest, Number(await unlessMissing(readFile(path, 'utf8'))) || 0);
  }
  return largest;
}
