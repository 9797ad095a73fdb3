import type { DatabaseInfo } from '../graph-store/graph-store.ts';

/**
 * Which of a customer's complete databases retention drops: all but the newest `keep`, and never the alias's target.
 * Builds, marked databases and those that cannot be judged are not counted and not dropped here.
 * @param databases of one customer
 * @param target the database that the alias points at
 */
export function selectRetired(
  databases: readonly DatabaseInfo[],
  target: string | undefined,
  keep: number,
): DatabaseInfo[] {
  const complete = databases
    .filter((database) => database.state === 'complete' && database.snapshot !== undefined)
    .sort((a, b) => (b.snapshot?.timestamp ?? 0) - (a.snapshot?.timestamp ?? 0));
  // A complete database newer than the target was never published (or was left by a rollback): it takes no place.
  const targetTime = complete.find((database) => database.name === target)?.snapshot?.timestamp ?? 0;
  const published = complete.filter((database) => (database.snapshot?.timestamp ?? 0) <= targetTime);
  return published.slice(keep).filter((database) => database.name !== target);
}
