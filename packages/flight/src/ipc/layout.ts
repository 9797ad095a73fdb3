/**
 * The frames of Arrow IPC, file and stream: where each message's metadata and body stand. Reads metadata only, so
 * rows are counted and a cut-off file is told without touching a body.
 *
 * A stream ends with its end-of-stream marker; one without it is cut off, since nothing else tells whether more
 * should have followed. Bytes after it would be lost without a word, so they are refused too.
 */

import type { FileHandle } from 'node:fs/promises';
import { Block } from 'apache-arrow/fb/block';
import { Endianness } from 'apache-arrow/fb/endianness';
import { Footer } from 'apache-arrow/fb/footer';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { MetadataVersion } from 'apache-arrow/fb/metadata-version';
import { Schema } from 'apache-arrow/fb/schema';
import { ByteBuffer } from 'flatbuffers';
import { IpcError } from './error.ts';
import { rowsOf } from './message.ts';

export const FILE_MAGIC = 'ARROW1';
const FEATHER_1_MAGIC = 'FEA1';
const CONTINUATION = 0xffffffff;
const PREFIX_BYTES = 8;
/** Footer length and magic at the end of a file. */
const TAIL_BYTES = 4 + FILE_MAGIC.length;
/** Magic padded to eight, an empty footer's length, magic. */
const SMALLEST_FILE = 8 + TAIL_BYTES;
/** Metadata grows with columns, not with rows: 64 MiB are some hundred thousand columns. */
const METADATA_MAX_BYTES = 64 * 2 ** 20;

/** A message of the file, its body not read. */
export interface PlacedMessage {
  readonly message: Message;
  /** Where the metadata stand, behind their length; the body follows them. */
  readonly metadataAt: number;
  readonly metadataBytes: number;
  readonly bodyAt: number;
  readonly bodyBytes: number;
}

/** The schema, and every dictionary and record batch in the order in which they apply. */
export interface IpcLayout {
  readonly schema: Schema;
  /** The flatbuffer of the schema's message. */
  readonly schemaMetadata: Uint8Array;
  readonly messages: readonly PlacedMessage[];
  /** Rows of all record batches. */
  readonly rows: number;
}

/**
 * Walks a whole file or stream.
 * @throws IpcError
 */
export async function readLayout(file: FileHandle): Promise<IpcLayout> {
  return reading(async () => {
    const frames = new Frames(file, (await file.stat()).size);
    return (await frames.isFile()) ? await frames.file() : await frames.stream();
  });
}

/**
 * Looks at the two ends of a file, or at the frames of a stream.
 * @throws IpcError where it cannot be whole
 */
export async function checkEnds(file: FileHandle): Promise<void> {
  await reading(async () => {
    const frames = new Frames(file, (await file.stat()).size);
    if (await frames.isFile()) await frames.footerAt();
    else await frames.stream();
  });
}

async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    // The flatbuffers reader checks nothing; what it meets in a broken file are range and type errors.
    if (error instanceof RangeError || error instanceof TypeError)
      throw new IpcError('broken', `its metadata is broken (${error.message})`, error);
    throw error;
  }
}

class Frames {
  readonly #file: FileHandle;
  readonly #size: number;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** @throws FILE_FORMAT when it begins as neither form, FILE_TRUNCATED when it is too short to tell */
  async isFile(): Promise<boolean> {
    const start = await this.#bytes(0, Math.min(PREFIX_BYTES, this.#size));
    const magic = start.toString('latin1', 0, FILE_MAGIC.length);
    if (start.length >= FILE_MAGIC.length && magic === FILE_MAGIC) return true;
    if (start.length >= 4 && start.readUInt32LE(0) === CONTINUATION) return false;
    const marker = Buffer.from([0xff, 0xff, 0xff, 0xff]);
    if (FILE_MAGIC.startsWith(magic) || start.equals(marker.subarray(0, start.length)))
      throw cutOff('it is shorter than the smallest Arrow file');
    const version1 = start.toString('latin1', 0, 4) === FEATHER_1_MAGIC;
    if (version1) throw format('is Feather version 1; it may be version 2 or Arrow IPC');
    throw format(`does not begin with ${FILE_MAGIC} or as a stream; it may be Arrow IPC only`);
  }

