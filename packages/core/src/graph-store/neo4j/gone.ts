/**
 * What the bookkeeping database still knows of databases that are gone, as where a drop was cut after its commit, or a
 * making before it. Nobody's epoch is needed: what somebody makes or certifies meanwhile is told apart and stays.
 */

import type { Bookkeeping } from './bookkeeping.ts';
import type { Certificates } from './certificates.ts';
import type { Databases } from './databases.ts';

export interface GoneParts {
  readonly bookkeeping: Bookkeeping;
  readonly certificates: Certificates;
  readonly databases: Pick<Databases, 'onServer'>;
}

/**
 * @param listed names of a listing of this moment: where it has all, the server is not asked again
 * @returns the names that were forgotten
 */
export async function forgetGone(
  { bookkeeping, certificates, databases }: GoneParts,
  listed: ReadonlySet<string>,
): Promise<string[]> {
  const missing = <Known extends { readonly database: string }>(known: Known[]) =>
    known.filter(({ database }) => !listed.has(database));
  const begun = missing(await bookkeeping.begun());
  const kept = missing(await certificates.kept());
  if (begun.length + kept.length === 0) return [];
  // Looked at last: what was made after the first look is here.
  const there = new Set((await databases.onServer()).map(({ name }) => name));
  const forgotten = new Set<string>();
  for (const { database, maker } of begun.filter((one) => !there.has(one.database))) {
    await bookkeeping.disown(database, maker);
    forgotten.add(database);
  }
  for (const { database, epoch } of kept.filter((one) => !there.has(one.database))) {
    await certificates.forget(database, epoch);
    forgotten.add(database);
  }
  return [...forgotten];
}
