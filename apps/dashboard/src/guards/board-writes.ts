/**
 * What people may do in Bull Board. Its read-only mode would hide Retry, the way to revive a dead letter; without it
 * every destructive route is open. So the writing routes that are allowed are listed, and all others are refused.
 */

const ALLOWED: readonly { readonly action: string; readonly path: RegExp }[] = [
  { action: 'retry all', path: /^\/api\/queues\/([^/]+)\/retry\/(failed|completed)$/ },
  { action: 'retry', path: /^\/api\/queues\/([^/]+)\/([^/]+)\/retry$/ },
  { action: 'promote all', path: /^\/api\/queues\/([^/]+)\/promote$/ },
  { action: 'promote', path: /^\/api\/queues\/([^/]+)\/([^/]+)\/promote$/ },
  { action: 'pause', path: /^\/api\/queues\/([^/]+)\/pause$/ },
  { action: 'resume', path: /^\/api\/queues\/([^/]+)\/resume$/ },
  { action: 'pause all', path: /^\/api\/queues\/pause$/ },
  { action: 'resume all', path: /^\/api\/queues\/resume$/ },
];

export interface BoardWrite {
  readonly action: string;
  /** Queue and job, as far as the route names them. */
  readonly target: string;
}

/** The allowed action that a writing request is, or undefined when it is none. @param path below the board's own */
export function allowedWrite(method: string, path: string): BoardWrite | undefined {
  if (method !== 'PUT') return undefined;
  for (const { action, path: pattern } of ALLOWED) {
    const match = pattern.exec(path);
    if (match) return { action, target: match.slice(1).map(decodeURIComponent).join(' ') || 'every queue' };
  }
  return undefined;
}
