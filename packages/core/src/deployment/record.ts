import { z } from 'zod';
import { ERRORS, type ErrorCode, type ErrorRecord } from '../platform/errors.ts';
import { STATES } from './states.ts';

/** One deployment as Redis holds it: the truth that every job only wakes a worker up to read. */

const errorRecord = z.object({
  /** One of another version reads as INTERNAL; its message is kept. */
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]).catch('INTERNAL'),
  class: z.enum(['retryable', 'permanent', 'capacity']),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
  stack: z.string().optional(),
  /** Messages of the errors behind it, the nearest first. */
  cause: z.string().optional(),
  /** Of the deployment, so that the error tells all by itself wherever it is shown. */
  customer: z.string().optional(),
  timestamp: z.number().optional(),
  /** State in which it happened. */
  step: z.enum(STATES).optional(),
  /** Milliseconds since 1970. */
  at: z.number().optional(),
});

/** A field of JSON; what another version wrote is left aside. */
const jsonField = <Shape extends z.ZodType>(shape: Shape) =>
  z.preprocess(parsed, shape).optional().catch(undefined);

function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

const amount = z.number().nonnegative();
const factor = z.number().positive();

const loadEstimate = z.object({
  /** Bytes of the database; left out where the store does not tell its disk. */
  disk: amount.optional(),
  /** Bytes beside it while it is built. */
  scratch: amount.optional(),
  /** Peak resident memory of the loading process in bytes. */
  memory: amount,
  /** From the first step of the load to its certificate. */
  seconds: amount,
  rows: amount,
  content: amount,
  factors: z.object({ disk: factor, memory: factor, seconds: factor }),
});

const loadOutcome = z.object({ disk: amount.optional(), memory: amount, seconds: amount });

const reservation = z.object({
  /** Bytes on the store's disk. */
  disk: amount.optional(),
  /** Bytes of the machine `host`. */
  memory: amount,
  host: z.string(),
});

const count = z.coerce.number().int().nonnegative();

export const deploymentRecord = z.object({
  id: z.string(),
  customer: z.string(),
  /** Unix time of the snapshot in seconds. */
  timestamp: count,
  /** Directory of the snapshot. */
  path: z.string(),
  state: z.enum(STATES),
  /** Counts redrives from 1. */
  run: count,
  /** Runs that a recovery began, and no person. */
  recoveries: count.optional(),
  /** Epoch under which the present holder works; 0 before the first claim. */
  epoch: count.default(0),
  /** The instance that holds it; empty while nobody does. */
  holder: z.string().default(''),
  /** Attempts used up in this run by errors. */
  attempts: count.default(0),
  /** Holders lost in this run. */
  crashes: count.default(0),
  /** Milliseconds since 1970. */
  discoveredAt: count,
  changedAt: count,
  /** First claim of this run. */
  startedAt: count.optional(),
  /** When it reached its end state. */
  endedAt: count.optional(),
  /** Until when a `waiting` or `retrying` one waits. */
  dueAt: count.optional(),
  database: z.string().optional(),
  contentHash: z.string().optional(),
  nodes: count.optional(),
  relationships: count.optional(),
  bytes: count.optional(),
  /** Rows in the store so far, and in all. */
  rows: count.optional(),
  rowsTotal: count.optional(),
  /** Of a load that is shared: chunks that are in, chunks in all, and the instances that load, apart by blanks. */
  chunks: count.optional(),
  chunksTotal: count.optional(),
  loaders: z.string().optional(),
  /** Peak resident memory of the loading process in bytes. */
  peakMemory: count.optional(),
  /** What its load will take, from the footers of its files, and what it came to. */
  estimate: jsonField(loadEstimate),
  outcome: jsonField(loadOutcome),
  /** What it holds between gate and cutover; nothing in any other state, whatever stands here. */
  reserves: jsonField(reservation),
  /** Why it waits, was skipped, superseded or cancelled. */
  reason: z.string().optional(),
  error: z
    .preprocess((value) => (typeof value === 'string' ? JSON.parse(value) : value), errorRecord)
    .optional(),
});

export type DeploymentRecord = z.infer<typeof deploymentRecord>;
export type DeploymentError = z.infer<typeof errorRecord>;

/** Whether a person started it over, once at least: then it may pass where it would not by itself. */
export function wasAskedFor({ run, recoveries = 0 }: Pick<DeploymentRecord, 'run' | 'recoveries'>): boolean {
  return run - recoveries > 1;
}

/** An error as a deployment's record keeps it. @param at milliseconds since 1970 */
export function deploymentError(
  error: ErrorRecord,
  { customer, timestamp, state }: Pick<DeploymentRecord, 'customer' | 'timestamp' | 'state'>,
  at: number,
): DeploymentError {
  return { ...error, customer, timestamp, step: state, at };
}

/** Seconds from the first claim to the end, or to now while it runs; undefined before the first claim. */
export function secondsTaken(record: DeploymentRecord, now: number): number | undefined {
  if (record.startedAt === undefined) return undefined;
  return Math.max(0, ((record.endedAt ?? now) - record.startedAt) / 1000);
}
