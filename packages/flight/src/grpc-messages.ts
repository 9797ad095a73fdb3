/** gRPC's own framing: in front of each message a byte that says whether it is compressed, and its length. */

export const PREFIX_BYTES = 5;

/** Writes what stands in front of a message. @param target whose first five bytes it takes */
export function writePrefixOf(length: number, target: Buffer): void {
  target.writeUInt8(0, 0);
  target.writeUInt32BE(length, 1);
}

/** A message that is no such, or larger than it may be. */
export class MessageError extends Error {
  override readonly name = 'MessageError';
  readonly status: 'INTERNAL' | 'RESOURCE_EXHAUSTED';

  constructor(status: MessageError['status'], message: string) {
    super(message);
    this.status = status;
  }
}

/** Takes messages out of chunks as they come. */
export class MessageReader {
  readonly #maxBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  /** @param maxBytes of one message */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The messages that this chunk completes. @throws MessageError */
  *take(chunk: Buffer): Generator<Buffer> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let length = this.#length(); length !== undefined; length = this.#length()) {
      const end = PREFIX_BYTES + length;
      if (this.#rest.length < end) return;
      const message = this.#rest.subarray(PREFIX_BYTES, end);
      this.#rest = this.#rest.subarray(end);
      yield message;
    }
  }

  #length(): number | undefined {
    if (this.#rest.length < PREFIX_BYTES) return undefined;
    if (this.#rest.readUInt8(0) !== 0)
      throw new MessageError('INTERNAL', 'a compressed message, which nobody asked for');
    const length = this.#rest.readUInt32BE(1);
    if (length <= this.#maxBytes) return length;
    throw new MessageError(
      'RESOURCE_EXHAUSTED',
      `a message of ${length} bytes came; it may have ${this.#maxBytes}`,
    );
  }
}
