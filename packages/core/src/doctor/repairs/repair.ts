/** What a repair is, and what it works with. */

import type { AliasDesk } from '../../cutover/alias-desk.ts';
import type { FencedChanges } from '../../cutover/fenced-changes.ts';
import type { Mending } from '../../queue/mending.ts';
import type { Retention } from '../../retention/retention.ts';
import type { Backend } from '../../runtime/backend.ts';
import type { Finding } from '../finding.ts';

/** The fenced ways by which alone a repair changes anything. */
export interface Bench {
  readonly backend: Backend;
  readonly changes: FencedChanges;
  readonly desk: AliasDesk;
  readonly mending: Mending;
  readonly retention: Retention;
  /** Who asked for the repair. */
  readonly by: string;
}

/**
 * What came of one finding.
 *
 * - `mended`: this repair changed something, and `did` says what.
 * - `settled`: nothing was left to do: another repair, or a worker, was there before.
 * - `left`: it is a person's to judge; `action` says what that person does, where the finding's own does not.
 * - `failed`: the repair could not be done; nothing is half done, and it can be tried again.
 */
export type Outcome =
  | { readonly kind: 'mended'; readonly did: string }
  | { readonly kind: 'settled'; readonly did: string }
  | { readonly kind: 'left'; readonly why: string; readonly action?: string }
  | { readonly kind: 'failed'; readonly why: string };

/**
 * Mends what one finding names. It looks again first, under the customer's epoch or in the same script, since the
 * finding is a moment old: what is no longer off is left alone.
 */
export type Repair = (bench: Bench, finding: Finding) => Promise<Outcome>;

export const SETTLED: Outcome = { kind: 'settled', did: 'nothing: it is not so any more' };

export function outcomeOf(done: readonly string[]): Outcome {
  return done.length === 0 ? SETTLED : { kind: 'mended', did: done.join('; ') };
}

export function left(why: string, action?: string): Outcome {
  return { kind: 'left', why, ...(action !== undefined && { action }) };
}
