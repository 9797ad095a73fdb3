/** A TCP proxy that does to a link what networks do: cut it, delay it, or swallow what goes one way. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Direction = 'up' | 'down';

/** One connection through the proxy. */
export interface TcpLink {
  /** In the order in which they came, from 0. */
  readonly index: number;
  /** Swallows everything that goes this way (`up`: to the server), from now on; the connection stays open. */
  blackhole(direction?: Direction): void;
  /** Passes everything on again; what was swallowed is gone. */
  heal(): void;
  /** Resets it. */
  cut(): void;
}

export interface TcpProxy {
  readonly port: number;
  readonly links: readonly TcpLink[];
  /** Called with each new connection, before anything passes. */
  onLink: ((link: TcpLink) => void) | undefined;
  /** Milliseconds that everything waits, both ways. @default 0 */
  delayMs: number;
  stop(): Promise<void>;
}

/** Listens on a free port of this machine and passes everything on to another one. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const links: TcpLink[] = [];
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    const swallowed = new Set<Direction>();
    const ends = [client, upstream];
    const cut = () => {
      for (const end of ends) end.destroy();
    };
    for (const end of ends) {
      sockets.add(end);
      end.on('error', cut);
      end.on('close', () => {
        sockets.delete(end);
        cut();
      });
    }
    const link: TcpLink = {
      index: links.length,
      blackhole: (direction) => {
        for (const one of direction ? [direction] : (['up', 'down'] as const)) swallowed.add(one);
      },
      heal: () => swallowed.clear(),
      cut,
    };
    links.push(link);
    proxy.onLink?.(link);
    const pass = (from: Socket, to: Socket, direction: Direction) =>
      from.on('data', (chunk) => {
        if (swallowed.has(direction)) return;
        if (proxy.delayMs === 0) to.write(chunk);
        else setTimeout(() => to.write(chunk), proxy.delayMs);
      });
    pass(client, upstream, 'up');
    pass(upstream, client, 'down');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    links,
    onLink: undefined,
    delayMs: 0,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return proxy;
}
