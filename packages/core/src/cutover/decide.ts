import type { AliasInfo, Hold } from '../graph-store/graph-store.ts';

/** A database that could become what the customer's alias targets. */
export interface Candidate {
  readonly database: string;
  /** Unix time in seconds of its snapshot. */
  readonly timestamp: number;
  /** Not known before the files were read. */
  readonly contentHash?: string | undefined;
}

/**
 * What may become of a candidate, by the alias alone.
 *
 * - `move`: the alias may move to it.
 * - `adopt`: the alias targets it already.
 * - `overtaken`: a newer snapshot is live; an alias never moves back by itself.
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
  if (pin) {
    return {
      kind: 'pinned',
      reason: `${alias.customer} is pinned to snapshot ${snapshot} since ${pin.since}: ${pin.reason}`,
    };
  }
  return { kind: 'move' };
}

/** Whether a hold keeps this snapshot from going live, under whatever timestamp its content comes again. */
export function matches(hold: Hold, candidate: Omit<Candidate, 'database'>): boolean {
  if (hold.timestamp === candidate.timestamp) return true;
  return candidate.contentHash !== undefined && hold.contentHash === candidate.contentHash;
}

function heldReason(hold: Hold, candidate: Candidate): string {
  const what =
    hold.timestamp === candidate.timestamp ? 'it' : `its content, that of snapshot ${hold.timestamp},`;
  return `${what} is held since ${hold.since}: ${hold.reason}`;
}
