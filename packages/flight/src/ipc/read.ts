/** Reads Arrow IPC message by message, each into memory that a put sends as it is. */

import type { FileHandle } from 'node:fs/promises';
import { Message } from 'apache-arrow/fb/message';
import { ByteBuffer } from 'flatbuffers';
import { allocateFrame } from '../flight-data.ts';
import { IpcError } from './error.ts';
import { type IpcLayout, type PlacedMessage, readLayout } from './layout.ts';
import { type IpcMessage, ipcMessage } from './message.ts';

const CONTINUATION = 0xffffffff;
const PREFIX_BYTES = 8;
/** Metadata grows with columns, not with rows: 64 MiB are some hundred thousand columns. */
const METADATA_MAX_BYTES = 64 * 2 ** 20;

/**
 * The schema and then every dictionary and record batch of a file or stream on disk. Memory holds one message at a
 * time, if the caller keeps none.
 * @param layout of this file, where it is known already
 * @throws IpcError
 */
export async function* readFile(file: FileHandle, layout?: IpcLayout): AsyncGenerator<IpcMessage> {
  const { schemaMetadata, messages } = layout ?? (await readLayout(file));
  yield ipcMessage(schemaMetadata, new Uint8Array(0));
  for (const message of messages) yield await readPlaced(file, message);
}

/** Metadata and body stand one after the other: one system call reads both to their places. */
async function readPlaced(file: FileHandle, placed: PlacedMessage): Promise<IpcMessage> {
  const frame = allocateFrame(placed.metadataBytes, placed.bodyBytes);
  const { bytesRead } = await file.readv([frame.metadata, frame.body], placed.metadataAt);
  const wanted = placed.metadataBytes + placed.bodyBytes;
  if (bytesRead < wanted) await readRest(file, frame.metadata, frame.body, placed.metadataAt, bytesRead);
  return ipcMessage(frame.metadata, frame.body, frame);
}

/** A system call may give less than it was asked for: of large bodies Linux gives 2 GiB at most. */
async function readRest(
  file: FileHandle,
  metadata: Buffer,
  body: Buffer,
  at: number,
  done: number,
): Promise<void> {
  let position = done;
  while (position < metadata.length + body.length) {
    const part =
      position < metadata.length ? metadata.subarray(position) : body.subarray(position - metadata.length);
    const { bytesRead } = await file.read(part, 0, part.length, at + position);
    if (bytesRead === 0) throw new IpcError('cut-off', 'it became shorter while it was read');
    position += bytesRead;
  }
}

/**
 * The messages of an IPC stream that arrives in chunks of any size, from a pipe or a socket.
 * @throws IpcError where it ends before its end-of-stream marker, or is none
 */
export async function* readStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<IpcMessage> {
  const input = new ChunkReader(chunks);
  for (let first = true; ; first = false) {
    const prefix = Buffer.alloc(PREFIX_BYTES);
    await input.fill(prefix);
    if (prefix.readUInt32LE(0) !== CONTINUATION)
      throw new IpcError('broken', 'no message begins where one must');
    const metadataBytes = prefix.readInt32LE(4);
    if (metadataBytes === 0) break;
    if (metadataBytes < 0 || metadataBytes > METADATA_MAX_BYTES)
      throw new IpcError('broken', `a message's metadata have ${metadataBytes} bytes`);
    const metadata = Buffer.alloc(metadataBytes);
    await input.fill(metadata);
    const frame = allocateFrame(metadataBytes, bodyBytesOf(metadata));
    frame.metadata.set(metadata);
    await input.fill(frame.body);
    const message = ipcMessage(frame.metadata, frame.body, frame);
    if (first !== (message.kind === 'schema'))
      throw new IpcError(
        'broken',
        first ? 'its stream does not begin with a schema' : 'a second schema follows',
      );
    yield message;
  }
  if (await input.more()) throw new IpcError('broken', 'bytes follow the end of its stream');
}

function bodyBytesOf(metadata: Buffer): number {
  let bytes: number;
  try {
    bytes = Number(Message.getRootAsMessage(new ByteBuffer(metadata)).bodyLength());
  } catch (cause) {
    throw new IpcError('broken', 'its metadata is broken', cause);
  }
  if (bytes >= 0 && bytes <= 2 ** 32) return bytes;
  throw new IpcError('broken', `a message has a body of ${bytes} bytes`);
}

/** Bytes on demand from chunks as they come. */
class ChunkReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async fill(target: Buffer): Promise<void> {
    for (let done = 0; done < target.length; ) {
      if (!(await this.more())) throw new IpcError('cut-off', 'its end-of-stream marker is missing');
      const part = this.#rest.subarray(0, target.length - done);
      target.set(part, done);
      done += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
  }

  async more(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) return false;
      this.#rest = next.value;
    }
    return true;
  }
}
