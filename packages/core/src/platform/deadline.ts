import type { Clock } from './clock.ts';

/** What `work` comes to, or `late` when it takes longer than `ms`; the work itself goes on then, unheard. */
export async function within<Result>(
  clock: Clock,
  ms: number,
  work: Promise<Result>,
): Promise<{ readonly value: Result } | 'late'> {
  const done = new AbortController();
  const late = clock.sleep(ms, done.signal).then(() => 'late' as const);
  late.catch(() => {});
  // Where the time is over first, a failure that comes later is nobody's to hear.
  work.catch(() => {});
  try {
    return await Promise.race([work.then((value) => ({ value })), late]);
  } finally {
    done.abort();
  }
}

/**
 * The work's result, if it comes in time.
 * @param late the error when it does not
 */
export async function withDeadline<Result>(
  clock: Clock,
  ms: number,
  work: Promise<Result>,
  late: () => Error,
): Promise<Result> {
  const result = await within(clock, ms, work);
  if (result === 'late') throw late();
  return result.value;
}
