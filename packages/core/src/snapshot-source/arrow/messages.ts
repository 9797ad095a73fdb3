/**
 * The frames of Arrow IPC, file and stream: where each message's metadata and body stand. Reads metadata only, so
 * rows are counted and a cut-off file is told without touching a body.
 *
 * A stream ends with its end-of-stream marker; one without it is cut off, since nothing else tells whether more
 * should have followed. Bytes after it would be lost without a word, so they are refused too.
 */

import { type FileHandle, open } from 'node:fs/promises';
import { Block } from 'apache-arrow/fb/block';
import { DictionaryBatch } from 'apache-arrow/fb/dictionary-batch';
import { Endianness } from 'apache-arrow/fb/endianness';
import { Footer } from 'apache-arrow/fb/footer';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { MetadataVersion } from 'apache-arrow/fb/metadata-version';
import { RecordBatch } from 'apache-arrow/fb/record-batch';
import { Schema } from 'apache-arrow/fb/schema';
import { ByteBuffer } from 'flatbuffers';
import { GraphshiftError, messageOf } from '../../platform/errors.ts';

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
export interface ArrowMessage {
  readonly message: Message;
  readonly metadataBytes: number;
  readonly bodyAt: number;
  readonly bodyBytes: number;
}

/** The schema, and every dictionary and record batch in the order in which they apply. */
export interface ArrowLayout {
  readonly schema: Schema;
  readonly messages: readonly ArrowMessage[];
  /** Rows of all record batches. */
  readonly rows: number;
}

/** A file that ends before it is whole. */
export function cutOff(name: string, size: number, why: string): GraphshiftError {
  return new GraphshiftError('FILE_TRUNCATED', `${name} is cut off: ${why} (${size} bytes)`, {
    details: { file: name, bytes: size },
  });
}

/** A file whose bytes make no sense. */
export function unreadable(name: string, why: string, cause?: unknown): GraphshiftError {
  return new GraphshiftError('FILE_UNREADABLE', `${name} cannot be read: ${why}`, {
    details: { file: name },
    ...(cause !== undefined && { cause }),
  });
}

/**
 * Walks a whole file or stream.
 * @param name the file as messages name it
 * @throws FILE_FORMAT, FILE_TRUNCATED, FILE_UNREADABLE
 */
export async function readLayout(file: FileHandle, name: string): Promise<ArrowLayout> {
  const frames = new Frames(file, name, (await file.stat()).size);
  try {
    return (await frames.isFile()) ? await frames.file() : await frames.stream();
  } catch (error) {
    if (error instanceof GraphshiftError) throw error;
    // The flatbuffers reader checks nothing; what it meets in a broken file are range and type errors.
    if (error instanceof RangeError || error instanceof TypeError)
      throw unreadable(name, `its metadata is broken (${messageOf(error)})`, error);
    throw error;
  }
}

/**
 * What is wrong with the two ends of a file, or with the frames of a stream; undefined when it may be whole.
 * @throws what the file system throws
 */
export async function arrowProblem(path: string, name: string): Promise<GraphshiftError | undefined> {
  const file = await open(path, 'r');
  try {
    const frames = new Frames(file, name, (await file.stat()).size);
    if (await frames.isFile()) await frames.footerAt();
    else await readLayout(file, name);
    return undefined;
  } catch (error) {
    if (error instanceof GraphshiftError) return error;
    throw error;
  } finally {
    await file.close();
  }
}

class Frames {
  readonly #file: FileHandle;
  readonly #name: string;
  readonly #size: number;

