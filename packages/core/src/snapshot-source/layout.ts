/** The files of a snapshot by their place: what counts, what is passed over, what is refused. */

import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { SnapshotFile } from '../snapshot/manifest.ts';

export type GroupKind = 'nodes' | 'relationships';
const KINDS: readonly GroupKind[] = ['nodes', 'relationships'];

/** Smoke queries of the snapshot, run before its cutover and while it bakes. */
export const SMOKE_FILE = 'verify.cypher';

/** Indexes and constraints of the snapshot, in place of the live database's. */
export const SCHEMA_FILE = 'schema.cypher';

/** What may stand beside nodes/ and relationships/. */
const BESIDE: ReadonlySet<string> = new Set(['manifest.json', SMOKE_FILE, SCHEMA_FILE]);

/** A data file with all the digits of its modification time. */
export interface ListedFile extends SnapshotFile {
  readonly kind: GroupKind;
  /** The label or type that its folder names. */
  readonly group: string;
  readonly modifiedNs: bigint;
}

export interface Listing {
  /** Sorted by path, in the order of UTF-16 code units. */
  readonly files: readonly ListedFile[];
  readonly bytes: number;
  /** sha256 over path, size and modification time in nanoseconds of every file, in hexadecimal. */
  readonly fingerprint: string;
  /** The first thing that is wrong with the layout. */
  readonly problem?: GraphshiftError;
}

/** `_SUCCESS`, `.part.tmp`, `._x` and whatever else writers put beside their data. */
export function isPassedOver(name: string): boolean {
  return name.startsWith('.') || name.startsWith('_');
}

/** Error code of the file system, such as ENOENT. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

export function isGone(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** The root that a snapshot's directory, `<root>/<customer>/<unix seconds>`, stands in. */
export function rootOf(path: string): string {
  return resolve(path, '..', '..');
}

/**
 * Tells a snapshot that was removed from a root that this machine does not see: an unmounted one is often an empty
 * directory, in which every snapshot would look removed.
 * @throws ROOT_UNREADABLE when not even the customer's directory is there
 */
export async function refuseUnseen(path: string): Promise<void> {
  const customer = resolve(path, '..');
  try {
    await stat(customer);
  } catch (cause) {
    const message = `${customer} cannot be seen from here; is the root mounted on this machine?`;
    throw new GraphshiftError('ROOT_UNREADABLE', message, { details: { path: customer }, cause });
  }
}

/** Whether `path` really leads to `realRoot` or below it; a link that leads nowhere does not. */
export async function leadsInside(path: string, realRoot: string): Promise<boolean> {
  try {
    const target = await realpath(path);
    return target === realRoot || target.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep);
  } catch (error) {
    if (isGone(error) || systemCode(error) === 'ELOOP') return false;
    throw error;
  }
}

/**
 * Lists a snapshot's data files. Wrong layout is a `problem` in the answer, as is a directory that went or cannot
 * be read; it never throws for what it finds on disk.
 * @param root no link may lead out of it; default: the snapshot's own directory
 */
export async function listSnapshot(path: string, root: string = path): Promise<Listing> {
  const walk = new SnapshotWalk(resolve(path));
  try {
    await walk.all(await realpath(root));
  } catch (error) {
    walk.report(readProblem(error, '.'));
  }
  return walk.listing();
}

function readProblem(error: unknown, place: string): GraphshiftError {
  if (error instanceof GraphshiftError) return error;
  const options = { details: { file: place }, cause: error };
  if (isGone(error)) {
    return new GraphshiftError('SNAPSHOT_GONE', `${place} went while it was looked at`, options);
  }
  return new GraphshiftError('FILE_UNREADABLE', `${place} cannot be read: ${messageOf(error)}`, options);
}

