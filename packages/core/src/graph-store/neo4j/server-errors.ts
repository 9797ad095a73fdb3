/** What the server and the driver say went wrong, in the words of the catalogue. */

import { type ErrorCode, GraphshiftError, messageOf } from '../../platform/errors.ts';

/** Of the driver, where no server answered. */
const UNREACHABLE = /^(ServiceUnavailable|SessionExpired)$/;

/** The last after several wrong passwords in a row, for some seconds even where the next one is right. */
const LOGIN_REFUSED = /\.Security\.(Unauthorized|CredentialsExpired|AuthenticationRateLimit)$/;

const RULES: readonly (readonly [pattern: RegExp, code: ErrorCode])[] = [
  [UNREACHABLE, 'STORE_UNREACHABLE'],
  [/\.Database\.DatabaseLimitReached$/, 'STORE_FULL'],
  [
    /(OutOfMemory|StackOverFlow|MemoryPoolOutOfMemoryError|TransactionMemoryLimit|MemoryLimit)/i,
    'STORE_FULL',
  ],
  [/\.Security\.(TokenExpired|AuthorizationExpired|AuthProviderTimeout)$/, 'STORE_BUSY'],
  [LOGIN_REFUSED, 'STORE_LOGIN'],
  [/\.Security\./, 'STORE_DENIED'],
  [/\.Statement\.(UnsupportedAdministrationCommand|UnsupportedOperation)/, 'STORE_UNFIT'],
  [/\.Database\.(DatabaseNotFound|AliasNotFound)$/, 'NOT_FOUND'],
  [/\.Database\.(DatabaseAlreadyExists|ExistingDatabaseFound|ExistingAliasFound)$/, 'CONFLICT'],
  [/\.Transaction\.(Terminated|TransactionTimedOut.*|LockClientStopped)$/, 'STORE_BUSY'],
  [/\.Cluster\.NotALeader$|ReadOnlyDatabase$|\.General\.(ReadOnly|WriteOnReadOnly)/, 'STORE_BUSY'],
  [/^Neo\.TransientError\./, 'STORE_BUSY'],
  [/\.Request\.|\.Statement\.|\.Schema\.|\.Procedure\./, 'STORE_FAILED'],
  [/^Neo\.DatabaseError\./, 'STORE_FAILED'],
];

const DISK_FULL = /no space left on device|disk (is )?full|not enough (disk )?space/i;

/** The server's or driver's code of an error, such as `Neo.ClientError.Security.Unauthorized`; empty where there is none. */
export function serverCode(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/**
 * An error of the driver as one of the catalogue, with the original as its cause; one of the catalogue stays as it is.
 * @param what what was done, such as `create database acme-1700000000`
 */
export function storeError(error: unknown, what: string): GraphshiftError {
  if (error instanceof GraphshiftError) return error;
  const code = serverCode(error);
  return new GraphshiftError(codeOf(error, code), `${what}: ${firstLine(error)}`, {
    ...(code && { details: { server: code } }),
    cause: error,
  });
}

function codeOf(error: unknown, code: string): ErrorCode {
  if (causes(error).some((one) => DISK_FULL.test(messageOf(one)))) return 'STORE_FULL';
  const rule = RULES.find(([pattern]) => pattern.test(code));
  if (rule) return rule[1];
  // What the driver itself refuses, such as a pool that gives no connection in time, has no code of the server's.
  if (/acquisition timed out|pool is (closed|full)/i.test(messageOf(error))) return 'STORE_BUSY';
  return 'STORE_FAILED';
}

function causes(error: unknown): unknown[] {
  const found: unknown[] = [];
  for (let one: unknown = error; one !== undefined && found.length < 10; one = (one as Error).cause) {
    found.push(one);
    if (!(one instanceof Error)) break;
  }
  return found;
}

/** What the driver says at length of every connection that cannot be made, before it says why. */
const NO_CONNECTION = /^Failed to connect to server\. .*Caused by: (.+)$/s;

function firstLine(error: unknown): string {
  const message = messageOf(error).replace(NO_CONNECTION, 'no connection: $1');
  return message.split('\n', 1)[0]?.trim() ?? '';
}

/** Whether the connection broke, so that nobody knows whether the server did what it was asked. */
export function isBroken(error: unknown): boolean {
  return UNREACHABLE.test(serverCode(error));
}

/** Whether the server took no password, whatever was to be done. */
export function isLoginRefused(error: unknown): boolean {
  return LOGIN_REFUSED.test(serverCode(error));
}

/** Whether a transaction was ended by another, or by its time. */
export function isEnded(error: unknown): boolean {
  return /\.Transaction\.(Terminated|TransactionTimedOut.*|LockClientStopped|TransactionNotFound|TransactionMarkedAsFailed)$/.test(
    serverCode(error),
  );
}