  constructor(file: FileHandle, name: string, size: number) {
    this.#file = file;
    this.#name = name;
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
      throw cutOff(this.#name, this.#size, 'it is shorter than the smallest Arrow file');
    const version1 = start.toString('latin1', 0, 4) === FEATHER_1_MAGIC;
    if (version1) throw this.#format('is Feather version 1; it may be version 2 or Arrow IPC');
    throw this.#format(`does not begin with ${FILE_MAGIC} or as a stream; it may be Arrow IPC only`);
  }

  /** Where the footer of a file stands. @throws FILE_TRUNCATED */
  async footerAt(): Promise<{ start: number; bytes: number }> {
    if (this.#size < SMALLEST_FILE)
      throw cutOff(this.#name, this.#size, 'it is shorter than the smallest Arrow file');
    const tail = await this.#bytes(this.#size - TAIL_BYTES, TAIL_BYTES);
    if (tail.toString('latin1', 4) !== FILE_MAGIC)
      throw cutOff(this.#name, this.#size, `it does not end with ${FILE_MAGIC}`);
    const bytes = tail.readInt32LE(0);
    if (bytes <= 0 || bytes > this.#size - SMALLEST_FILE)
      throw cutOff(this.#name, this.#size, `its footer of ${bytes} bytes does not fit into it`);
    return { start: this.#size - TAIL_BYTES - bytes, bytes };
  }

  async file(): Promise<ArrowLayout> {
    const { start, bytes } = await this.footerAt();
    if (bytes > METADATA_MAX_BYTES) throw unreadable(this.#name, `its footer has ${bytes} bytes`);
    const footer = Footer.getRootAsFooter(new ByteBuffer(await this.#bytes(start, bytes)));
    const schema = this.#checkSchema(footer.schema(), footer.version());
    const blocks = [
      ...this.#blocks(footer.dictionariesLength(), (index) => footer.dictionaries(index), bytes),
      ...this.#blocks(footer.recordBatchesLength(), (index) => footer.recordBatches(index), bytes),
    ];
    const messages: ArrowMessage[] = [];
    for (const block of blocks) {
      const at = Number(block.offset());
      const message = await this.#message(at, start);
      const bodyAt = at + block.metaDataLength();
      const apart = bodyAt !== message.bodyAt || Number(block.bodyLength()) !== message.bodyBytes;
      if (apart) throw unreadable(this.#name, `its footer and its message at byte ${at} differ`);
      messages.push(message);
    }
    const batches = footer.recordBatchesLength();
    const kinds = messages.map(({ message }) => message.headerType());
    const expected = (index: number) =>
      index < messages.length - batches ? MessageHeader.DictionaryBatch : MessageHeader.RecordBatch;
    if (kinds.some((kind, index) => kind !== expected(index)))
      throw unreadable(this.#name, 'its footer names a message of another kind');
    return this.#layout(schema, messages);
  }

  async stream(): Promise<ArrowLayout> {
    let schema: Schema | undefined;
    const messages: ArrowMessage[] = [];
    let at = 0;
    for (;;) {
      if (at + PREFIX_BYTES > this.#size)
        throw cutOff(this.#name, this.#size, 'its end-of-stream marker is missing');
      const prefix = await this.#bytes(at, PREFIX_BYTES);
      if (prefix.readUInt32LE(0) !== CONTINUATION)
        throw unreadable(this.#name, `no message begins at byte ${at}`);
      if (prefix.readInt32LE(4) === 0) break;
      const message = await this.#message(at, this.#size);
      if (schema === undefined) schema = this.#schemaOf(message.message);
      else messages.push(message);
      at = message.bodyAt + message.bodyBytes;
    }
    if (schema === undefined) throw unreadable(this.#name, 'its stream has no schema');
    const after = this.#size - at - PREFIX_BYTES;
    if (after > 0)
      throw unreadable(this.#name, `${after} bytes follow the end of its stream; write one stream a file`);
    return this.#layout(schema, messages);
  }

  *#blocks(count: number, block: (index: number) => Block | null, footerBytes: number): Generator<Block> {
    // A block is 24 bytes; more than fit are a broken length.
    if (count * 24 > footerBytes) throw unreadable(this.#name, `its footer names ${count} messages`);
    for (let index = 0; index < count; index += 1) yield block(index) ?? new Block();
  }

  #layout(schema: Schema, messages: readonly ArrowMessage[]): ArrowLayout {
    let rows = 0;
    for (const { message } of messages) {
      const kind = message.headerType();
      if (kind === MessageHeader.RecordBatch) rows += rowsOf(message, this.#name);
      else if (kind !== MessageHeader.DictionaryBatch)
        throw unreadable(this.#name, `a message is ${MessageHeader[kind] ?? kind}, no record batch`);
    }
    return { schema, messages, rows };
  }

  /** The message whose prefix stands at `at`; all of it lies before `end`. */
  async #message(at: number, end: number): Promise<ArrowMessage> {
    if (!(at >= 0 && at + PREFIX_BYTES <= end))
      throw unreadable(this.#name, `a message at byte ${at} is outside of it`);
    const prefix = await this.#bytes(at, PREFIX_BYTES);
    const metadataBytes = prefix.readInt32LE(4);
    if (prefix.readUInt32LE(0) !== CONTINUATION || metadataBytes <= 0 || metadataBytes > METADATA_MAX_BYTES)
      throw unreadable(this.#name, `no message begins at byte ${at}`);
    const bodyAt = at + PREFIX_BYTES + metadataBytes;
    const ends = 'it ends within a message';
    if (bodyAt > end) throw cutOff(this.#name, this.#size, ends);
    const message = Message.getRootAsMessage(
      new ByteBuffer(await this.#bytes(at + PREFIX_BYTES, metadataBytes)),
    );
    const bodyBytes = Number(message.bodyLength());
    if (!(bodyBytes >= 0)) throw unreadable(this.#name, `a message has a body of ${bodyBytes} bytes`);
    if (bodyAt + bodyBytes > end) throw cutOff(this.#name, this.#size, ends);
    return { message, metadataBytes, bodyAt, bodyBytes };
  }

  #schemaOf(message: Message): Schema {
    if (message.headerType() !== MessageHeader.Schema)
      throw unreadable(this.#name, 'its stream does not begin with a schema');
    return this.#checkSchema(message.header(new Schema()) as Schema | null, message.version());
  }

  #checkSchema(schema: Schema | null, version: MetadataVersion): Schema {
    if (!schema) throw unreadable(this.#name, 'it has no schema');
    if (version !== MetadataVersion.V4 && version !== MetadataVersion.V5)
      throw this.#format(
        `has metadata of version ${version + 1}; it may be version 4 or 5 (Arrow 0.15 or newer)`,
      );
    if (schema.endianness() !== Endianness.Little)
      throw this.#format('is big-endian; it may be little-endian only');
    return schema;
  }

  #format(why: string): GraphshiftError {
    return new GraphshiftError('FILE_FORMAT', `${this.#name} ${why}`, {
      details: { file: this.#name, bytes: this.#size },
    });
  }

  async #bytes(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.#file.read(buffer, 0, length, position);
    if (bytesRead < length) throw cutOff(this.#name, this.#size, 'it became shorter while it was read');
    return buffer;
  }
}

/** The record batch of a message, a dictionary's values included. */
export function batchOf(message: Message): RecordBatch {
  const header =
    message.headerType() === MessageHeader.DictionaryBatch
      ? (message.header(new DictionaryBatch()) as DictionaryBatch | null)?.data()
      : (message.header(new RecordBatch()) as RecordBatch | null);
  if (!header) throw new RangeError('a message without a header');
  return header;
}

/** The dictionary of a message, or undefined for a record batch. */
export function dictionaryOf(message: Message): { id: bigint; isDelta: boolean } | undefined {
  if (message.headerType() !== MessageHeader.DictionaryBatch) return undefined;
  const header = message.header(new DictionaryBatch()) as DictionaryBatch;
  return { id: header.id(), isDelta: header.isDelta() };
}

function rowsOf(message: Message, name: string): number {
  const rows = Number(batchOf(message).length());
  if (Number.isSafeInteger(rows) && rows >= 0) return rows;
  throw unreadable(name, `a record batch has ${rows} rows`);
}