/** One walk over `nodes/<Label>/*` and `relationships/<TYPE>/*`. Its depth is fixed, so links cannot make it go in circles. */
class SnapshotWalk {
  readonly #path: string;
  readonly #files: ListedFile[] = [];
  #realRoot = '';
  #problem: GraphshiftError | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  report(problem: GraphshiftError): void {
    this.#problem ??= problem;
  }

  async all(realRoot: string): Promise<void> {
    this.#realRoot = realRoot;
    if (!(await leadsInside(this.#path, realRoot)) && (await stat(this.#path))) {
      this.report(new GraphshiftError('SNAPSHOT_LINK', 'the snapshot is a link that leads out of the root'));
      return;
    }
    for (const entry of await this.#entries('')) {
      const kind = KINDS.find((name) => name === entry.name);
      if (kind) await this.#groups(kind, entry);
      else if (!BESIDE.has(entry.name)) this.#stray(entry.name, 'nodes/ and relationships/');
    }
    this.#namesApart();
    if (!this.#problem && !this.#files.some((file) => file.kind === 'nodes')) {
      this.report(
        new GraphshiftError('SNAPSHOT_EMPTY', 'the snapshot has no file under nodes/<Label>/; it needs one'),
      );
    }
  }

  async #groups(kind: GroupKind, entry: Dirent): Promise<void> {
    if (!(await this.#isDirectory(kind, entry, `a directory with one directory a ${wordOf(kind)}`))) return;
    for (const group of await this.#entries(kind)) {
      const place = `${kind}/${group.name}`;
      if (!(await this.#isDirectory(place, group, `a directory named by its ${wordOf(kind)}`))) continue;
      const why = nameProblem(group.name);
      if (why) {
        const message = `${JSON.stringify(place)}: the ${wordOf(kind)} ${why}`;
        this.report(new GraphshiftError('NAME_INVALID', message, { details: { file: place } }));
      }
      await this.#filesOf(kind, group.name);
    }
  }

  async #filesOf(kind: GroupKind, group: string): Promise<void> {
    const folder = `${kind}/${group}`;
    const entries = await this.#entries(folder);
    // Eight at a time: thousands of files are ordinary, and a network file system answers slowly.
    for (let start = 0; start < entries.length; start += 8) {
      await Promise.all(entries.slice(start, start + 8).map((entry) => this.#file(kind, group, entry)));
    }
  }

  async #file(kind: GroupKind, group: string, entry: Dirent): Promise<void> {
    const path = `${kind}/${group}/${entry.name}`;
    if (!(await this.#staysInside(path, entry))) return;
    try {
      const found = await stat(join(this.#path, path), { bigint: true });
      if (!found.isFile()) return this.#stray(path, `files only under ${kind}/${group}/`);
      this.#files.push({
        path,
        kind,
        group,
        bytes: Number(found.size),
        modifiedAt: Number(found.mtimeMs),
        modifiedNs: found.mtimeNs,
      });
    } catch (error) {
      // A file that went between the listing and the look is simply not there: the fingerprint tells.
      if (!isGone(error)) this.report(readProblem(error, path));
    }
  }

  async #entries(place: string): Promise<Dirent[]> {
    try {
      const entries = await readdir(join(this.#path, place), { withFileTypes: true });
      return entries.filter(({ name }) => !isPassedOver(name)).sort(byName);
    } catch (error) {
      this.report(readProblem(error, place || '.'));
      return [];
    }
  }

  async #isDirectory(place: string, entry: Dirent, expected: string): Promise<boolean> {
    if (!(await this.#staysInside(place, entry))) return false;
    if (entry.isDirectory()) return true;
    if (entry.isSymbolicLink() && (await stat(join(this.#path, place))).isDirectory()) return true;
    const message = `${place} is no directory; it may be ${expected}`;
    this.report(new GraphshiftError('SNAPSHOT_LAYOUT', message, { details: { file: place } }));
    return false;
  }

  async #staysInside(place: string, entry: Dirent): Promise<boolean> {
    if (!entry.isSymbolicLink()) return true;
    if (await leadsInside(join(this.#path, place), this.#realRoot)) return true;
    const message = `${place} is a link that leads out of the root or nowhere`;
    this.report(new GraphshiftError('SNAPSHOT_LINK', message, { details: { file: place } }));
    return false;
  }

  #stray(place: string, expected: string): void {
    const message = `${place} has no place in a snapshot; there may be ${expected}`;
    this.report(new GraphshiftError('SNAPSHOT_LAYOUT', message, { details: { file: place } }));
  }

  /** Labels and types share one namespace without case on the embedded store. */
  #namesApart(): void {
    const seen = new Map<string, string>();
    for (const { kind, group } of this.#files) {
      const folder = `${kind}/${group}`;
      const key = group.toLowerCase();
      const other = seen.get(key) ?? folder;
      seen.set(key, other);
      if (other === folder) continue;
      const message = `${other} and ${folder} have the same name but for case; labels and types need names apart`;
      this.report(new GraphshiftError('NAME_INVALID', message, { details: { files: [other, folder] } }));
      return;
    }
  }

  listing(): Listing {
    const files = this.#files.sort(byPath);
    const hash = createHash('sha256');
    for (const file of files) hash.update(`${file.path}\0${file.bytes}\0${file.modifiedNs}\0`);
    return {
      files,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      fingerprint: hash.digest('hex'),
      ...(this.#problem && { problem: this.#problem }),
    };
  }
}

function wordOf(kind: GroupKind): string {
  return kind === 'nodes' ? 'label' : 'type';
}

/**
 * Why a label, type or property cannot be named so, or undefined. Stores quote names in back-ticks, and the embedded
 * one does not undo a doubled back-tick inside of them.
 */
export function nameProblem(name: string): string | undefined {
  if (name.trim() === '') return 'is empty; it may be any text without back-ticks and control characters';
  if (/\p{Cc}/u.test(name)) return 'has a control character; it may have any other but a back-tick';
  if (name.includes('`')) return 'has a back-tick; it may have any other character';
  if (name.includes('\uFFFD')) return 'is not UTF-8; it may be any UTF-8 text';
  return undefined;
}

function byName(one: Dirent, other: Dirent): number {
  return one.name < other.name ? -1 : 1;
}

function byPath(one: SnapshotFile, other: SnapshotFile): number {
  return one.path < other.path ? -1 : 1;
}
