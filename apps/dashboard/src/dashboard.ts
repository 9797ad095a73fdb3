import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Backend, environmentName, GraphshiftError, messageOf, type Service } from '@graphshift/core';
import { refuseOpenDoor } from './guards/door.ts';
import { makeServer } from './server.ts';

export interface Dashboard extends Service {
  /** Where a browser on this machine finds it, once started. */
  address(): URL;
}

/** How long requests under way may go on when it stops. */
const STOP_GRACE_MS = 2000;

/**
 * Bull Board, the page and the API on one port. May be started again after a stop.
 * @throws on start: CONFIG_INVALID when the address is open to others without a token or password, or is taken
 */
export function createDashboard({ backend }: { readonly backend: Backend }): Dashboard {
  const { host, port } = backend.settings.dashboard;
  let server: Promise<Server> | undefined;
  let listening: Server | undefined;
  return {
    start: async () => {
      server ??= listen(backend);
      try {
        listening = await server;
      } catch (error) {
        server = undefined;
        throw error;
      }
    },
    stop: async () => {
      const stopping = server;
      server = undefined;
      if (stopping) await close(await stopping, backend);
    },
    address: () => {
      const { port: taken } = (listening?.address() ?? { port }) as AddressInfo;
      return new URL(`http://${browsable(host)}:${taken}/`);
    },
  };
}

async function listen(backend: Backend): Promise<Server> {
  const { host, port } = backend.settings.dashboard;
  refuseOpenDoor(host, backend.settings.dashboard);
  const server = createServer(makeServer(backend));
  server.listen(port, host.replace(/^\[|\]$/g, ''));
  try {
    await once(server, 'listening');
    return server;
  } catch (cause) {
    const message = `the dashboard cannot listen on ${host} port ${port}: ${messageOf(cause)}; set dashboard.port (${environmentName('dashboard.port')}) or dashboard.host, or --port 0 for a free port`;
    throw new GraphshiftError('CONFIG_INVALID', message, { cause });
  }
}

/** Requests under way are answered, but nobody who keeps a connection open keeps the process. */
async function close(server: Server, { clock }: Backend): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const done = new AbortController();
  const late = clock.sleep(STOP_GRACE_MS, done.signal).then(() => server.closeAllConnections());
  late.catch(() => {});
  await closed;
  done.abort();
}

/** A wildcard address is no place to go to. */
function browsable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  const name = host.replace(/^\[|\]$/g, '');
  if (name === '::') return '[::1]';
  return name.includes(':') ? `[${name}]` : name;
}
