import { type ErrorCode, failuresOf, GraphshiftError } from '@graphshift/core';

/** What the exit code of the command says; a contract. */
export const EXIT = {
  done: 0,
  /** Done, but something is dead, missing or unhealthy. */
  unhealthy: 1,
  wrongUse: 2,
  unreachable: 3,
  /** A process that cannot go on as the instance that it was: start it again. */
  startAgain: 75,
  interrupted: 130,
} as const;

const WRONG_USE: ReadonlySet<ErrorCode> = new Set([
  'CONFIG_INVALID',
  'USAGE',
  'QUERY_REFUSED',
  'ROOT_UNREADABLE',
  'STORE_OTHER',
  'DEV_SERVER_UNFIT',
]);
const UNREACHABLE: ReadonlySet<ErrorCode> = new Set([
  'REDIS_UNREACHABLE',
  'REDIS_UNFIT',
  'STORE_UNREACHABLE',
  'STORE_UNFIT',
  'STORE_LOGIN',
  'STORE_DENIED',
  'STORE_BUSY',
  'DEV_SERVER_FETCH',
]);

/** Of several failures at once, wrong use comes before what cannot be reached. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof GraphshiftError)) return EXIT.unhealthy;
  const codes = failuresOf(error).map(({ code }) => code);
  if (codes.some((code) => WRONG_USE.has(code))) return EXIT.wrongUse;
  if (codes.some((code) => UNREACHABLE.has(code))) return EXIT.unreachable;
  return EXIT.unhealthy;
}
