import { expect } from 'vitest';

/** The codes of the real server that the statements here meet. */
export const CODES = {
  exists: 'Neo.ClientError.Database.ExistingDatabaseFound',
  hasAlias: 'Neo.ClientError.Database.ExistingAliasFound',
  notFound: 'Neo.ClientError.Database.DatabaseNotFound',
  limit: 'Neo.DatabaseError.Database.DatabaseLimitReached',
  argument: 'Neo.ClientError.Statement.ArgumentError',
  type: 'Neo.ClientError.Statement.TypeError',
  terminated: 'Neo.ClientError.Transaction.Terminated',
  timedOut: 'Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration',
} as const;

/** The promise rejects with this code of the server; answers the message. */
export async function refused(promise: Promise<unknown>, code: string, hint?: string): Promise<string> {
  const error = await promise.then(
    (value) => new Error(`it was not refused: ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown as Error,
  );
  const found = 'code' in error ? error.code : 'none';
  expect({ code: found, message: error.message }, hint).toMatchObject({ code });
  return error.message;
}
