/**
 * What people may do in Bull Board. Its read-only mode would hide Retry, the way to revive a dead letter; without it
 * every destructive route is open. So the writing routes that are allowed are listed by the board's own patterns,
 * and all others are refused. Matching paths instead would miss overlaps: `/deploy/clean/retry` reads like a retry
 * of the job `clean`, but the board takes it for its route that cleans.
 */

const ALLOWED: Readonly<Record<string, string>> = {
  'put /api/queues/:queueName/retry/:queueStatus': 'retry all',
  'put /api/queues/:queueName/:jobId/retry': 'retry',
  'put /api/queues/:queueName/promote': 'promote all',
  'put /api/queues/:queueName/:jobId/promote': 'promote',
  'put /api/queues/:queueName/pause': 'pause',
  'put /api/queues/:queueName/resume': 'resume',
  'put /api/queues/pause': 'pause all',
  'put /api/queues/resume': 'resume all',
};

export function isWrite(method: string): boolean {
  return !['get', 'head', 'options'].includes(method.toLowerCase());
}

/** The name of an allowed writing route, or undefined when it is refused. @param pattern as the board's table has it */
export function allowedAction(method: string, pattern: string): string | undefined {
  return ALLOWED[`${method.toLowerCase()} ${pattern}`];
}
