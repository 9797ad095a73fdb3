/** A TCP link to a server that can be cut, delayed and blackholed, also in one direction alone. */

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** `out` is from the client to the server, `in` from the server to the client. */
export type Direction = 'out' | 'in' | 'both';

export interface Link {
  /** Of 127.0.0.1, where clients connect. */
  readonly port: number;
  /** Ends all connections, and refuses new ones until `mend`. */
  sever(): void;
  /**
   * What is sent that way stays on the way until `mend` and arrives late then, as with a network that comes back; no
   * end of the connection is seen. New connections are taken and stay silent.
   */
  hold(direction: Direction): void;
  /** The same, but what was sent is lost, and the connections are ended by `mend`. */
  blackhole(direction: Direction): void;
  /** Everything arrives this much later, in order. */
  delay(ms: number): void;
  /** As new: nothing is held, lost or delayed any more. */
  mend(): void;
  /** Ends all connections and the listening. */
  close(): Promise<void>;
}

type Fate = 'pass' | 'hold' | 'lose';

/** Opens a link to a port of 127.0.0.1; the server need not be there yet. */
export async function openLink(target: number): Promise<Link> {
  const link = new TcpLink(target);
  await link.open();
  return link;
}

class TcpLink implements Link {
  readonly #target: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly fates: Record<'out' | 'in', Fate> = { out: 'pass', in: 'pass' };
  delayMs = 0;
  port = 0;
  #severed = false;

  constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  async open(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    this.port = typeof address === 'object' && address ? address.port : 0;
  }

  sever(): void {
    this.#severed = true;
    for (const pair of this.#pairs) pair.end();
  }

  hold(direction: Direction): void {
    this.#set(direction, 'hold');
  }

  blackhole(direction: Direction): void {
    this.#set(direction, 'lose');
  }

  delay(ms: number): void {
    this.delayMs = ms;
  }

  mend(): void {
    const lossy = this.fates.out === 'lose' || this.fates.in === 'lose';
    this.#severed = false;
    this.delayMs = 0;
    this.fates.out = 'pass';
    this.fates.in = 'pass';
    // A stream with a hole in it is none any more.
    for (const pair of this.#pairs) if (lossy) pair.end();
    for (const pair of this.#pairs) pair.resume();
  }

  async close(): Promise<void> {
    this.sever();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #set(direction: Direction, fate: Fate): void {
    if (direction !== 'in') this.fates.out = fate;
    if (direction !== 'out') this.fates.in = fate;
  }

  #accept(client: Socket): void {
    if (this.#severed) {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const pair = new Pair(client, connect(this.#target, '127.0.0.1'), this, () => this.#pairs.delete(pair));
    this.#pairs.add(pair);
  }
}

/** One connection through the link. */
class Pair {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #ways: readonly Way[];

  constructor(client: Socket, server: Socket, link: TcpLink, onEnd: () => void) {
    this.#client = client;
    this.#server = server;
    const end = () => {
      this.end();
      onEnd();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', end);
    }
    this.#ways = [new Way(client, server, 'out', link), new Way(server, client, 'in', link)];
  }

  resume(): void {
    for (const way of this.#ways) way.flush();
  }

  end(): void {
    this.#client.destroy();
    this.#server.destroy();
  }
}

/** What goes one way through a connection, in order. */
class Way {
  readonly #to: Socket;
  readonly #direction: 'out' | 'in';
  readonly #link: TcpLink;
  readonly #held: Buffer[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(from: Socket, to: Socket, direction: 'out' | 'in', link: TcpLink) {
    this.#to = to;
    this.#direction = direction;
    this.#link = link;
    from.on('data', (data) => this.#take(data));
  }

  flush(): void {
    for (const data of this.#held.splice(0)) this.#to.write(data);
  }

  #take(data: Buffer): void {
    const { delayMs } = this.#link;
    const before = this.#last;
    const pass = async () => {
      await before;
      if (delayMs > 0) await wait(delayMs);
      this.#pass(data);
    };
    // Without delay nothing waits for a turn of the event loop, unless something delayed is before it.
    if (delayMs === 0 && this.#waiting === 0) this.#pass(data);
    else {
      this.#waiting++;
      this.#last = pass().finally(() => {
        this.#waiting--;
      });
    }
  }

  #waiting = 0;

  #pass(data: Buffer): void {
    const fate = this.#link.fates[this.#direction];
    if (fate === 'lose' || this.#to.destroyed) return;
    if (fate === 'hold' || this.#held.length > 0) this.#held.push(data);
    else this.#to.write(data);
  }
}
