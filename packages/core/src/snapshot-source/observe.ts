/**
 * What the producer sees of the roots: cheap, without opening more of a file than its two ends, and safe against
 * whatever stands in a directory.
 */

import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { SnapshotFile } from '../snapshot/manifest.ts';
import { aliasName, customerNameProblem, parseTimestamp, type SnapshotName } from '../snapshot/names.ts';
import { arrowProblem } from './arrow/messages.ts';
import { formatOf, SUFFIXES } from './file-format.ts';
import { footerProblem } from './footer.ts';
import { isGone, isPassedOver, type ListedFile, leadsInside, listSnapshot } from './layout.ts';

/** The customer is named as its alias is, in lower case, whatever the directory's name. */
export interface FoundSnapshot extends SnapshotName {
  /** Absolute. */
  readonly path: string;
}

/** A directory that cannot be a snapshot or a customer; the rest of the root goes on. */
export interface Refusal {
  /** Absolute. */
  readonly path: string;
  readonly error: GraphshiftError;
}

export interface FoundSnapshots {
  /** Sorted by customer, then by timestamp. */
  readonly snapshots: readonly FoundSnapshot[];
  readonly refused: readonly Refusal[];
}

/** How far a timestamp may lie ahead of the clock. */
const AHEAD_MAX_MS = 24 * 60 * 60 * 1000;

/**
 * Lists `<root>/<customer>/<unix seconds>/`.
 *
 * Of customers that are equal but for case the one written in lower case, as its alias is, stays; the others are
 * refused, all of them where none is in lower case.
 * @param options `now` in milliseconds since 1970
 * @throws ROOT_UNREADABLE when the root is missing or cannot be read
 */
export async function findSnapshots(root: string, options: { now: number }): Promise<FoundSnapshots> {
  const path = resolve(root);
  const found: FoundSnapshots & { snapshots: FoundSnapshot[]; refused: Refusal[] } = {
    snapshots: [],
    refused: [],
  };
  try {
    const realRoot = await realpath(path);
    const customers = await directories(path, realRoot, found.refused);
    for (const customer of settleCase(customers, path, found.refused)) {
      await findOfCustomer(join(path, customer), customer, realRoot, options.now, found);
    }
  } catch (error) {
    const message = `the snapshot root ${path} cannot be read: ${messageOf(error)}`;
    throw new GraphshiftError('ROOT_UNREADABLE', message, { details: { path }, cause: error });
  }
  return found;
}

async function findOfCustomer(
  path: string,
  customer: string,
  realRoot: string,
  now: number,
  found: { snapshots: FoundSnapshot[]; refused: Refusal[] },
): Promise<void> {
  const timestamps: number[] = [];
  try {
    for (const name of await directories(path, realRoot, found.refused)) {
      const timestamp = parseTimestamp(name);
      const why = timestampProblem(timestamp, now);
      if (why) found.refused.push(refusal('SNAPSHOT_TIMESTAMP', join(path, name), why));
      else if (timestamp !== undefined) timestamps.push(timestamp);
    }
  } catch (error) {
    if (isGone(error)) return;
    found.refused.push(refusal('FILE_UNREADABLE', path, `cannot be read: ${messageOf(error)}`));
  }
  timestamps.sort((one, other) => one - other);
  for (const timestamp of timestamps) {
    found.snapshots.push({ customer: aliasName(customer), timestamp, path: join(path, String(timestamp)) });
  }
}

function timestampProblem(timestamp: number | undefined, now: number): string | undefined {
  if (timestamp === undefined) {
    return 'is no unix time; it may be 1 to 11 digits, seconds since 1970, without a leading zero';
  }
  if (timestamp * 1000 <= now + AHEAD_MAX_MS) return undefined;
  return 'lies more than a day ahead of the clock; it may be a unix time in seconds up to then';
}

/** Names of the directories at `path`, sorted; what is neither that nor passed over is refused. */
async function directories(path: string, realRoot: string, refused: Refusal[]): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (isPassedOver(entry.name)) continue;
    const place = join(path, entry.name);
    const refuse = await directoryProblem(place, entry, realRoot);
    if (refuse === undefined) names.push(entry.name);
    else if (refuse !== 'gone') refused.push(refuse);
  }
  return names.sort();
}

async function directoryProblem(
  place: string,
  entry: Dirent,
  realRoot: string,
): Promise<Refusal | 'gone' | undefined> {
  if (entry.isDirectory()) return undefined;
  try {
    if (entry.isSymbolicLink()) {
      if (!(await leadsInside(place, realRoot))) {
        return refusal('SNAPSHOT_LINK', place, 'is a link that leads out of the root or nowhere');
      }
      if ((await stat(place)).isDirectory()) return undefined;
    }
    const why =
      'is no directory; there may be <customer>/<unix seconds>/, and names that begin with . or _ are passed over';
    return refusal('SNAPSHOT_LAYOUT', place, why);
  } catch (error) {
    if (isGone(error)) return 'gone';
    return refusal('FILE_UNREADABLE', place, `cannot be read: ${messageOf(error)}`);
  }
}

function settleCase(customers: readonly string[], root: string, refused: Refusal[]): string[] {
  const byAlias = new Map<string, string[]>();
  for (const customer of customers) {
    const why = customerNameProblem(customer);
    if (why) refused.push(refusal('CUSTOMER_NAME', join(root, customer), why));
    else byAlias.set(aliasName(customer), [...(byAlias.get(aliasName(customer)) ?? []), customer]);
  }
  const kept: string[] = [];
  for (const [alias, names] of byAlias) {
    const winner = names.length === 1 ? names[0] : names.find((name) => name === alias);
    if (winner !== undefined) kept.push(winner);
    for (const name of names.filter((one) => one !== winner)) {
      const others = names.filter((one) => one !== name).join(', ');
      refused.push(refusal('CUSTOMER_NAME', join(root, name), `is equal to ${others} but for case`));
    }
  }
  return kept;
}

function refusal(
  code: 'CUSTOMER_NAME' | 'SNAPSHOT_TIMESTAMP' | 'SNAPSHOT_LINK' | 'SNAPSHOT_LAYOUT' | 'FILE_UNREADABLE',
  path: string,
  why: string,
): Refusal {
  return { path, error: new GraphshiftError(code, `${path} ${why}`, { details: { path } }) };
}

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
