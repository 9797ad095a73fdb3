import type { GraphshiftError } from '../platform/errors.ts';
import { failuresOf } from '../platform/failures.ts';
import { decide, unreachable } from './decide.ts';
import type { Explanation } from './explanation.ts';
import { type Explained, type GatherRequest, gather } from './gather.ts';

/** Why a customer's newest snapshot, or the one asked for, is not live: one cause and one next action. */
export async function explain(backend: Explained, request: GatherRequest): Promise<Explanation> {
  return decide(await gather(backend, request));
}

/**
 * The same where a service kept the backend from opening: then that is the cause.
 * @returns undefined for an error of another kind
 */
export function explainFailure(customer: string, error: GraphshiftError): Explanation | undefined {
  for (const failure of failuresOf(error)) {
    if (failure.code === 'REDIS_UNREACHABLE' || failure.code === 'REDIS_UNFIT')
      return unreachable(customer, 'redis-unreachable', failure);
    if (failure.code === 'STORE_UNREACHABLE' || failure.code === 'STORE_UNFIT')
      return unreachable(customer, 'store-unreachable', failure);
  }
  return undefined;
}
