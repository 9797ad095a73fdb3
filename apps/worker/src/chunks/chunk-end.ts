/** What becomes of a chunk that could not be loaded, by whoever it was tried. */

import {
  asGraphshiftError,
  backoffMs,
  type ChunkEnd,
  type ChunkPayload,
  fatalError,
  GraphshiftError,
} from '@graphshift/core';

export interface RetryRules {
  readonly maxRetries: number;
  /** Of the backoff, in seconds. */
  readonly base: number;
}

/** After which a chunk is offered again that was taken by a process which cannot load it. */
const ELSEWHERE_MS = 5000;

/**
 * @param tries that failed before
 * @param what names the chunk in the message of an error that ends the load
 */
export function endOfFailed(error: unknown, tries: number, what: string, rules: RetryRules): ChunkEnd {
  const known = asGraphshiftError(error);
  // Whoever was stopped, or cannot load it, says nothing against the chunk.
  const elsewhere = known.code === 'ROOT_UNREADABLE' || known.details.elsewhere === true;
  if (known.code === 'ABORTED' || elsewhere) return { kind: 'back', delayMs: elsewhere ? ELSEWHERE_MS : 0 };
  // Somebody took the whole load over, or moved the customer's alias by hand: its holder finds out which.
  if (known.code === 'FENCED') return { kind: 'fatal', error: known.toRecord() };
  const fatal = fatalError(known, tries, rules.maxRetries);
  if (!fatal) return { kind: 'failed', delayMs: backoffMs(rules.base, tries + 1) };
  const { code, message, details } = fatal;
  const named = new GraphshiftError(code, `${what}: ${message}`, { details, cause: fatal });
  return { kind: 'fatal', error: named.toRecord() };
}

/** A chunk in words, such as `chunk 3 of 64 (nodes/Person)`. */
export function chunkInWords(
  { chunk, kind, name }: Pick<ChunkPayload, 'chunk' | 'kind' | 'name'>,
  chunks: number,
): string {
  return `chunk ${chunk + 1} of ${chunks} (${kind}/${name})`;
}
