import type { Clock } from './clock.ts';

/**
 * The work's result, if it comes in time. Late work is not stopped, only waited for no longer.
 * @param late the error when it does not
 */
export async function withDeadline<Result>(
  clock: Clock,
  ms: number,
  work: Promise<Result>,
  late: () => Error,
): Promise<Result> {
  const ended = new AbortController();
  const timeout = clock.sleep(ms, ended.signal).then(() => {
    throw late();
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    timeout.catch(() => {});
    ended.abort();
  }
}
