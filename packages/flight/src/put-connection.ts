/**
 * The connection that puts go over. It is Node's HTTP/2 without grpc-js between: grpc-js copies each message into its
 * own framing, and takes the next one only when the last is out. For the other calls of a client that is nothing; for
 * gigabytes of record batches it is most of what they cost.
 */

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2';
import {
  type ChannelSettings,
  hostOf,
  KEEP_ALIVE_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  SERVICE,
  type TlsOptions,
} from './channel.ts';

/** As long as grpc-js tries. */
const CONNECT_TIMEOUT_MS = 20_000;
/**
 * In MB. Node counts what waits to be sent, and refuses the answers of a connection where that is more; what waits is
 * bounded by the puts.
 */
const SESSION_MEMORY_MB = 65_536;

interface Connected {
  readonly session: ClientHttp2Session;
  /** Calls under way. */
  calls: number;
}

/** Made at the first call, and made again when it breaks. */
export class PutConnection {
  readonly #settings: ChannelSettings;
  #connected: Connected | undefined;

  constructor(settings: ChannelSettings) {
    this.#settings = settings;
  }

  /** The stream of a call; what goes wrong with the connection is its error. */
  open(call: string, headers: OutgoingHttpHeaders): ClientHttp2Stream {
    this.#connected ??= this.#connect();
    const connected = this.#connected;
    const { session } = connected;
    const serverName = this.#settings.tls?.serverName;
    const stream = session.request(
      {
        ':method': 'POST',
        ':path': SERVICE + call,
        ...(serverName !== undefined && { ':authority': serverName }),
        te: 'trailers',
        'content-type': 'application/grpc',
        'grpc-accept-encoding': 'identity',
        ...headers,
      },
      { endStream: false },
    );
    connected.calls += 1;
    session.ref();
    stream.once('close', () => {
      connected.calls -= 1;
      // An idle connection keeps no process alive.
      if (connected.calls === 0 && !session.destroyed) session.unref();
    });
    return stream;
  }

  /** Ends the connection; calls under way go on to their end. */
  close(): void {
    this.#connected?.session.close();
    this.#connected = undefined;
  }

  #connect(): Connected {
    const { tls, keepAliveMs = KEEP_ALIVE_MS, port } = this.#settings;
    const url = `${tls ? 'https' : 'http'}://${hostOf(this.#settings)}:${port}`;
    const session = connect(url, { maxSessionMemory: SESSION_MEMORY_MB, ...(tls && tlsOf(tls)) });
    const connected: Connected = { session, calls: 0 };
    const forget = () => {
      if (this.#connected === connected) this.#connected = undefined;
    };
    // The calls tell what is wrong with it.
    session.on('error', forget);
    session.once('close', forget);
    session.once('goaway', () => {
      forget();
      if (!session.destroyed) session.close();
    });
    within(CONNECT_TIMEOUT_MS, 'not connected', session, () => !session.connecting);
    session.setTimeout(keepAliveMs, () => this.#askForLife(connected));
    return connected;
  }

  #askForLife({ session, calls }: Connected): void {
    if (session.destroyed || session.connecting || calls === 0) return;
    const { keepAliveTimeoutMs = KEEP_ALIVE_TIMEOUT_MS } = this.#settings;
    let alive = false;
    session.ping(() => {
      alive = true;
    });
    within(keepAliveTimeoutMs, 'no sign of life', session, () => alive);
  }
}

/** Breaks the connection where something has not come about in time. */
function within(ms: number, otherwise: string, session: ClientHttp2Session, reached: () => boolean): void {
  AbortSignal.timeout(ms).addEventListener('abort', () => {
    if (!session.destroyed && !reached()) session.destroy(new Error(`${otherwise} within ${ms} ms`));
  });
}

function tlsOf({ ca, key, certificate, serverName }: TlsOptions): object {
  return {
    ...(ca && { ca }),
    ...(key && { key }),
    ...(certificate && { cert: certificate }),
    ...(serverName !== undefined && { servername: serverName }),
  };
}
