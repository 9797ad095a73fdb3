/** What the server and the driver say went wrong while loading, in the words of the catalogue. */

import { GraphshiftError, messageOf } from '../../../platform/errors.ts';

/** The server's or driver's code; empty where there is none. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/** A transaction needs more memory than it may have, or than there is. */
export function isOutOfMemory(error: unknown): boolean {
  return /MemoryPoolOutOfMemory|TransactionOutOfMemory|General\.OutOfMemory|MemoryLimit/.test(codeOf(error));
}

/** An error of the driver as one of the catalogue; every one of them is worth another try. */
export function loadFailure(error: unknown, what: string): GraphshiftError {
  if (error instanceof GraphshiftError) return error;
  const code = codeOf(error);
  const unreachable = /^(ServiceUnavailable|SessionExpired)$/.test(code);
  const full = /no space left on device/i.test(messageOf(error));
  const message = `${what}: ${messageOf(error).split('\n', 1)[0]}`;
  const options = { ...(code && { details: { server: code } }), cause: error };
  return new GraphshiftError(
    full ? 'DISK_FULL' : unreachable ? 'STORE_UNREACHABLE' : 'LOAD_FAILED',
    message,
    options,
  );
}