  /** Where the footer of a file stands. @throws FILE_TRUNCATED */
  async footerAt(): Promise<{ start: number; bytes: number }> {
    if (this.#size < SMALLEST_FILE) throw cutOff('it is shorter than the smallest Arrow file');
    const tail = await this.#bytes(this.#size - TAIL_BYTES, TAIL_BYTES);
    if (tail.toString('latin1', 4) !== FILE_MAGIC) throw cutOff(`it does not end with ${FILE_MAGIC}`);
    const bytes = tail.readInt32LE(0);
    if (bytes <= 0 || bytes > this.#size - SMALLEST_FILE)
      throw cutOff(`its footer of ${bytes} bytes does not fit into it`);
    return { start: this.#size - TAIL_BYTES - bytes, bytes };
  }

  async file(): Promise<IpcLayout> {
    const { start, bytes } = await this.footerAt();
    if (bytes > METADATA_MAX_BYTES) throw broken(`its footer has ${bytes} bytes`);
    const footerBytes = await this.#bytes(start, bytes);
    const footer = Footer.getRootAsFooter(new ByteBuffer(footerBytes));
    const schema = this.#checkSchema(footer.schema(), footer.version());
    const blocks = [
      ...this.#blocks(footer.dictionariesLength(), (index) => footer.dictionaries(index), bytes),
      ...this.#blocks(footer.recordBatchesLength(), (index) => footer.recordBatches(index), bytes),
    ];
    const messages: PlacedMessage[] = [];
    for (const block of blocks) {
      const at = Number(block.offset());
      const message = await this.#message(at, start);
      const bodyAt = at + block.metaDataLength();
      const apart = bodyAt !== message.bodyAt || Number(block.bodyLength()) !== message.bodyBytes;
      if (apart) throw broken(`its footer and its message at byte ${at} differ`);
      messages.push(message);
    }
    const batches = footer.recordBatchesLength();
    const kinds = messages.map(({ message }) => message.headerType());
    const expected = (index: number) =>
      index < messages.length - batches ? MessageHeader.DictionaryBatch : MessageHeader.RecordBatch;
    if (kinds.some((kind, index) => kind !== expected(index)))
      throw broken('its footer names a message of another kind');
    return this.#layout(schema, messageOfSchema(footerBytes, schema, footer.version()), messages);
  }

  async stream(): Promise<IpcLayout> {
    let schema: { value: Schema; metadata: Uint8Array } | undefined;
    const messages: PlacedMessage[] = [];
    let at = 0;
    for (;;) {
      if (at + PREFIX_BYTES > this.#size) throw cutOff('its end-of-stream marker is missing');
      const prefix = await this.#bytes(at, PREFIX_BYTES);
      if (prefix.readUInt32LE(0) !== CONTINUATION) throw broken(`no message begins at byte ${at}`);
      if (prefix.readInt32LE(4) === 0) break;
      const message = await this.#message(at, this.#size);
      if (schema === undefined)
        schema = {
          value: this.#schemaOf(message.message),
          metadata: await this.#bytes(message.metadataAt, message.metadataBytes),
        };
      else messages.push(message);
      at = message.bodyAt + message.bodyBytes;
    }
    if (schema === undefined) throw broken('its stream has no schema');
    const after = this.#size - at - PREFIX_BYTES;
    if (after > 0) throw broken(`${after} bytes follow the end of its stream; write one stream a file`);
    return this.#layout(schema.value, schema.metadata, messages);
  }

  *#blocks(count: number, block: (index: number) => Block | null, footerBytes: number): Generator<Block> {
    // A block is 24 bytes; more than fit are a broken length.
    if (count * 24 > footerBytes) throw broken(`its footer names ${count} messages`);
    for (let index = 0; index < count; index += 1) yield block(index) ?? new Block();
  }

  #layout(schema: Schema, schemaMetadata: Uint8Array, messages: readonly PlacedMessage[]): IpcLayout {
    let rows = 0;
    for (const { message } of messages) {
      const kind = message.headerType();
      if (kind === MessageHeader.RecordBatch) rows += rowsOf(message);
      else if (kind !== MessageHeader.DictionaryBatch)
        throw broken(`a message is ${MessageHeader[kind] ?? kind}, no record batch`);
    }
    return { schema, schemaMetadata, messages, rows };
  }

  /** The message whose prefix stands at `at`; all of it lies before `end`. */
  async #message(at: number, end: number): Promise<PlacedMessage> {
    if (!(at >= 0 && at + PREFIX_BYTES <= end)) throw broken(`a message at byte ${at} is outside of it`);
    const prefix = await this.#bytes(at, PREFIX_BYTES);
    const metadataBytes = prefix.readInt32LE(4);
    if (prefix.readUInt32LE(0) !== CONTINUATION || metadataBytes <= 0 || metadataBytes > METADATA_MAX_BYTES)
      throw broken(`no message begins at byte ${at}`);
    const bodyAt = at + PREFIX_BYTES + metadataBytes;
    const ends = 'it ends within a message';
    if (bodyAt > end) throw cutOff(ends);
    const message = Message.getRootAsMessage(
      new ByteBuffer(await this.#bytes(at + PREFIX_BYTES, metadataBytes)),
    );
    const bodyBytes = Number(message.bodyLength());
    if (!(bodyBytes >= 0)) throw broken(`a message has a body of ${bodyBytes} bytes`);
    if (bodyAt + bodyBytes > end) throw cutOff(ends);
    return { message, metadataAt: at + PREFIX_BYTES, metadataBytes, bodyAt, bodyBytes };
  }

  #schemaOf(message: Message): Schema {
    if (message.headerType() !== MessageHeader.Schema)
      throw broken('its stream does not begin with a schema');
    return this.#checkSchema(message.header(new Schema()) as Schema | null, message.version());
  }

  #checkSchema(schema: Schema | null, version: MetadataVersion): Schema {
    if (!schema) throw broken('it has no schema');
    if (version !== MetadataVersion.V4 && version !== MetadataVersion.V5)
      throw format(`has metadata of version ${version + 1}; it may be version 4 or 5 (Arrow 0.15 or newer)`);
    if (schema.endianness() !== Endianness.Little)
      throw format('is big-endian; it may be little-endian only');
    return schema;
  }

