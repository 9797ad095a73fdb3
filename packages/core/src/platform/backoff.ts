/**
 * Exponential backoff: `base ** attempt` seconds (2, 4, 8 for base 2), plus a jitter of at most a tenth that only
 * adds, so that nothing comes back earlier than documented.
 * @param attempt attempts used so far, from 1
 * @param random in [0, 1)
 * @returns milliseconds
 */
export function backoffMs(base: number, attempt: number, random: () => number = Math.random): number {
  const ms = base ** attempt * 1000;
  return Math.round(ms * (1 + random() / 10));
}
