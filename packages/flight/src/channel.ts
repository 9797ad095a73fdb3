/** The gRPC channel to one server, for all calls but puts: its address, TLS, keep-alive and limits. */

import {
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  type Metadata,
} from '@grpc/grpc-js';

export const SERVICE = '/arrow.flight.protocol.FlightService/';

export interface TlsOptions {
  /** Certificates in PEM that sign the server's; default: those that Node knows. */
  readonly ca?: Buffer;
  /** The client's own certificate and key in PEM, where the server asks for one. */
  readonly certificate?: Buffer;
  readonly key?: Buffer;
  /** The name in the server's certificate where it is not the host's. */
  readonly serverName?: string;
}

export interface ChannelSettings {
  /** Name or address, an IPv6 one without brackets. */
  readonly host: string;
  readonly port: number;
  /** With it, nothing is ever sent in clear; without it, everything is. */
  readonly tls?: TlsOptions;
  /**
   * Milliseconds of silence after which a connection with calls under way is asked for a sign of life. gRPC servers
   * end a connection that asks more often than every five minutes, unless they are told otherwise.
   * @default 310_000
   */
  readonly keepAliveMs?: number;
  /** How long that sign may take. @default 20_000 */
  readonly keepAliveTimeoutMs?: number;
  /** The largest message that is sent, in bytes. @default 2^31 - 1, what servers in Java and C++ can take */
  readonly maxSendBytes?: number;
  /** The largest message that is received, in bytes. @default 16 MiB */
  readonly maxReceiveBytes?: number;
}

export const MAX_SEND_BYTES = 2 ** 31 - 1;
export const MAX_RECEIVE_BYTES = 16 * 2 ** 20;
export const KEEP_ALIVE_MS = 310_000;
export const KEEP_ALIVE_TIMEOUT_MS = 20_000;

const asItIs = (bytes: Buffer): Buffer => bytes;

/** As it stands in an address. */
export function hostOf({ host }: ChannelSettings): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Calls by name, with messages that are bytes already. */
export class Channel {
  readonly address: string;
  readonly #client: Client;

  constructor(settings: ChannelSettings) {
    this.address = `${hostOf(settings)}:${settings.port}`;
    this.#client = new Client(this.address, channelCredentials(settings.tls), channelOptions(settings));
  }

  /** A call of one message that is answered with many. */
  stream(
    call: string,
    request: Buffer,
    headers: Metadata,
    options: CallOptions,
  ): ClientReadableStream<Buffer> {
    return this.#client.makeServerStreamRequest(SERVICE + call, asItIs, asItIs, request, headers, options);
  }

  /** A call with messages both ways. */
  duplex(call: string, headers: Metadata): ClientDuplexStream<Buffer, Buffer> {
    return this.#client.makeBidiStreamRequest(SERVICE + call, asItIs, asItIs, headers, {});
  }

  /** Ends the connection; calls under way go on to their end. */
  close(): void {
    this.#client.close();
  }
}

function channelCredentials(tls: TlsOptions | undefined): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  return credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.certificate ?? null);
}

function channelOptions(settings: ChannelSettings): ChannelOptions {
  return {
    'grpc.keepalive_time_ms': settings.keepAliveMs ?? KEEP_ALIVE_MS,
    'grpc.keepalive_timeout_ms': settings.keepAliveTimeoutMs ?? KEEP_ALIVE_TIMEOUT_MS,
    'grpc.max_send_message_length': settings.maxSendBytes ?? MAX_SEND_BYTES,
    'grpc.max_receive_message_length': settings.maxReceiveBytes ?? MAX_RECEIVE_BYTES,
    // Its retries keep a copy of what was sent, and say that a message is written when it only stands there.
    'grpc.enable_retries': 0,
    // The driver of Bolt and the puts go to the server itself.
    'grpc.enable_http_proxy': 0,
    // A channel of its own: two clients with other limits or certificates never share a connection.
    'grpc.use_local_subchannel_pool': 1,
    ...(settings.tls?.serverName && {
      'grpc.ssl_target_name_override': settings.tls.serverName,
      'grpc.default_authority': settings.tls.serverName,
    }),
  };
}
