/** The one place that knows express: routes and guards become an application. */

import { randomBytes } from 'node:crypto';
import { asGraphshiftError, type Backend, ERRORS, GraphshiftError } from '@graphshift/core';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { BOARD_PATH, BOARD_POLICY, boardRouter } from './board.ts';
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
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    });
    next();
  });
  for (const route of ROUTES.filter(({ open }) => open)) addRoute(app, route, backend);
  app.use(admit(credentials));
  const needsRedis = ['/api', '/resilience/recovery', '/resilience/emergency', `${BOARD_PATH}/api`];
  app.use(needsRedis, refuseWithoutRedis(backend));
  for (const route of ROUTES.filter(({ open }) => !open)) addRoute(app, route, backend);
  app.get('/', (_request, response) => {
    const nonce = randomBytes(16).toString('base64');
    response.set(
      'Content-Security-Policy',
      `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'`,
    );
    response.type('html').send(renderPage(nonce));
  });
  // On its scripts too: the one that runs as a web worker obeys the policy of its own answer.
  app.use(BOARD_PATH, policy(BOARD_POLICY), boardRouter(backend));
  app.use((request: Request, response: Response) => {
    const message = `there is no ${request.method} ${request.path}; the API is below /api/v1, Bull Board at ${BOARD_PATH}`;
    sendError(response, new GraphshiftError('ROUTE_UNKNOWN', message));
  });
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next(error);
    else sendError(response, requestError(error) ?? error, backend);
  });
  return app;
}

function policy(value: string) {
  return (_request: Request, response: Response, next: NextFunction): void => {
    response.set('Content-Security-Policy', value);
    next();
  };
}

function addRoute(app: Express, route: Route, backend: Backend): void {
  app[route.method](route.path, async (request: Request, response: Response) => {
    try {
      refuseBody(request);
      const query = Object.fromEntries(
        Object.entries(request.query).map(([key, value]) => [key, String(value)]),
      );
      const params = request.params as Record<string, string>;
      const { status, body, type } = await route.handler({
        backend,
        params,
        query,
        user: String(response.locals.user),
      });
      response.status(status);
      if (type === undefined) response.json(body);
      else response.type(type).send(String(body));
    } catch (error) {
      sendError(response, error, backend);
    }
  });
}

/** @throws REQUEST_INVALID: values stand in the query, and one that is passed over would do something else than was meant */
function refuseBody(request: Request): void {
  if (Number(request.get('content-length') ?? 0) === 0 && request.get('transfer-encoding') === undefined)
    return;
  throw new GraphshiftError(
    'REQUEST_INVALID',
    'this takes no body; put the values into the query, as ?reason=…',
  );
}

/** Commands wait for a Redis that restarts; people who look at a page should not. */
function refuseWithoutRedis({ redis }: Backend) {
  return (_request: Request, response: Response, next: NextFunction): void => {
    if (redis.status === 'ready') next();
    else
      sendError(
        response,
        new GraphshiftError('REDIS_UNREACHABLE', 'Redis does not answer; it is tried again'),
      );
  };
}

/** What express throws at a request that it cannot read, such as a path that is not well encoded. */
function requestError(thrown: unknown): GraphshiftError | undefined {
  const { status, message } = thrown as { status?: unknown; message?: unknown };
  if (typeof status !== 'number' || status < 400 || status >= 500) return undefined;
  return new GraphshiftError('REQUEST_INVALID', `the request cannot be read: ${String(message)}`);
}

/** Everything behind it needs the token or password, where one is set, and must not come from a foreign page. */
function admit(credentials: Credentials) {
  const guarded = credentials.token !== undefined || credentials.password !== undefined;
  return (request: Request, response: Response, next: NextFunction): void => {
    const user = userOf(request.get('authorization'), credentials);
    if (user === undefined) {
      const message = 'this needs the token or password of the dashboard';
      response.set('WWW-Authenticate', 'Basic realm="Graphshift", charset="UTF-8"');
      sendError(response, new GraphshiftError('UNAUTHORIZED', message));
      return;
    }
    const origin = {
      host: request.get('host'),
      origin: request.get('origin'),
      site: request.get('sec-fetch-site'),
    };
    const problem = originProblem({ method: request.method, ...origin }, guarded);
    if (problem !== undefined) {
      sendError(response, new GraphshiftError('ORIGIN_REFUSED', problem));
      return;
    }
    response.locals.user = user;
    next();
  };
}

function sendError(response: Response, thrown: unknown, backend?: Backend): void {
  const error = asGraphshiftError(thrown);
  const { code, message, action } = error;
  if (code === 'INTERNAL') backend?.log.error({ err: error }, `dashboard: ${message}`);
  response.status(ERRORS[code].status).json({ error: { code, message, action } });
}
