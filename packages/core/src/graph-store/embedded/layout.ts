/**
 * Where things lie below the store's directory. Every name is checked here before it becomes a path, so nothing
 * that a caller passes leads out of the directory.
 *
 *   databases/<database>/                       graph, types and certificate; LOADING.<epoch>.json until verified
 *   databases/<database>.r<run>.e<epoch>.building/
 *   aliases/<customer>                          link to ../cutovers/<customer>/<epoch>.<nonce>
 *   cutovers/<customer>/<epoch>.<nonce>/        the link `database` and properties.json
 *   prepared/<customer>/<epoch>.<nonce>         alias links to be, moved to aliases/ when fired
 *   drops/<customer>/<epoch>.<nonce>--<name>/   prepared drops; a fired one holds the database
 *   epochs/<customer>/<epoch>                   one empty file for each epoch that took over
 *   trash/                                      what is being deleted
 *   store.json                                  the store's id, given once
 */

import { randomBytes } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { GraphshiftError } from '../../platform/errors.ts';
import {
  aliasName,
  customerNameProblem,
  databaseName,
  parseDatabaseName,
  type SnapshotName,
} from '../../snapshot/names.ts';

export const GRAPH_FILE = 'graph.lbug';
/** The mark's name in stores of version 0.1.0, which a load under way at the upgrade may have left. */
export const OLD_MARK_FILE = 'LOADING.json';
export const CERTIFICATE_FILE = 'certificate.json';
export const TYPES_FILE = 'types.json';
export const PROPERTIES_FILE = 'properties.json';
export const DATABASE_LINK = 'database';
export const ID_FILE = 'store.json';
/** In a build: what is gone before it is published. */
export const SCRATCH_DIRECTORY = 'scratch';

const AREAS = ['databases', 'aliases', 'cutovers', 'prepared', 'drops', 'epochs', 'trash'] as const;
type Area = (typeof AREAS)[number];

export interface ParsedName {
  readonly snapshot: SnapshotName;
  /** Set for a build. */
  readonly build?: { readonly run: number; readonly epoch: number };
}

/** A name in `databases/`, of a database or of a build, or undefined when it is not one of ours. */
export function parseEntry(name: string): ParsedName | undefined {
  const match = /^(.+)\.r(\d{1,15})\.e(\d{1,15})\.building$/.exec(name);
  const snapshot = parseDatabaseName(match?.[1] ?? name);
  // One database, one name: stores compare without case, a file system may not.
  if (!snapshot || databaseName(snapshot) !== (match?.[1] ?? name)) return undefined;
  return match ? { snapshot, build: { run: Number(match[2]), epoch: Number(match[3]) } } : { snapshot };
}

/** The epoch in a name `<epoch>.<nonce>` or `<epoch>.<nonce>--<database>`, or undefined. */
export function epochOf(entry: string): number | undefined {
  const match = /^(\d{1,15})\.[0-9a-f]+(--.+)?$/.exec(entry);
  return match ? Number(match[1]) : undefined;
}

/** The name of a prepared drop, which says what it drops. */
export function dropEntry(epoch: number, database: string): string {
  return `${epochEntry(epoch)}--${database}`;
}

/** What a prepared drop drops, or undefined for a name that is none. */
export function droppedBy(entry: string): string | undefined {
  return /^\d{1,15}\.[0-9a-f]+--(.+)$/.exec(entry)?.[1];
}

/** A fresh name `<epoch>.<nonce>`: a holder may prepare any number of changes under its epoch. */
export function epochEntry(epoch: number): string {
  if (!Number.isSafeInteger(epoch) || epoch < 0 || epoch >= 1e15)
    throw new GraphshiftError('INTERNAL', `${epoch} is no epoch: it is a whole number from 0 on`);
  return `${epoch}.${randomBytes(6).toString('hex')}`;
}

/** The load mark. Its name carries the epoch, so that a holder can remove no other mark than the one it means. */
export function markFile(epoch: number): string {
  return `LOADING.${epoch}.json`;
}

export function isMarkFile(name: string): boolean {
  return name === OLD_MARK_FILE || /^LOADING\.\d{1,15}\.json$/.test(name);
}

/** With its parents. Node's own recursive form spins for ever where nothing can be made, as in /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path));
    await mkdir(path).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST') throw again;
    });
  }
}

export class Layout {
  readonly root: string;

  constructor(directory: string) {
    this.root = resolve(directory);
  }

  area(area: Area): string {
    return join(this.root, area);
  }

  async create(): Promise<void> {
    for (const area of AREAS) await makeDirectory(this.area(area));
  }

  /** The directory of a database or a build. @throws NOT_FOUND for a name that is not one of ours */
  database(name: string): string {
    if (!parseEntry(name))
      throw new GraphshiftError(
        'NOT_FOUND',
        `no database ${JSON.stringify(name)}: names are <customer>-<unix seconds>`,
      );
    return join(this.area('databases'), name);
  }

  buildName(name: SnapshotName, run: number, epoch: number): string {
    const build = `${databaseName(name)}.r${run}.e${epoch}.building`;
    if (!parseEntry(build))
      throw new GraphshiftError('CUSTOMER_NAME', `the store cannot name a database ${JSON.stringify(build)}`);
    return build;
  }

  /** The link that readers follow. */
  alias(customer: string): string {
    return join(this.area('aliases'), this.customer(customer));
  }

  /** The customer's own directory in an area. */
  of(area: 'cutovers' | 'prepared' | 'drops' | 'epochs', customer: string): string {
    return join(this.area(area), this.customer(customer));
  }

  /** The customer's name in paths. @throws CUSTOMER_NAME */
  customer(customer: string): string {
    const problem = customerNameProblem(customer);
    if (problem)
      throw new GraphshiftError('CUSTOMER_NAME', `customer ${JSON.stringify(customer)} ${problem}`);
    return aliasName(customer);
  }
}
