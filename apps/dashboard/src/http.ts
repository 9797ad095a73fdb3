import type { Backend } from '@graphshift/core';

/** HTTP as data: a handler takes a request's values and answers a status and a body; only server.ts knows express. */

export interface ApiRequest {
  readonly backend: Backend;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Who asks, for the audit stream. */
  readonly user: string;
}

export interface ApiResponse {
  readonly status: number;
  readonly body: unknown;
  /** Content type of a body that is text; JSON unless it is given. */
  readonly type?: string;
}

export type Handler = (request: ApiRequest) => Promise<ApiResponse>;

export interface Route {
  readonly method: 'get' | 'post' | 'delete';
  readonly path: string;
  readonly handler: Handler;
  /** Answers without a token or password: for load balancers. */
  readonly open?: boolean;
}

export function ok(body: unknown): ApiResponse {
  return { status: 200, body };
}
