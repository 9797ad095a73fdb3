import type { AliasInfo, Hold } from '../graph-store/graph-store.ts';

/** A database that could become what the customer's alias targets. */
export interface Candidate {
  readonly database: string;
  /** Unix time in seconds of its snapshot. */
  readonly timestamp: number;
  /** Not known before the files were read. */
  readonly contentHash?: string | undefined;
  /** A person started it over: it may pass although a rollback went past it. @default false */
  readonly asked?: boolean;
}

/**
 * What may become of a candidate, by the alias alone.
 *
 * - `move`: the alias may move to it.
 * - `adopt`: the alias targets it already.
 * - `overtaken`: a newer snapshot is live, or was live and is held: an alias never moves back by itself, and what a
 *   rollback went past does not come up again when Redis has forgotten it.
 * - `held`: a rollback left this snapshot, or its content under another timestamp.
 * - `pinned`: nothing passes until a person unpins the customer.
 */
export type CutoverDecision =
  | { readonly kind: 'move' | 'adopt' }
  | { readonly kind: 'overtaken' | 'held' | 'pinned'; readonly reason: string };

export function decideCutover(alias: AliasInfo | undefined, candidate: Candidate): CutoverDecision {
  if (!alias) return { kind: 'move' };
  if (alias.database === candidate.database) return { kind: 'adopt' };
  const { snapshot, holds = [], pin } = alias.properties;
  const hold = holds.find((one) => matches(one, candidate));
  if (hold) return { kind: 'held', reason: heldReason(hold, candidate) };
  if (snapshot > candidate.timestamp) return { kind: 'overtaken', reason: `snapshot ${snapshot} is live` };
  const passed = highestHeld(alias);
  if (!candidate.asked && passed > candidate.timestamp)
    return { kind: 'overtaken', reason: `snapshot ${passed} was live, and is held since a rollback` };
  if (pin) {
    return {
      kind: 'pinned',
      reason: `${alias.customer} is pinned to snapshot ${snapshot} since ${pin.since}: ${pin.reason}`,
    };
  }
  return { kind: 'move' };
}

/** The newest snapshot that a rollback left, as a unix time in seconds; 0 for none. */
export function highestHeld({ properties: { holds = [] } }: AliasInfo): number {
  return Math.max(0, ...holds.map(({ timestamp }) => timestamp));
}

/** Whether a hold keeps this snapshot from going live, under whatever timestamp its content comes again. */
export function matches(hold: Hold, candidate: Omit<Candidate, 'database'>): boolean {
  if (hold.timestamp === candidate.timestamp) return true;
  return Boolean(candidate.contentHash) && hold.contentHash === candidate.contentHash;
}

function heldReason(hold: Hold, candidate: Candidate): string {
  const what =
    hold.timestamp === candidate.timestamp ? 'it' : `its content, that of snapshot ${hold.timestamp},`;
  return `${what} is held since ${hold.since}: ${hold.reason}`;
}
