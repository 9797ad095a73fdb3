import { customerNameProblem, GraphshiftError, parseTimestamp } from '@graphshift/core';
import { z } from 'zod';
import { type Handler, ok } from '../http.ts';
import { parseQuery } from './deployments.ts';

const reasonQuery = z.strictObject({ reason: z.string().min(1).max(500).optional() });
const rollbackQuery = reasonQuery.extend({
  to: z
    .string()
    .refine((text) => parseTimestamp(text) !== undefined, "must be a snapshot's unix time in seconds")
    .transform(Number)
    .optional(),
});

export const listAliases: Handler = async ({ backend }) => ok(await backend.operations.aliases());

/** Query: `to` (unix seconds; default: the newest one before the live one), `reason`. */
export const rollbackAlias: Handler = async ({ backend, params, query, user }) => {
  const { to, reason } = parseQuery(rollbackQuery, query);
  return ok(await backend.operations.rollback({ customer: customerOf(params), to, reason, by: user }));
};

/** Query: `reason`. */
export const pinAlias: Handler = async ({ backend, params, query, user }) => {
  const { reason } = parseQuery(reasonQuery, query);
  return ok(await backend.operations.pin(customerOf(params), user, reason));
};

export const unpinAlias: Handler = async ({ backend, params, user }) => {
  return ok(await backend.operations.unpin(customerOf(params), user));
};

/** @throws REQUEST_INVALID when the path names no customer */
function customerOf({ customer = '' }: Readonly<Record<string, string>>): string {
  const problem = customerNameProblem(customer);
  if (problem === undefined) return customer.toLowerCase();
  throw new GraphshiftError('REQUEST_INVALID', `customer ${JSON.stringify(customer)} ${problem}`);
}
