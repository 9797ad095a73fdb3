/**
 * One level of a root at a time: which directories are customers, which are snapshots, and what is refused by name.
 * Synchronous, because that is the fastest way to read many small directories; it belongs into a process of its own.
 */

import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type ErrorCode, GraphshiftError, messageOf } from '../../platform/errors.ts';
import { aliasName, customerNameProblem, parseTimestamp } from '../../snapshot/names.ts';
import { isGone, isPassedOver, systemCode } from '../layout.ts';

/** A directory that cannot be a snapshot or a customer; the rest of the root goes on. */
export interface RefusedPath {
  /** Absolute. */
  readonly path: string;
  readonly error: GraphshiftError;
}

export interface RootListing {
  /** Names of the customers' directories, sorted. */
  readonly customers: readonly string[];
  readonly refused: readonly RefusedPath[];
}

export interface CustomerListing {
  /** Sorted by number. */
  readonly timestamps: readonly number[];
  readonly refused: readonly RefusedPath[];
  /** When the first of the timestamps that lie ahead is no longer refused; Infinity where there is none. */
  readonly dueAt: number;
}

/** How far a timestamp may lie ahead of the clock. */
const AHEAD_MAX_MS = 24 * 60 * 60 * 1000;

/**
 * The customers of a root. Of those that are equal but for case the one written in lower case, as its alias is,
 * stays; the others are refused, all of them where none is in lower case.
 * @throws what the file system throws
 */
export function listRoot(root: string, realRoot: string): RootListing {
  const refused: RefusedPath[] = [];
  const names = directories(root, realRoot, refused);
  return { customers: settleCase(names, root, refused), refused };
}

/**
 * The snapshots of a customer.
 * @param path the customer's directory
 * @param now milliseconds since 1970
 * @throws what the file system throws
 */
export function listCustomer(path: string, realRoot: string, now: number): CustomerListing {
  const refused: RefusedPath[] = [];
  const timestamps: number[] = [];
  let dueAt = Number.POSITIVE_INFINITY;
  for (const name of directories(path, realRoot, refused)) {
    const timestamp = parseTimestamp(name);
    if (timestamp === undefined) {
      const why = 'is no unix time; it may be 1 to 11 digits, seconds since 1970, without a leading zero';
      refused.push(refusal('SNAPSHOT_TIMESTAMP', join(path, name), why));
    } else if (timestamp * 1000 > now + AHEAD_MAX_MS) {
      const why = 'lies more than a day ahead of the clock; it may be a unix time in seconds up to then';
      refused.push(refusal('SNAPSHOT_TIMESTAMP', join(path, name), why));
      dueAt = Math.min(dueAt, timestamp * 1000 - AHEAD_MAX_MS);
    } else timestamps.push(timestamp);
  }
  return { timestamps: timestamps.sort((one, other) => one - other), refused, dueAt };
}

/** Names of the directories at `path`, sorted; what is neither that nor passed over is refused. */
function directories(path: string, realRoot: string, refused: RefusedPath[]): string[] {
  const names: string[] = [];
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (isPassedOver(entry.name)) continue;
    const refuse = directoryProblem(join(path, entry.name), entry, realRoot);
    if (refuse === undefined) names.push(entry.name);
    else if (refuse !== 'gone') refused.push(refuse);
  }
  return names.sort();
}

function directoryProblem(place: string, entry: Dirent, realRoot: string): RefusedPath | 'gone' | undefined {
  if (entry.isDirectory()) return undefined;
  try {
    if (entry.isSymbolicLink()) {
      if (!leadsInside(place, realRoot)) {
        return refusal('SNAPSHOT_LINK', place, 'is a link that leads out of the root or nowhere');
      }
      if (statSync(place).isDirectory()) return undefined;
    }
    const why =
      'is no directory; there may be <customer>/<unix seconds>/, and names that begin with . or _ are passed over';
    return refusal('SNAPSHOT_LAYOUT', place, why);
  } catch (error) {
    return isGone(error) ? 'gone' : unreadable(place, error);
  }
}

/** As the one in layout.ts, without waiting. */
function leadsInside(path: string, realRoot: string): boolean {
  try {
    const target = realpathSync(path);
    return target === realRoot || target.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep);
  } catch (error) {
    if (isGone(error) || systemCode(error) === 'ELOOP') return false;
    throw error;
  }
}

function settleCase(customers: readonly string[], root: string, refused: RefusedPath[]): string[] {
  const byAlias = new Map<string, string[]>();
  for (const customer of customers) {
    const why = customerNameProblem(customer);
    const twins = byAlias.get(aliasName(customer));
    if (why) refused.push(refusal('CUSTOMER_NAME', join(root, customer), why));
    else if (twins) twins.push(customer);
    else byAlias.set(aliasName(customer), [customer]);
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

export function unreadable(path: string, error: unknown): RefusedPath {
  return refusal('FILE_UNREADABLE', path, `cannot be read: ${messageOf(error)}`);
}

function refusal(code: ErrorCode, path: string, why: string): RefusedPath {
  return { path, error: new GraphshiftError(code, `${path} ${why}`, { details: { path } }) };
}
