/** One look at a snapshot that has no record yet, as the readiness rule wants it. */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { asGraphshiftError, type GraphshiftError } from '../platform/errors.ts';
import { isGone } from './layout.ts';
import { MANIFEST_FILE, ManifestClaims, readManifest } from './manifest-file.ts';
import { observeSnapshot } from './observe.ts';

export type ReadinessRule = Settings['orchestrator']['readiness'];

/** The file by which a writer says that a snapshot is whole. */
export const MARKER_FILE = '_SUCCESS';

export interface Look {
  /** Number of data files. */
  readonly files: number;
  readonly bytes: number;
  /** Equal in two looks when nothing changed between them. */
  readonly fingerprint: string;
  /** The writer has said that the snapshot is whole: without a problem it is ready at once, however new it is. */
  readonly declared: boolean;
  /** What would make a load fail; while files are still written, what is not whole yet. */
  readonly problem?: GraphshiftError;
  /** The file that says that a snapshot is whole, where it is not there yet; nothing else was looked at then. */
  readonly awaits?: string;
}

/**
 * Looks at one snapshot: at its files and their first and last bytes, not at their contents. Never throws for what it
 * finds on disk.
 * @param root no link may lead out of it
 */
export async function lookAtSnapshot(path: string, root: string, rule: ReadinessRule): Promise<Look> {
  if (rule === 'settled') return settledLook(path, root);
  try {
    if (rule === 'manifest') return await manifestLook(path, root);
    await stat(join(path, MARKER_FILE));
    return { ...(await settledLook(path, root)), declared: true };
  } catch (error) {
    if (isGone(error)) return awaiting(MARKER_FILE);
    const problem = asGraphshiftError(error, 'FILE_UNREADABLE');
    return { files: 0, bytes: 0, fingerprint: problem.message, declared: false, problem };
  }
}

function awaiting(file: string): Look {
  return { files: 0, bytes: 0, fingerprint: '', declared: false, awaits: file };
}

async function settledLook(path: string, root: string): Promise<Look> {
  const { files, bytes, fingerprint, problem } = await observeSnapshot(path, { root });
  return { files: files.length, bytes, fingerprint, declared: false, ...(problem && { problem }) };
}

async function manifestLook(path: string, root: string): Promise<Look> {
  const text = await readManifest(path, root);
  if (text === undefined) return awaiting(MANIFEST_FILE);
  const observed = await observeSnapshot(path, { root });
  const fingerprint = createHash('sha256').update(observed.fingerprint).update(text).digest('hex');
  const { files, bytes } = observed;
  const gone = observed.problem?.code === 'SNAPSHOT_GONE';
  const problem = (gone ? undefined : claimProblem(text, files)) ?? observed.problem;
  return { files: files.length, bytes, fingerprint, declared: true, ...(problem && { problem }) };
}

function claimProblem(
  text: string,
  files: Parameters<ManifestClaims['filesProblem']>[0],
): GraphshiftError | undefined {
  try {
    return new ManifestClaims(text).filesProblem(files);
  } catch (error) {
    return asGraphshiftError(error);
  }
}
