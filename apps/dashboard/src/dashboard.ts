import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Backend, GraphshiftError, messageOf, type Service } from '@graphshift/core';
import { refuseOpenDoor } from './guards/door.ts';
import { makeServer } from './server.ts';

export interface Dashboard extends Service {
  /** Where it listens, once started. */
  address(): URL;
}

/**
 * Bull Board, the page and the API on one port.
 * @throws on start: CONFIG_INVALID when the address is open to others without a token or password, or is taken
 */
export function createDashboard({ backend }: { readonly backend: Backend }): Dashboard {
  const { host, port } = backend.settings.dashboard;
  let server: Server | undefined;
  return {
    start: async () => {
      if (server) return;
      refuseOpenDoor(host, backend.settings.dashboard);
      const starting = createServer(makeServer(backend));
      starting.listen(port, host);
      try {
        await once(starting, 'listening');
      } catch (cause) {
        const message = `the dashboard cannot listen on ${host} port ${port} (dashboard.host, dashboard.port): ${messageOf(cause)}; --port 0 takes a free one`;
        throw new GraphshiftError('CONFIG_INVALID', message, { cause });
      }
      server = starting;
    },
    stop: async () => {
      const stopping = server;
      if (!stopping) return;
      server = undefined;
      stopping.close();
      stopping.closeAllConnections();
      await once(stopping, 'close');
    },
    address: () => {
      const { port: taken } = (server?.address() ?? { port }) as AddressInfo;
      return new URL(`http://${host.includes(':') ? `[${host}]` : host}:${taken}/`);
    },
  };
}
