import { type ErrorCode, GraphshiftError } from '@graphshift/core';

/** What the exit code of the command says; a contract. */
export const EXIT = {
  done: 0,
  /** Done, but something is dead, missing or unhealthy. */
  unhealthy: 1,
  wrongUse: 2,
  unreachable: 3,
  interrupted: 130,
} as const;

const WRONG_USE: ReadonlySet<ErrorCode> = new Set([
  'CONFIG_INVALID',
  'USAGE',
  'QUERY_REFUSED',
  'DEV_SERVER_UNFIT',
]);
const UNREACHABLE: ReadonlySet<ErrorCode> = new Set([
  'REDIS_UNREACHABLE',
  'REDIS_UNFIT',
  'STORE_UNREACHABLE',
  'STORE_UNFIT',
  'DEV_SERVER_FETCH',
]);

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof GraphshiftError)) return EXIT.unhealthy;
  if (WRONG_USE.has(error.code)) return EXIT.wrongUse;
  if (UNREACHABLE.has(error.code)) return EXIT.unreachable;
  return EXIT.unhealthy;
}
