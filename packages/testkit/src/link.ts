/** A TCP link to a server that can be cut, delayed and blackholed, also in one direction alone. */

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** `out` is from the client to the server, `in` from the server to the client. */
export type Direction = 'out' | 'in' | 'both';

export interface Link {
  /** Of 127.0.0.1, where clients connect. */
  readonly port: number;
  /** How many connections have come so far. */
  readonly connections: number;
  /** Ends all connections, and refuses new ones until `mend`. */
  sever(): void;
  /**
   * What is sent that way stays on the way until `mend` and arrives late then, as with a network that comes back; no
   * end of the connection is seen. New connections are taken and stay silent.
   */
  hold(direction: Direction): void;
  /** The same, but what was sent is lost, and the connections are ended by `mend`. */
  blackhole(direction: Direction): void;
  /**
   * Of these connections alone, both ways, until `mend`.
   * @param which by number, in the order in which they came, from 0; asked of those to come too
   */
  blackholeConnections(which: (connection: number) => boolean): void;
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
  connections = 0;
  isLost: (connection: number) => boolean = () => false;
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

  blackholeConnections(which: (connection: number) => boolean): void {
    this.isLost = which;
  }

  delay(ms: number): void {
    this.delayMs = ms;
  }

  mend(): void {
    const all = this.fates.out === 'lose' || this.fates.in === 'lose';
    const { isLost } = this;
    this.isLost = () => false;
    this.#severed = false;
    this.delayMs = 0;
    this.fates.out = 'pass';
    this.fates.in = 'pass';
    // A stream with a hole in it is none any more.
    for (const pair of this.#pairs) if (all || isLost(pair.number)) pair.end();
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
    const server = connect(this.#target, '127.0.0.1');
    const pair = new Pair(this.connections++, client, server, this, () => this.#pairs.delete(pair));
    this.#pairs.add(pair);
  }
}

/** One connection through the link. */
class Pair {
  readonly number: number;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #ways: readonly Way[];

  constructor(number: number, client: Socket, server: Socket, link: TcpLink, onEnd: () => void) {
    this.number = number;
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
    const fateOf = (direction: 'out' | 'in') => (): Fate =>
      link.isLost(number) ? 'lose' : link.fates[direction];
    this.#ways = [new Way(client, server, link, fateOf('out')), new Way(server, client, link, fateOf('in'))];
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
  readonly #link: TcpLink;
  readonly #fate: () => Fate;
  readonly #held: Buffer[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(from: Socket, to: Socket, link: TcpLink, fate: () => Fate) {
    this.#to = to;
    this.#link = link;
    this.#fate = fate;
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
    const fate = this.#fate();
    if (fate === 'lose' || this.#to.destroyed) return;
    if (fate === 'hold' || this.#held.length > 0) this.#held.push(data);
    else this.#to.write(data);
  }
}
