import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { AppControllerRoute, AppViewRoute, BullBoardRequest } from '@bull-board/api/typings/app';
import { ExpressAdapter } from '@bull-board/express';
import { type Backend, ERRORS, parseJobId } from '@graphshift/core';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { allowedAction, isWrite } from './guards/board-writes.ts';
import { userOf } from './guards/door.ts';

export const BOARD_PATH = '/queues';

/** The board sets styles on elements while it runs; everything else comes from its own files. */
export const BOARD_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/** Bull Board over every queue; its path must equal the public one. */
export function boardRouter(backend: Backend): RequestHandler {
  const serverAdapter = new GuardedAdapter(backend);
  serverAdapter.setBasePath(BOARD_PATH);
  createBullBoard({
    queues: boardQueues(backend),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Graphshift' } },
  });
  return serverAdapter.getRouter() as RequestHandler;
}

/** A queue that is added to Graphshift gets its line here. */
function boardQueues(backend: Backend): BullMQAdapter[] {
  const queues = [
    { queue: backend.wakeUps.queue, description: 'one job a customer: its next deployment' },
    {
      queue: backend.chunkJobs.queue,
      description:
        'parts of large snapshots, which any worker loads; Retry does nothing that the load would not',
    },
    {
      queue: backend.letters.queue,
      description: 'deployments that failed for good; Retry starts one over with fresh attempts',
    },
  ];
  return queues.map(({ queue, description }) => {
    const adapter = new BullMQAdapter(queue, { description });
    adapter.setFormatter('name', (job) => jobTitle(job));
    return adapter;
  });
}

/** Which deployment it is stands first, then the error's code or the kind of job. */
function jobTitle({ name, data }: { name?: string; data?: unknown }): string {
  const { deployment } = (data ?? {}) as { deployment?: unknown };
  // That of a chunk begins with it.
  return typeof deployment === 'string' && !name?.startsWith(deployment)
    ? `${deployment} · ${name ?? ''}`
    : (name ?? '');
}

/** Serves the board's pages and routes, with every writing route allowed and audited, or refused. */
class GuardedAdapter extends ExpressAdapter {
  readonly #backend: Backend;

  constructor(backend: Backend) {
    super();
    this.#backend = backend;
  }

  override setApiRoutes(routes: AppControllerRoute[]): ExpressAdapter {
    return super.setApiRoutes(routes.flatMap((route) => guardRoute(route, this.#backend)));
  }

  override setEntryRoute({ method, route, handler }: AppViewRoute): ExpressAdapter {
    this.app[method](route, (_request: Request, response: Response, next: NextFunction) => {
      const { name, params } = handler({ basePath: this.basePath, uiConfig: this.uiConfig });
      response.render(name, params, (error: Error | null, html?: string) => {
        if (error) return next(error);
        response
          .set('Content-Security-Policy', BOARD_POLICY)
          .type('html')
          .send(ownFilesOnly(html ?? ''));
      });
    });
    return this;
  }
}

/** The board's page asks another site for its fonts; it reads well without, and must work where there is no internet. */
function ownFilesOnly(html: string): string {
  return html.replace(/<link[^>]*href="https?:[^>]*>/g, '');
}

function guardRoute(definition: AppControllerRoute, backend: Backend): AppControllerRoute[] {
  return [definition.method].flat().flatMap((method) => {
    if (!isWrite(method)) return [{ ...definition, method }];
    return [definition.route].flat().map((route) => {
      const action = allowedAction(method, route);
      const handler = action === undefined ? refuse(method, route) : audited(definition, action, backend);
      return { ...definition, method, route, handler };
    });
  });
}

function refuse(method: string, route: string): AppControllerRoute['handler'] {
  const message = `Bull Board may not ${method.toUpperCase()} ${route} here; allowed are retry, promote, pause and resume`;
  // Both the API's form of an error and the board's, which shows key and message to the person.
  const error = {
    key: 'ERRORS.FORBIDDEN' as const,
    code: 'FORBIDDEN',
    message,
    action: ERRORS.FORBIDDEN.action,
  };
  return () => ({ status: 403, body: { error, message } });
}

function audited(
  { handler }: AppControllerRoute,
  action: string,
  backend: Backend,
): AppControllerRoute['handler'] {
  return async (request?: BullBoardRequest) => {
    const user = userOf(request?.headers.authorization, backend.settings.dashboard) ?? 'unknown';
    const { queueName, jobId } = (request?.params ?? {}) as { queueName?: string; jobId?: string };
    const target = [queueName ?? 'every queue', jobId].filter(Boolean).join(' ');
    const answer = await handler(request);
    const status = answer.status ?? 200;
    backend.log.info({ user, action, target, status }, `Bull Board: ${user}: ${action} ${target}: ${status}`);
    if (status < 400) {
      const job = parseJobId(jobId ?? '');
      await backend.deployments.recordAction({ by: user, action: `Bull Board: ${action}`, target, ...job });
    }
    return answer;
  };
}
