import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../platform/errors.ts';

/** The jobs there are: queue, name and payload, parsed at both ends. */

export const DEPLOY_QUEUE = 'deploy';
export const DEAD_LETTER_QUEUE = 'dead-letter';

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
