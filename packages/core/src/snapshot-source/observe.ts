/**
 * What the producer sees of one snapshot: cheap, without opening more of a file than its two ends, and safe against
 * whatever stands in a directory.
 */

import { join, resolve } from 'node:path';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { SnapshotFile } from '../snapshot/manifest.ts';
import { arrowProblem } from './arrow/messages.ts';
import { formatOf, SUFFIXES } from './file-format.ts';
import { footerProblem } from './footer.ts';
import { isGone, type ListedFile, listSnapshot } from './layout.ts';

export interface Observation {
  /** Sorted by path. */
  readonly files: readonly SnapshotFile[];
  readonly bytes: number;
  /** Equal in two observations when no file came, went, grew or was written again between them. */
  readonly fingerprint: string;
  /** What would make a load fail, as far as a cheap look shows; while files are still written, what is not whole yet. */
  readonly problem?: GraphshiftError;
}

/**
 * Looks at one snapshot: its files, and the first and last bytes of each. Never throws for what it finds on disk.
 * @param options `root`: no link may lead out of it; default: the snapshot's own directory
 */
export async function observeSnapshot(path: string, options: { root?: string } = {}): Promise<Observation> {
  const { files, bytes, fingerprint, ...listed } = await listSnapshot(path, options.root);
  const problem = listed.problem ?? (await firstFileProblem(resolve(path), files));
  return {
    files: files.map((file) => ({ path: file.path, bytes: file.bytes, modifiedAt: file.modifiedAt })),
    bytes,
    fingerprint,
    ...(problem && { problem }),
  };
}

/** The first file that is not whole, in the order of paths. */
export async function firstFileProblem(
  path: string,
  files: readonly ListedFile[],
): Promise<GraphshiftError | undefined> {
  for (let start = 0; start < files.length; start += 8) {
    const batch = files.slice(start, start + 8);
    const problems = await Promise.all(batch.map((file) => fileProblem(path, file)));
    const problem = problems.find((one) => one !== undefined);
    if (problem) return problem;
  }
  return undefined;
}

const LOOKS = { parquet: footerProblem, arrow: arrowProblem };

async function fileProblem(path: string, file: ListedFile): Promise<GraphshiftError | undefined> {
  const details = { file: file.path };
  const format = formatOf(file.path);
  if (!format) {
    const message = `${file.path} has no suffix that names a format; it may be ${SUFFIXES}`;
    return new GraphshiftError('FILE_FORMAT', message, { details });
  }
  try {
    return await LOOKS[format](join(path, file.path), file.path);
  } catch (error) {
    const options = { details, cause: error };
    if (isGone(error)) {
      return new GraphshiftError('SNAPSHOT_GONE', `${file.path} went while it was looked at`, options);
    }
    return new GraphshiftError(
      'FILE_UNREADABLE',
      `${file.path} cannot be read: ${messageOf(error)}`,
      options,
    );
  }
}
