/**
 * An Arrow Flight client for one server. One connection, and one more for puts, each made at its first call and made
 * again when it breaks; safe for calls side by side.
 */

import type { Metadata } from '@grpc/grpc-js';
import { Authentication, type FlightCredentials } from './authentication.ts';
import { Channel, type ChannelSettings, MAX_RECEIVE_BYTES, MAX_SEND_BYTES } from './channel.ts';
import { FlightError, flightError } from './errors.ts';
import type { FlightDescriptor } from './flight-data.ts';
import type { IpcMessage } from './ipc/message.ts';
import { bytesOf, decode, encode } from './protobuf.ts';
import { CALL, Put, type PutOptions, type PutSummary } from './put.ts';
import { PutCall } from './put-call.ts';
import { PutConnection } from './put-connection.ts';

export interface FlightClientOptions extends ChannelSettings {
  readonly credentials?: FlightCredentials;
  /** How long a bearer token is used before another is asked for, in milliseconds. @default 540_000 */
  readonly tokenLifetimeMs?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

export interface FlightCallOptions {
  readonly signal?: AbortSignal;
  /** After which the call is given up, in milliseconds. @default none */
  readonly timeoutMs?: number;
}

export interface FlightActionType {
  readonly type: string;
  readonly description: string;
}

/** Servers of GDS forget a token after ten minutes. */
const TOKEN_LIFETIME_MS = 540_000;

export class FlightClient {
  readonly #channel: Channel;
  readonly #authentication: Authentication;
  readonly #puts: PutConnection;
  readonly #maxSendBytes: number;
  readonly #maxReceiveBytes: number;

  constructor(options: FlightClientOptions) {
    this.#channel = new Channel(options);
    this.#puts = new PutConnection(options);
    this.#maxReceiveBytes = options.maxReceiveBytes ?? MAX_RECEIVE_BYTES;
    this.#maxSendBytes = options.maxSendBytes ?? MAX_SEND_BYTES;
    this.#authentication = new Authentication(
      options.credentials,
      options.tokenLifetimeMs ?? TOKEN_LIFETIME_MS,
      options.now ?? (() => performance.now()),
      (headers) => this.#handshake(headers),
    );
  }

  /** `host:port`. */
  get address(): string {
    return this.#channel.address;
  }

  /** Handshakes so far: one, and one more each time the token ran out. */
  get handshakes(): number {
    return this.#authentication.handshakes;
  }

  /**
   * Authenticates now rather than with the first call; says early that the server is there and lets us in.
   * @throws FlightError
   */
  async authenticate(): Promise<void> {
    await this.#authentication.headers();
  }

  /** @throws FlightError, the signal's reason */
  async listActions(options: FlightCallOptions = {}): Promise<FlightActionType[]> {
    const actions: FlightActionType[] = [];
    for await (const answer of this.#stream('ListActions', 'ListActions', Buffer.alloc(0), options)) {
      const fields = decode(answer);
      actions.push({ type: bytesOf(fields, 1).toString(), description: bytesOf(fields, 2).toString() });
    }
    return actions;
  }

  /**
   * The bodies of an action's results, as they come; a slow reader holds the server back.
   * @throws FlightError, the signal's reason
   */
  async *doAction(
    type: string,
    body: Uint8Array | string,
    options: FlightCallOptions = {},
  ): AsyncGenerator<Buffer> {
    const request = encode([
      [1, type],
      [2, body],
    ]);
    for await (const answer of this.#stream('DoAction', `DoAction ${type}`, request, options))
      yield bytesOf(decode(answer), 1);
  }

  /** Opens a put, to be written message by message. @throws FlightError, the signal's reason */
  async openPut(descriptor: FlightDescriptor, options: PutOptions = {}): Promise<Put> {
    const put = new Put(
      {
        maxSendBytes: this.#maxSendBytes,
        open: async (listener) => {
          const headers = await this.#authentication.headers();
          const stream = this.#puts.open(CALL, headers.toHttp2Headers());
          const onHeaders = (answered: Metadata) => this.#authentication.learn(answered);
          const call = new PutCall(CALL, stream, { ...listener, onHeaders }, this.#maxReceiveBytes);
          return { call, headers };
        },
        refused: (headers) => this.#authentication.refused(headers),
      },
      descriptor,
      options,
    );
    await put.open();
    return put;
  }

  /**
   * Puts all messages, the schema first, and waits for the end.
   * @throws FlightError, the signal's reason, and what `messages` throws
   */
  async put(
    descriptor: FlightDescriptor,
    messages: AsyncIterable<IpcMessage> | Iterable<IpcMessage>,
    options: PutOptions = {},
  ): Promise<PutSummary> {
    const put = await this.openPut(descriptor, options);
    try {
      for await (const message of messages) await put.write(message);
      return await put.finish();
    } catch (error) {
      put.cancel(error);
      throw error;
    }
  }

  /** Ends the connection; calls under way go on to their end. */
  close(): void {
    this.#channel.close();
    this.#puts.close();
  }

  async *#stream(
    method: string,
    call: string,
    request: Buffer,
    options: FlightCallOptions,
  ): AsyncGenerator<Buffer> {
    for (let tries = 0; ; tries += 1) {
      options.signal?.throwIfAborted();
      const headers = await this.#authentication.headers();
      let answers = 0;
      try {
        for await (const answer of this.#answers(method, call, request, headers, options)) {
          answers += 1;
          yield answer;
        }
        return;
      } catch (error) {
        const ranOut = error instanceof FlightError && error.status === 'UNAUTHENTICATED';
        if (!ranOut || answers > 0 || tries > 0 || !this.#authentication.refused(headers)) throw error;
      }
    }
  }

  async *#answers(
    method: string,
    call: string,
    request: Buffer,
    headers: Metadata,
    { signal, timeoutMs }: FlightCallOptions,
  ): AsyncGenerator<Buffer> {
    const late = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
    const ends = AbortSignal.any([signal, late].filter((one) => one !== undefined));
    const stream = this.#channel.stream(method, request, headers, {});
    const cancel = () => stream.cancel();
    // A call that nobody reads any more still tells its end.
    stream.on('error', () => {});
    if (ends.aborted) cancel();
    ends.addEventListener('abort', cancel, { once: true });
    stream.on('metadata', (answered: Metadata) => this.#authentication.learn(answered));
    try {
      yield* stream as AsyncIterable<Buffer>;
    } catch (error) {
      signal?.throwIfAborted();
      if (late?.aborted) throw new FlightError(call, 'DEADLINE_EXCEEDED', `no end within ${timeoutMs} ms`);
      throw flightError(call, error);
    } finally {
      ends.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }

  /** Basic credentials go in the headers; the token comes back in them, before or after the stream. */
  #handshake(headers: Metadata): Promise<Metadata> {
    return new Promise((resolve, reject) => {
      const call = this.#channel.duplex('Handshake', headers);
      let answered: Metadata | undefined;
      call.on('metadata', (metadata: Metadata) => {
        answered = metadata;
      });
      call.on('data', () => {});
      call.on('error', (error) => reject(flightError('Handshake', error)));
      call.on('status', ({ code, metadata }) => {
        if (code !== 0) return;
        answered?.merge(metadata);
        resolve(answered ?? metadata);
      });
      call.end();
    });
  }
}