  async #bytes(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.#file.read(buffer, 0, length, position);
    if (bytesRead < length) throw cutOff('it became shorter while it was read');
    return buffer;
  }
}

/** Where the schema's footer begins in its message; a multiple of eight, so that it stays aligned. */
const FOOTER_AT = 40;

/**
 * A file's schema as a message. A file has one in front of its batches too, but only the footer must be there in a form
 * that all readers know (polars has written others). So a small message table is put before the footer's bytes, and
 * points to the schema within them.
 */
function messageOfSchema(footer: Uint8Array, schema: Schema, version: MetadataVersion): Uint8Array {
  const bytes = Buffer.alloc(FOOTER_AT + ((footer.length + 7) & ~7));
  bytes.set(footer, FOOTER_AT);
  // Root, at 0: the table is at 16. Its vtable, at 4: the sizes of both, then where the fields are in the table.
  bytes.writeUInt32LE(16, 0);
  for (const [index, value] of [12, 24, 4, 6, 8, 16].entries()) bytes.writeUInt16LE(value, 4 + 2 * index);
  bytes.writeInt32LE(12, 16);
  bytes.writeInt16LE(version, 20);
  bytes.writeUInt8(MessageHeader.Schema, 22);
  bytes.writeUInt32LE(FOOTER_AT + schema.bb_pos - 24, 24);
  return bytes;
}

function cutOff(why: string): IpcError {
  return new IpcError('cut-off', why);
}

function broken(why: string): IpcError {
  return new IpcError('broken', why);
}

function format(why: string): IpcError {
  return new IpcError('format', why);
}
