/**
 * One gRPC call with messages both ways, as puts need it: messages go out as they are, with what gRPC sets in front of
 * them already in its place, and several may be on the way.
 */

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { Metadata } from '@grpc/grpc-js';
import { FlightError, type FlightStatus, statusNamed } from './errors.ts';
import { MessageError, MessageReader } from './grpc-messages.ts';

export interface CallListener {
  /** The server's first headers. */
  onHeaders(headers: Metadata): void;
  /** The next one is taken when this has come to its end. */
  onMessage(message: Buffer): Promise<void>;
  /** Once. Without an error the server ended the call well, and every message has been taken. */
  onEnd(error: FlightError | undefined): void;
}

export class PutCall {
  readonly #name: string;
  readonly #stream: ClientHttp2Stream;
  readonly #session: ClientHttp2Session | undefined;
  readonly #listener: CallListener;
  readonly #messages: MessageReader;
  #httpStatus: number | undefined;
  #endsWell = false;
  #allTaken = false;
  #over = false;

  /** @param name of the call, for its errors */
  constructor(name: string, stream: ClientHttp2Stream, listener: CallListener, maxReceiveBytes: number) {
    this.#name = name;
    this.#stream = stream;
    this.#session = stream.session as ClientHttp2Session | undefined;
    this.#listener = listener;
    this.#messages = new MessageReader(maxReceiveBytes);
    stream.on('response', (headers, flags) => this.#onResponse(headers, flags));
    stream.on('trailers', (headers) => this.#onTrailers(headers));
    stream.on('error', (error) => this.#onBroken(error));
    stream.once('close', () => this.#onBroken());
    void this.#read();
  }

  /** @param message with its prefix @param onSent once it is with the system */
  write(message: Buffer, onSent: () => void): void {
    if (this.#over) return;
    this.#stream.write(message, (error) => {
      // What went wrong is told by the end of the call.
      if (!error) onSent();
    });
  }

  /** Says that nothing follows. */
  end(): void {
    if (!this.#over) this.#stream.end();
  }

  /** Ends the call at once; its listener hears no more. */
  cancel(): void {
    this.#over = true;
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #onResponse(headers: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number): void {
    this.#httpStatus = headers[':status'];
    if (flags & constants.NGHTTP2_FLAG_END_STREAM) this.#onTrailers(headers);
    else if (!this.#over) this.#listener.onHeaders(Metadata.fromHttp2Headers(headers));
  }

  #onTrailers(headers: IncomingHttpHeaders): void {
    const { 'grpc-status': code, 'grpc-message': words } = headers;
    const state = code === undefined ? stateOfHttp(this.#httpStatus) : statusNamed(Number(code));
    this.#endsWell = state === 'OK';
    if (this.#endsWell) this.#endWell();
    else this.#fail(state, code === undefined ? `HTTP status ${this.#httpStatus}` : textOf(words));
  }

  async #read(): Promise<void> {
    try {
      for await (const chunk of this.#stream)
        for (const message of this.#messages.take(chunk as Buffer)) {
          await this.#listener.onMessage(message);
          if (this.#over) return;
        }
      this.#allTaken = true;
      this.#endWell();
    } catch (error) {
      if (error instanceof MessageError) this.#fail(error.status, error.message);
      else if (this.#endsWell) this.#fail('UNAVAILABLE', 'the connection was lost before its last answers');
    }
  }

  /** The state may come before the last messages are taken. */
  #endWell(): void {
    if (!this.#endsWell || !this.#allTaken || this.#over) return;
    this.#over = true;
    this.#stream.close(constants.NGHTTP2_NO_ERROR);
    this.#listener.onEnd(undefined);
  }

  /** The stream is no more, with or without a reason. */
  #onBroken(error?: Error): void {
    // What the server has sent before is still read.
    if (this.#endsWell) return;
    const reset = error === undefined || codeOf(error) === 'ERR_HTTP2_STREAM_ERROR';
    if (!reset) this.#fail('UNAVAILABLE', reasonOf(error));
    else if (this.#session?.destroyed) this.#fail('UNAVAILABLE', 'the connection was lost');
    else
      this.#fail(stateOfReset(this.#stream.rstCode), `the server ended the stream (${this.#stream.rstCode})`);
  }

  #fail(state: FlightStatus, details: string): void {
    if (this.#over) return;
    this.cancel();
    this.#listener.onEnd(new FlightError(this.#name, state, details.split('\n', 1)[0] ?? ''));
  }
}

function codeOf(error: Error): unknown {
  return 'code' in error ? error.code : undefined;
}

/** Of a call that waits for its connection the reason is the connection's. */
function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error ? cause.message : message;
}

/** Bytes beyond ASCII are percent-encoded. */
function textOf(words: string | string[] | undefined): string {
  const text = String(words ?? '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** As gRPC maps what HTTP/2 says. */
function stateOfReset(code: number | undefined): FlightStatus {
  switch (code) {
    case constants.NGHTTP2_REFUSED_STREAM:
      return 'UNAVAILABLE';
    case constants.NGHTTP2_CANCEL:
      return 'CANCELLED';
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return 'RESOURCE_EXHAUSTED';
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return 'PERMISSION_DENIED';
    default:
      return 'INTERNAL';
  }
}

/** Of an answer that is not gRPC's: something stands between. */
function stateOfHttp(code: number | undefined): FlightStatus {
  switch (code) {
    case 400:
      return 'INTERNAL';
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'PERMISSION_DENIED';
    case 404:
      return 'UNIMPLEMENTED';
    case 429:
    case 502:
    case 503:
    case 504:
      return 'UNAVAILABLE';
    default:
      return 'UNKNOWN';
  }
}
