import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { Backend } from '@graphshift/core';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { allowedWrite } from './guards/board-writes.ts';

export const BOARD_PATH = '/queues';

/** Bull Board over every queue; its path must equal the public one. */
export function boardRouter(backend: Backend): RequestHandler {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(BOARD_PATH);
  createBullBoard({
    queues: [
      new BullMQAdapter(backend.wakeUps.queue, { description: 'one job a customer: its next deployment' }),
      new BullMQAdapter(backend.letters.queue, {
        description: 'deployments that failed for good; Retry starts one over with fresh attempts',
      }),
    ],
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Graphshift' } },
  });
  return serverAdapter.getRouter() as RequestHandler;
}

/** Lets the allowed writes through, each into the log and the audit stream, and refuses every other. */
export function boardGuard(backend: Backend) {
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    if (['GET', 'HEAD', 'OPTIONS'].includes(request.method)) return next();
    const write = allowedWrite(request.method, request.path);
    if (!write) {
      const message = `Bull Board may not ${request.method} ${request.path} here; allowed are retry, promote, pause and resume`;
      response.status(403).json({ error: { code: 'FORBIDDEN', message } });
      return;
    }
    const user = String(response.locals.user);
    backend.log.info({ user, ...write }, `Bull Board: ${user}: ${write.action} ${write.target}`);
    await backend.deployments.recordAction({ by: user, ...write });
    next();
  };
}
