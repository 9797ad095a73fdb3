/** What the server, the driver and DuckDB say went wrong while loading, in the words of the catalogue. */

import { GraphshiftError, messageOf } from '../../../platform/errors.ts';
import { serverCode, storeError } from '../server-errors.ts';

/** A transaction needs more memory than it may have, or than there is. */
export function isOutOfMemory(error: unknown): boolean {
  return /MemoryPoolOutOfMemory|TransactionOutOfMemory|General\.OutOfMemory|MemoryLimit/.test(
    serverCode(error),
  );
}

/** Whether the server or the driver said it. */
export function isOfServer(error: unknown): boolean {
  return error instanceof Error && error.name === 'Neo4jError';
}

/** @param what what was done, such as `relationships` */
export function loadFailure(error: unknown, what: string): GraphshiftError {
  if (error instanceof GraphshiftError || isOfServer(error)) return storeError(error, what);
  return new GraphshiftError('LOAD_FAILED', `${what}: ${messageOf(error).split('\n', 1)[0]}`, {
    cause: error,
  });
}
