import { isLoopback } from './door.ts';

export interface RequestOrigin {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`, which browsers send. */
  readonly site: string | undefined;
}

/**
 * Why a request is refused that a foreign page made a browser send, or undefined. Without credentials only the
 * `Host` header tells our own page from one whose name was bound to loopback.
 */
export function originProblem(request: RequestOrigin, guarded: boolean): string | undefined {
  const hostName = (request.host ?? '').replace(/:\d+$/, '');
  if (!guarded && !isLoopback(hostName)) return `the host ${JSON.stringify(hostName)} is not a loopback name`;
  if (['GET', 'HEAD', 'OPTIONS'].includes(request.method)) return undefined;
  if (request.site !== undefined && request.site !== 'same-origin' && request.site !== 'none') {
    return 'the request comes from another site';
  }
  if (request.origin === undefined) return undefined;
  const from = URL.canParse(request.origin) ? new URL(request.origin).host : undefined;
  return from === request.host ? undefined : `the request comes from ${JSON.stringify(request.origin)}`;
}
