/**
 * Answers `/healthz` for whoever watches over a process: 200 while its services run and what they need has answered
 * lately, else 503 with the reason. Answers come from memory, so that they are there at once even while Redis hangs; a
 * process whose event loop hangs gives none, which a watcher's own time limit sees.
 */

import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from './clock.ts';
import { GraphshiftError, messageOf } from './errors.ts';
import type { Logger } from './log.ts';
import type { Service } from './service.ts';

export interface HealthServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What kind of process this is, such as `worker`. */
  readonly kind: string;
  /** Asks Redis for a sign of life. */
  readonly ping: () => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Logger;
  /** @default 2000 */
  readonly pingEveryMs?: number;
  /** How old Redis's last answer may be. @default 10_000 */
  readonly patienceMs?: number;
}

const PING_EVERY_MS = 2000;
const PATIENCE_MS = 10_000;
/** A watcher sends one line; who sends none is no watcher. */
const REQUEST_MS = 5000;

export class HealthServer implements Service {
  /**
   * Stands behind the services that it watches over: the process is well from its start to its stop, and a stack
   * stops it first.
   */
  readonly readiness: Service;
  readonly #options: HealthServerOptions;
  #phase: 'starting' | 'running' | 'stopping' = 'starting';
  #server: Server | undefined;
  #cancel: (() => void) | undefined;
  #startedAt = 0;
  #answeredAt: number | undefined;

  constructor(options: HealthServerOptions) {
    this.#options = options;
    this.readiness = {
      start: async () => {
        this.#phase = 'running';
      },
      stop: async () => {
        this.#phase = 'stopping';
      },
    };
  }

  /** Where it listens. @throws INTERNAL before it is started */
  get url(): URL {
    if (!this.#server) throw new GraphshiftError('INTERNAL', 'the health server is not started');
    const { address, port, family } = this.#server.address() as AddressInfo;
    return new URL(`http://${family === 'IPv6' ? `[${address}]` : address}:${port}/healthz`);
  }

  /** @throws CONFIG_INVALID when the address is taken or not this machine's */
  async start(): Promise<void> {
    if (this.#server) return;
    const { host, port, kind, clock, log, pingEveryMs = PING_EVERY_MS } = this.#options;
    const server = createServer(
      { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
      (request, response) => this.#answer(request.method ?? '', request.url ?? '', response),
    );
    server.listen(port, host.replace(/^\[|\]$/g, ''));
    try {
      await once(server, 'listening');
    } catch (cause) {
      const message = `health.port: ${kind} cannot answer on ${host} port ${port}: ${messageOf(cause)}; set health.port (HEALTH_PORT) to a free port, or health.host (GRAPHSHIFT_HEALTH_HOST) to an address of this machine`;
      throw new GraphshiftError('CONFIG_INVALID', message, { cause });
    }
    // Without a listener a failing socket would end the process.
    server.on('error', (error) => log.warn({ err: error }, `health: ${messageOf(error)}`));
    this.#server = server;
    this.#startedAt = clock.now();
    this.#cancel = clock.every(pingEveryMs, () => this.#ping());
    await this.#firstPing();
    log.info(`health at ${this.url.href}`);
  }

  async stop(): Promise<void> {
    this.#phase = 'stopping';
    this.#cancel?.();
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async #firstPing(): Promise<void> {
    const done = new AbortController();
    const late = this.#options.clock.sleep(PING_EVERY_MS, done.signal).catch(() => {});
    await Promise.race([this.#ping(), late]);
    done.abort();
  }

  async #ping(): Promise<void> {
    try {
      await this.#options.ping();
      this.#answeredAt = this.#options.clock.now();
    } catch {
      // The connection tells of its losses itself; here the age of the last answer counts.
    }
  }

  #answer(method: string, url: string, response: ServerResponse): void {
    const path = url.split('?')[0];
    if (path !== '/healthz' || !['GET', 'HEAD'].includes(method)) {
      send(response, 404, { error: 'only GET /healthz is answered here' });
      return;
    }
    const { clock, kind } = this.#options;
    const reason = this.#reason();
    const about = { kind, uptimeSeconds: Math.max(0, Math.round((clock.now() - this.#startedAt) / 1000)) };
    if (reason === undefined) send(response, 200, { status: 'ok', ...about });
    else send(response, 503, { status: 'unhealthy', reason, ...about });
  }

  /** Why the process is not well, or undefined. */
  #reason(): string | undefined {
    const { clock, patienceMs = PATIENCE_MS } = this.#options;
    if (this.#phase !== 'running') return this.#phase;
    if (this.#answeredAt === undefined) return 'redis has not answered yet';
    const ageMs = clock.now() - this.#answeredAt;
    return ageMs <= patienceMs ? undefined : `redis has not answered for ${Math.round(ageMs / 1000)} s`;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(text);
}
