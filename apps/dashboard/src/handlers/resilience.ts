import { isServing, readHealth, readResilience } from '@graphshift/core';
import { type Handler, ok } from '../http.ts';

/**
 * 200 for HEALTHY and DEGRADED, 503 for CRITICAL and EMERGENCY. Open to all, so it names the rules that hold and not what
 * they found.
 */
export const resilienceHealth: Handler = async ({ backend }) => {
  const { status, score, reasons } = await readHealth(backend);
  const rules = [...new Set(reasons.map(({ rule }) => rule))];
  return { status: isServing(status) ? 200 : 503, body: { status, score, reasons: rules } };
};

/** 503 with what is known while Redis does not answer. */
export const resilienceStatus: Handler = async ({ backend }) => {
  const status = await readResilience(backend);
  return status.patterns === null ? { status: 503, body: status } : ok(status);
};
