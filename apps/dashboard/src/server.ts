/** The one place that knows express: routes and guards become an application. */

import { randomBytes } from 'node:crypto';
import { asGraphshiftError, type Backend, ERRORS } from '@graphshift/core';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { BOARD_PATH, boardGuard, boardRouter } from './board.ts';
import { type Credentials, userOf } from './guards/door.ts';
import { originProblem } from './guards/origin.ts';
import type { Route } from './http.ts';
import { renderPage } from './page.ts';
import { ROUTES } from './routes.ts';

export function makeServer(backend: Backend): Express {
  const { token, username, password } = backend.settings.dashboard;
  const credentials: Credentials = { token, username, password };
  const app = express();
  app.disable('x-powered-by');
  app.use((_request, response, next) => {
    response.set({
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'X-Frame-Options': 'DENY',
    });
    next();
  });
  for (const route of ROUTES.filter(({ open }) => open)) addRoute(app, route, backend);
  app.use(admit(credentials));
  for (const route of ROUTES.filter(({ open }) => !open)) addRoute(app, route, backend);
  app.get('/', (_request, response) => {
    const nonce = randomBytes(16).toString('base64');
    response.set(
      'Content-Security-Policy',
      `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'`,
    );
    response.type('html').send(renderPage(nonce));
  });
  app.use(BOARD_PATH, boardGuard(backend), boardRouter(backend));
  app.use((request: Request, response: Response) => {
    const message = `there is no ${request.method} ${request.path}; the API is below /api/v1, Bull Board at ${BOARD_PATH}`;
    response.status(404).json({ error: { code: 'NOT_FOUND', message } });
  });
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next(error);
    else sendError(response, error);
  });
  return app;
}

function addRoute(app: Express, route: Route, backend: Backend): void {
  app[route.method](route.path, async (request: Request, response: Response) => {
    try {
      const query = Object.fromEntries(
        Object.entries(request.query).map(([key, value]) => [key, String(value)]),
      );
      const params = request.params as Record<string, string>;
      const { status, body } = await route.handler({
        backend,
        params,
        query,
        user: String(response.locals.user),
      });
      response.status(status).json(body);
    } catch (error) {
      sendError(response, error);
    }
  });
}

/** Everything behind it needs the token or password, where one is set, and must not come from a foreign page. */
function admit(credentials: Credentials) {
  const guarded = credentials.token !== undefined || credentials.password !== undefined;
  return (request: Request, response: Response, next: NextFunction): void => {
    const user = userOf(request.get('authorization'), credentials);
    if (user === undefined) {
      const message = 'this needs the token or password of the dashboard';
      response.set('WWW-Authenticate', 'Basic realm="Graphshift", charset="UTF-8"');
      response
        .status(401)
        .json({ error: { code: 'UNAUTHORIZED', message, action: ERRORS.UNAUTHORIZED.action } });
      return;
    }
    const origin = {
      host: request.get('host'),
      origin: request.get('origin'),
      site: request.get('sec-fetch-site'),
    };
    const problem = originProblem({ method: request.method, ...origin }, guarded);
    if (problem !== undefined) {
      response.status(403).json({ error: { code: 'FORBIDDEN', message: problem } });
      return;
    }
    response.locals.user = user;
    next();
  };
}

function sendError(response: Response, thrown: unknown): void {
  const { code, message, action } = asGraphshiftError(thrown);
  response.status(ERRORS[code].status).json({ error: { code, message, action } });
}
