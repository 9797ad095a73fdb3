import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../platform/errors.ts';

/** The jobs there are: queue, name and payload, parsed at both ends. */

export const DEPLOY_QUEUE = 'deploy';
export const DEAD_LETTER_QUEUE = 'dead-letter';
export const CHUNK_QUEUE = 'chunks';

/** Payloads of a newer version than this are left to a newer worker. */
export const PAYLOAD_VERSION = 1;

export const deployPayload = z.object({
  v: z.literal(PAYLOAD_VERSION),
  deployment: z.string(),
  run: z.number().int().positive(),
});
export type DeployPayload = z.infer<typeof deployPayload>;

export const deadLetterPayload = z.object({
  v: z.literal(PAYLOAD_VERSION),
  deployment: z.string(),
  run: z.number().int().positive(),
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  /** What a person does about it. */
  action: z.string(),
  class: z.enum(['retryable', 'permanent', 'capacity']).optional(),
  customer: z.string().optional(),
  timestamp: z.number().optional(),
  /** State in which it happened, and when, in milliseconds since 1970. */
  step: z.string().optional(),
  at: z.number().optional(),
  /** Messages of the errors behind it. */
  cause: z.string().optional(),
  stack: z.string().optional(),
});
export type DeadLetterPayload = z.infer<typeof deadLetterPayload>;

/** One part of a shared load. What is to be done with it stands in the ledger of the load; this is for people to read. */
export const chunkPayload = z.object({
  v: z.literal(PAYLOAD_VERSION),
  deployment: z.string(),
  customer: z.string(),
  timestamp: z.number().int(),
  run: z.number().int().positive(),
  /** Of the load; under another one the job does nothing. */
  epoch: z.number().int().positive(),
  /** From 0. */
  chunk: z.number().int().nonnegative(),
  /** How many the load has. */
  chunks: z.number().int().positive(),
  kind: z.enum(['nodes', 'relationships']),
  /** The label or type. */
  name: z.string(),
  rows: z.number(),
  bytes: z.number(),
  /** Such as `nodes/Person/0.parquet`, or `nodes/Person/0.parquet, rows 1 to 100000`. */
  files: z.array(z.string()),
});
export type ChunkPayload = z.infer<typeof chunkPayload>;

/** @param offer counts the jobs that the chunk has had: a finished job's id cannot be used again */
export function chunkJobId({ deployment, run, epoch, chunk }: ChunkPayload, offer: number): string {
  return `${deployment}~${run}.${epoch}.${chunk}.${offer}`;
}

/** One job a run: `<deployment>~<run>`. */
export function jobId(deployment: string, run: number): string {
  return `${deployment}~${run}`;
}

/** The deployment and run that a job's id names, or undefined when it is none of ours. */
export function parseJobId(id: string): { deployment: string; run: number } | undefined {
  const [, deployment, run] = /^(.+)~(\d+)$/.exec(id) ?? [];
  return deployment === undefined ? undefined : { deployment, run: Number(run) };
}

/** Made once: making a schema costs more than a hundred parses. */
const versioned = z.object({ v: z.number() });

/** Whether a payload is of a version that this process does not know yet. */
export function isNewerPayload(data: unknown): boolean {
  const version = versioned.safeParse(data);
  return version.success && version.data.v > PAYLOAD_VERSION;
}
