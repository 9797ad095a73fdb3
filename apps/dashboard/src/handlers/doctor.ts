import { examine, SETTLE_MS } from '@graphshift/core';
import { z } from 'zod';
import { type Handler, ok } from '../http.ts';
import { parseQuery } from './deployments.ts';

const SETTLE_MAX_SECONDS = 60;

const doctorQuery = z.strictObject({
  settle: z
    .string()
    .regex(/^\d+(\.\d+)?$/, 'must be a number of seconds')
    .transform(Number)
    .refine((seconds) => seconds <= SETTLE_MAX_SECONDS, `must be at most ${SETTLE_MAX_SECONDS}`)
    .default(SETTLE_MS / 1000),
});

/**
 * Query: `settle`, seconds between the two looks. Always 200: `healthy` says whether there are findings. Two looks at
 * everything take seconds; `/readyz` is for balancers.
 */
export const runDoctor: Handler = async ({ backend, query }) => {
  const { settle } = parseQuery(doctorQuery, query);
  const findings = await examine(backend, { settleMs: settle * 1000 });
  return ok({ healthy: findings.length === 0, findings });
};
