/**
 * One DoPut: Arrow IPC messages to the server, and its answers back, with flow control both ways. A write resolves when
 * the next one may follow: when the transport has taken enough of what was written, and the server has acknowledged
 * all but a bounded number of batches. So memory holds what is on the way, whatever the server's pace.
 *
 * An error that the server sends within the stream ends the put at once, whatever is being waited for. A server that
 * ends it well before everything was written, or with fewer answers than were asked for, is an error too.
 */

import type { Metadata } from '@grpc/grpc-js';
import { Changes } from './changes.ts';
import { FlightError } from './errors.ts';
import { copyToFrame, type FlightDescriptor, type Frame } from './flight-data.ts';
import { IpcError } from './ipc/error.ts';
import type { IpcMessage } from './ipc/message.ts';
import { bytesOf, decode } from './protobuf.ts';
import type { CallListener, PutCall } from './put-call.ts';

export interface PutOptions {
  readonly signal?: AbortSignal;
  /**
   * Batches that may be without an answer. A number is for servers that answer each batch: the put then fails where an
   * answer is missing at the end. `unbounded` is for those that do not.
   * @default 8
   */
  readonly unacknowledged?: number | 'unbounded';
  /** Bytes that may be with the transport, beside one whole message. @default 8 MiB */
  readonly pendingBytes?: number;
  /** Called with each answer's metadata, in order; nothing more is read from the server while it runs. */
  readonly onAnswer?: (metadata: Buffer) => void | Promise<void>;
  /** Called when the server has acknowledged a batch, with its rows. */
  readonly onAcknowledged?: (rows: number) => void;
}

export interface PutSummary {
  readonly batches: number;
  readonly rows: number;
  /** Of the messages, with their framing. */
  readonly bytes: number;
  /** Answers of the server. */
  readonly answers: number;
  /** Rows of the batches that were answered. */
  readonly acknowledgedRows: number;
}

export interface OpenedCall {
  readonly call: PutCall;
  /** That it was opened with. */
  readonly headers: Metadata;
}

/** What a put needs of its client. */
export interface PutTransport {
  /** Opens the call; again with fresh credentials where `refused` allows it. */
  open(listener: Omit<CallListener, 'onHeaders'>): Promise<OpenedCall>;
  /** Whether a call that was refused with these headers may be tried once more. */
  refused(headers: Metadata): boolean;
  readonly maxSendBytes: number;
}

export const CALL = 'DoPut';
const UNACKNOWLEDGED = 8;
const PENDING_BYTES = 8 * 2 ** 20;
/** What is kept until the first answer; credentials are refused with the first message, if at all. */
const UNHEARD_BYTES = 32 * 2 ** 20;
const APP_METADATA = 1;

export class Put {
  readonly #transport: PutTransport;
  readonly #descriptor: FlightDescriptor;
  readonly #options: PutOptions;
  readonly #changes = new Changes();
  readonly #window: number;
  readonly #onAbort = () => this.#fail(this.#options.signal?.reason);
  #call: PutCall | undefined;
  #headers: Metadata | undefined;
  /** Until the first answer: what was sent, to be sent again where the credentials had run out. */
  #unheard: Buffer[] | undefined = [];
  #opened = 0;
  #begun = false;
  #finishing = false;
  /** Whether an answer is with `onAnswer`. */
  #taking = false;
  #failure: { readonly reason: unknown } | undefined;
  #ended = false;
  #pendingBytes = 0;
  /** Rows of the batches that have no answer yet, in order. */
  readonly #waiting: number[] = [];
  #batches = 0;
  #rows = 0;
  #bytes = 0;
  #answers = 0;
  #acknowledgedRows = 0;

  /** @internal Made by `FlightClient.put`. */
  constructor(transport: PutTransport, descriptor: FlightDescriptor, options: PutOptions) {
    this.#transport = transport;
    this.#descriptor = descriptor;
    this.#options = options;
    const { unacknowledged = UNACKNOWLEDGED } = options;
    this.#window = unacknowledged === 'unbounded' ? Number.POSITIVE_INFINITY : unacknowledged;
  }

