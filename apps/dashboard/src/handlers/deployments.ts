import { ERRORS, GraphshiftError, parseDeploymentId, STATES } from '@graphshift/core';
import { z } from 'zod';
import { type Handler, ok } from '../http.ts';

const listQuery = z.strictObject({
  customer: z.string().min(1).optional(),
  state: z.enum(STATES).optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
});

export const listDeployments: Handler = async ({ backend, query }) => {
  const { customer, state, limit } = parseQuery(listQuery, query);
  return ok(
    await backend.operations.deployments({ limit, ...(customer && { customer }), ...(state && { state }) }),
  );
};

export const showDeployment: Handler = async ({ backend, params }) => {
  return ok(await backend.operations.deployment(idOf(params)));
};

export const retryDeployment: Handler = async ({ backend, params, user }) => {
  return ok(await backend.operations.retry(idOf(params), user));
};

export const cancelDeployment: Handler = async ({ backend, params, user }) => {
  return ok(await backend.operations.cancel(idOf(params), user));
};

export const countDeployments: Handler = async ({ backend }) => ok(await backend.operations.counts());

export const listRefusals: Handler = async ({ backend }) => {
  const refusals = await backend.operations.refusals();
  return ok(
    refusals.map(({ path, error: { code, message } }) => ({
      path,
      error: { code, message, action: ERRORS[code].action },
    })),
  );
};

/** @throws REQUEST_INVALID when the path names no deployment */
export function idOf(params: Readonly<Record<string, string>>): string {
  const id = params.id ?? '';
  if (parseDeploymentId(id)) return id.toLowerCase();
  throw new GraphshiftError(
    'REQUEST_INVALID',
    `${JSON.stringify(id)} is no deployment; it must be <customer>@<unix time>`,
  );
}

export function parseQuery<Schema extends z.ZodObject>(
  schema: Schema,
  query: Readonly<Record<string, string>>,
): z.infer<Schema> {
  const result = schema.safeParse(query);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    throw new GraphshiftError(
      'REQUEST_INVALID',
      `there is no parameter ${issue.keys.join(', ')}; it may be ${Object.keys(schema.shape).join(', ')}`,
    );
  }
  const key = issue?.path.join('.') ?? 'query';
  throw new GraphshiftError(
    'REQUEST_INVALID',
    `${key} is ${JSON.stringify(query[key])}: ${issue?.message ?? 'not valid'}`,
  );
}
