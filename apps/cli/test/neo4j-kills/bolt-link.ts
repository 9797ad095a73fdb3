/**
 * A link between workers and the server that knows a commit when it passes: it counts the batches of loads, and stops the
 * traffic right before or right after the server got one, so that a kill meets exactly that moment.
 */

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A message of one byte, COMMIT, in a chunk of its own: what a driver sends last in a transaction. */
const COMMIT = Buffer.from([0x00, 0x02, 0xb0, 0x12, 0x00, 0x00]);
/** In every statement that writes rows of a load. */
const BATCH = 'UNWIND range(0, $rows - 1)';

export interface BoltLink {
  readonly url: string;
  /** Batches whose commit went to the server. */
  batches(): number;
  /** Stops all traffic once so many more batches were committed. Resolves when that is so. */
  freezeAfter(batches: number): Promise<void>;
  /** New connections pass again; the frozen ones are cut. */
  thaw(): void;
  /**
   * Of a transaction with this text, the commit never arrives (`request`), or its answer (`answer`), and nothing after it.
   * Resolves when that is so.
   */
  lose(text: string, what: 'request' | 'answer'): Promise<void>;
  close(): Promise<void>;
}

interface Loss {
  readonly text: string;
  readonly what: 'request' | 'answer';
  readonly done: () => void;
}

interface Freeze {
  readonly at: number;
  readonly done: () => void;
}

/** What a connection's present transaction has sent. */
interface Sent {
  text: string;
  isStopped: boolean;
}

class Link implements BoltLink {
  readonly #target: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #losses: Loss[] = [];
  #freeze: Freeze | undefined;
  #isFrozen = false;
  #batches = 0;

  constructor(target: string) {
    this.#target = new URL(target.replace(/^\w+/, 'http'));
    this.#server = createServer((client) => this.#join(client));
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `bolt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  batches(): number {
    return this.#batches;
  }

  freezeAfter(batches: number): Promise<void> {
    return new Promise((done) => {
      this.#freeze = { at: this.#batches + batches, done };
    });
  }

  thaw(): void {
    this.#freeze = undefined;
    this.#isFrozen = false;
    this.#cut();
  }

  lose(text: string, what: 'request' | 'answer'): Promise<void> {
    return new Promise((done) => this.#losses.push({ text, what, done }));
  }

  async close(): Promise<void> {
    this.#cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #join(client: Socket): void {
    const server = connect(Number(this.#target.port), this.#target.hostname);
    const sent: Sent = { text: '', isStopped: this.#isFrozen };
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => other.destroy());
    }
    client.on('data', (bytes) => this.#fromClient(bytes, server, sent));
    server.on('data', (bytes) => {
      if (!sent.isStopped && !this.#isFrozen) client.write(bytes);
    });
  }

  #fromClient(bytes: Buffer, server: Socket, sent: Sent): void {
    if (sent.isStopped || this.#isFrozen) return;
    if (!bytes.subarray(-COMMIT.length).equals(COMMIT)) {
      sent.text = (sent.text + bytes.toString('latin1')).slice(-100_000);
      server.write(bytes);
      return;
    }
    const index = this.#losses.findIndex(({ text }) => sent.text.includes(text));
    const [loss] = index < 0 ? [] : this.#losses.splice(index, 1);
    if (loss) sent.isStopped = true;
    if (loss?.what !== 'request') server.write(bytes);
    loss?.done();
    if (sent.text.includes(BATCH)) this.#countBatch();
    sent.text = '';
  }

  #countBatch(): void {
    this.#batches++;
    if (!this.#freeze || this.#batches < this.#freeze.at) return;
    this.#isFrozen = true;
    this.#freeze.done();
    this.#freeze = undefined;
  }
}

export function openBoltLink(target: string): Promise<BoltLink> {
  return new Link(target).open();
}