  /** @internal */
  async open(): Promise<void> {
    this.#options.signal?.throwIfAborted();
    this.#options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    try {
      await this.#open();
    } catch (error) {
      this.#fail(error);
    }
    this.#throwFailure();
  }

  /**
   * Sends a message: the schema first, then dictionaries and batches. Resolves when the next may follow.
   * @throws FlightError with the server's answer, the signal's reason, IpcError where the schema is not first
   */
  async write(message: IpcMessage): Promise<void> {
    const { bytes, wire } = this.#framed(message);
    if (bytes.length > this.#transport.maxSendBytes)
      throw this.#error(
        'RESOURCE_EXHAUSTED',
        `a message of ${bytes.length} bytes; it may have ${this.#transport.maxSendBytes}: send smaller batches`,
      );
    // While the call is opened anew nothing is written: what is kept for it must not grow meanwhile.
    await this.#until(() => true);
    if (message.kind === 'batch') {
      this.#waiting.push(message.rows);
      this.#batches += 1;
      this.#rows += message.rows;
    }
    this.#bytes += bytes.length;
    if (this.#bytes > UNHEARD_BYTES) this.#unheard = undefined;
    this.#unheard?.push(wire);
    this.#send(wire);
    await this.#until(() => this.#mayWrite());
    if (this.#ended)
      throw this.#error('ABORTED', `the server ended the put after ${this.#answers} answers, before its end`);
  }

  /**
   * Says that nothing follows, and waits for the server's last answer.
   * @throws FlightError, also where answers are missing; the signal's reason
   */
  async finish(): Promise<PutSummary> {
    this.#throwFailure();
    this.#finishing = true;
    this.#halfClose();
    await this.#until(() => this.#ended && !this.#taking);
    if (this.#window !== Number.POSITIVE_INFINITY && this.#answers !== this.#batches)
      throw this.#error('ABORTED', `the server answered ${this.#answers} of ${this.#batches} batches`);
    this.#release();
    return {
      batches: this.#batches,
      rows: this.#rows,
      bytes: this.#bytes,
      answers: this.#answers,
      acknowledgedRows: this.#acknowledgedRows,
    };
  }

  /** Ends the put unfinished; what waits for it fails with this reason. Does nothing after its end. */
  cancel(reason: unknown = new FlightError(CALL, 'CANCELLED', 'cancelled by the client')): void {
    if (!this.#ended) this.#fail(reason);
  }

  /** Rows that the server has acknowledged so far. */
  get acknowledgedRows(): number {
    return this.#acknowledgedRows;
  }

  #framed(message: IpcMessage): Frame {
    const first = !this.#begun;
    if (first !== (message.kind === 'schema'))
      throw new IpcError('broken', first ? 'a put begins with the schema' : 'a put has one schema');
    this.#begun = true;
    if (first) return copyToFrame(message.metadata, message.body, { descriptor: this.#descriptor });
    return message.frame ?? copyToFrame(message.metadata, message.body);
  }

  async #open(): Promise<void> {
    let opened: PutCall | undefined;
    const { call, headers } = await this.#transport.open({
      onMessage: (answer) => this.#take(answer),
      onEnd: (error) => {
        // A call that was cancelled, or opened anew, tells nothing any more.
        if (opened === undefined || opened !== this.#call) return;
        if (error) this.#onError(error);
        else this.#end();
      },
    });
    opened = call;
    if (this.#failure) return call.cancel();
    this.#call = call;
    this.#headers = headers;
    this.#opened += 1;
  }

  #end(): void {
    this.#ended = true;
    this.#release();
    this.#changes.tell();
  }

  #send(bytes: Buffer): void {
    const call = this.#call;
    if (!call) return;
    this.#pendingBytes += bytes.length;
    call.write(bytes, () => {
      if (call !== this.#call) return;
      this.#pendingBytes -= bytes.length;
      this.#changes.tell();
    });
  }

  #halfClose(): void {
    this.#call?.end();
  }

  #mayWrite(): boolean {
    if (this.#ended) return true;
    const { pendingBytes = PENDING_BYTES } = this.#options;
    return this.#pendingBytes <= pendingBytes && this.#waiting.length < this.#window;
  }

  async #take(answer: Buffer): Promise<void> {
    this.#unheard = undefined;
    this.#answers += 1;
    const rows = this.#waiting.shift();
    if (rows !== undefined) {
      this.#acknowledgedRows += rows;
      this.#options.onAcknowledged?.(rows);
    }
    this.#changes.tell();
    const { onAnswer } = this.#options;
    if (!onAnswer) return;
    this.#taking = true;
    try {
      await onAnswer(bytesOf(decode(answer), APP_METADATA));
    } catch (error) {
      this.#fail(error);
    }
    this.#taking = false;
    this.#changes.tell();
  }

  #onError(error: FlightError): void {
    if (this.#failure || this.#ended) return;
    const headers =
      error.status === 'UNAUTHENTICATED' && this.#unheard && this.#opened === 1 && this.#headers;
    if (headers && this.#transport.refused(headers)) void this.#again();
    else this.#fail(error);
  }

  /** The token had run out: the call is opened anew, and nothing is lost since nothing was answered. */
  async #again(): Promise<void> {
    this.#call = undefined;
    this.#pendingBytes = 0;
    try {
      await this.#open();
      for (const bytes of this.#unheard ?? []) this.#send(bytes);
      if (this.#finishing) this.#halfClose();
    } catch (error) {
      this.#fail(error);
    }
    this.#changes.tell();
  }

  async #until(reached: () => boolean): Promise<void> {
    for (;;) {
      this.#throwFailure();
      if (this.#call && reached()) return;
      await this.#changes.next();
    }
  }

  #fail(reason: unknown): void {
    if (this.#failure) return;
    this.#failure = { reason };
    this.#release();
    this.#call?.cancel();
    this.#changes.tell();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.reason;
  }

  #release(): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#unheard = undefined;
  }

  #error(state: 'ABORTED' | 'RESOURCE_EXHAUSTED', why: string): FlightError {
    return new FlightError(CALL, state, why);
  }
}
