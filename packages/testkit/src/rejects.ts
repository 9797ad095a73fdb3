import { type ErrorCode, GraphshiftError } from '@graphshift/core';
import { expect } from 'vitest';

/** The error a promise rejects with, which must be of this code. */
export async function rejects(
  promise: Promise<unknown>,
  code: ErrorCode,
  hint?: string,
): Promise<GraphshiftError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error, hint).toBeInstanceOf(GraphshiftError);
  expect(`${(error as GraphshiftError).code}: ${(error as GraphshiftError).message}`).toMatch(
    new RegExp(`^${code}: `),
  );
  return error as GraphshiftError;
}
