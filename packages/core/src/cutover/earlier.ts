/** What was live before, as the alias itself remembers it. */

import type { AliasInfo, AliasProperties } from '../graph-store/graph-store.ts';

/** Moves that an alias remembers: more than retention keeps databases of. */
const MOVES_KEPT = 20;

/** What the alias remembers once it has moved on to another snapshot. */
export function earlierAfter(alias: AliasInfo | undefined, to: number): Pick<AliasProperties, 'earlier'> {
  if (!alias) return {};
  const { snapshot, earlier = [] } = alias.properties;
  const others = earlier.filter((timestamp) => timestamp !== snapshot && timestamp !== to);
  const own = snapshot === to ? [] : [snapshot];
  return { earlier: [...own, ...others].slice(0, MOVES_KEPT) };
}

/** The same after a rollback to a snapshot: what it leaves is held, what it passes over stays. */
export function earlierAfterRollback(
  { properties }: AliasInfo,
  to: number,
): Pick<AliasProperties, 'earlier'> {
  const { earlier } = properties;
  return earlier ? { earlier: earlier.filter((timestamp) => timestamp !== to) } : {};
}

/** Whether the snapshot was live, and is none that a rollback left. */
export function wasLive(alias: AliasInfo | undefined, timestamp: number): boolean {
  return alias?.properties.earlier?.includes(timestamp) ?? false;
}
