import type { DeploymentRecord } from './record.ts';

/**
 * What one pickup of a deployment came to, as a value. Only `queue/consume.ts` turns it into what BullMQ wants.
 *
 * - `done`: the record is in an end state, or belongs to somebody else; the job is finished.
 * - `retry`: an attempt was used; the job comes back after `delayMs` with the error on it.
 * - `hold`: no attempt was used (gate, breaker, stopping worker); the job comes back after `delayMs`.
 * - `dead`: a dead letter was written; the job ends.
 */
export type Outcome =
  | { readonly kind: 'done'; readonly record?: DeploymentRecord; readonly note: string }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly error: Error }
  | { readonly kind: 'hold'; readonly delayMs: number; readonly reason: string }
  | { readonly kind: 'dead'; readonly error: Error };
