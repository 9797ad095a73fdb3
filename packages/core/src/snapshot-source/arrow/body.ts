/**
 * The buffers of one record batch, read in slices: a small batch is kept in memory, of a large one only what is asked
 * for is read. Compressed buffers can only be unpacked whole; those of a large batch go through a scratch file, one
 * at a time, so that memory holds one buffer, never the batch.
 */

import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { batchOf, type PlacedMessage } from '@graphshift/flight/ipc';
import { CompressionType } from 'apache-arrow/fb/compression-type';
import { messageOf } from '../../platform/errors.ts';
import { unreadable } from './messages.ts';

/** Batches up to this size, unpacked, are kept in memory. pyarrow and pandas write 64 Ki rows a batch. */
const KEPT_BYTES = 32 * 2 ** 20;
/** What a 32-bit decoder can hold beside its input; a buffer is one column of one batch. */
const UNPACKED_MAX_BYTES = 2 ** 30;
/** A compressed buffer begins with its unpacked length, -1 where it is not compressed after all. */
const LENGTH_BYTES = 8;

export interface Codecs {
  unpack(codec: CompressionType, packed: Uint8Array, length: number): Uint8Array;
}

/** Imported when first used: only a loading process needs them. */
export async function openCodecs(): Promise<Codecs> {
  const [{ default: lz4 }, { ZSTDDecoder }] = await Promise.all([import('lz4-napi'), import('zstddec')]);
  const zstd = new ZSTDDecoder();
  await zstd.init();
  return {
    unpack(codec, packed, length) {
      if (codec === CompressionType.LZ4_FRAME)
        return lz4.decompressFrameSync(Buffer.from(packed.buffer, packed.byteOffset, packed.length));
      if (codec === CompressionType.ZSTD) return zstd.decode(packed, length);
      throw new RangeError(`unknown compression ${codec}`);
    },
  };
}

interface Region {
  readonly at: number;
  readonly bytes: number;
}

/** Where a batch's buffers come from: an open file, or a scratch file for what was unpacked. */
interface Source {
  readonly fd: number;
  readonly regions: readonly Region[];
}

export interface Body {
  readonly buffers: number;
  bytesOf(buffer: number): number;
  /**
   * Bytes `start` to `end` of a buffer, aligned to eight bytes in memory.
   * @throws FILE_UNREADABLE where the buffer is shorter
   */
  read(buffer: number, start: number, end: number): Uint8Array;
  close(): void;
}

/**
 * @param name the file as messages name it
 * @param scratch a path for a scratch file, made and removed here where it is needed
 * @throws FILE_UNREADABLE
 */
export function openBody(
  fd: number,
  name: string,
  message: PlacedMessage,
  codecs: Codecs,
  scratch: string,
): Body {
  const batch = batchOf(message.message);
  const regions: Region[] = [];
  const count = batch.buffersLength();
  if (count * 16 > message.metadataBytes) throw unreadable(name, `a record batch names ${count} buffers`);
  for (let index = 0; index < count; index += 1) {
    const buffer = batch.buffers(index);
    const [offset, bytes] = [Number(buffer?.offset() ?? -1), Number(buffer?.length() ?? -1)];
    if (!(offset >= 0 && bytes >= 0 && offset + bytes <= message.bodyBytes))
      throw unreadable(name, 'a buffer lies outside of its record batch');
    regions.push({ at: message.bodyAt + offset, bytes });
  }
  const codec = batch.compression()?.codec();
  if (codec !== undefined) return unpacked(fd, name, regions, codec, codecs, scratch);
  if (message.bodyBytes > KEPT_BYTES) return new FileBody({ fd, regions }, name, () => {});
  const body = readRange(fd, name, { at: message.bodyAt, bytes: message.bodyBytes });
  return new MemoryBody(
    regions.map(({ at, bytes }) => body.subarray(at - message.bodyAt, at - message.bodyAt + bytes)),
    name,
  );
}

function unpacked(
  fd: number,
  name: string,
  regions: readonly Region[],
  codec: CompressionType,
  codecs: Codecs,
  scratch: string,
): Body {
  const lengths = regions.map((region) => unpackedLength(fd, name, region));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const unpack = (region: Region, index: number) =>
    unpackRegion(fd, name, region, lengths[index] ?? 0, codec, codecs);
  if (total <= KEPT_BYTES) return new MemoryBody(regions.map(unpack), name);
  mkdirSync(dirname(scratch), { recursive: true });
  const file = openSync(scratch, 'w+', 0o600);
  const close = () => {
    closeSync(file);
    rmSync(scratch, { force: true });
  };
  try {
    let at = 0;
    const spooled = regions.map((region, index) => {
      const bytes = unpack(region, index);
      for (let done = 0; done < bytes.length; )
        done += writeSync(file, bytes, done, bytes.length - done, at + done);
      const place = { at, bytes: bytes.length };
      at += bytes.length;
      return place;
    });
    return new FileBody({ fd: file, regions: spooled }, name, close);
  } catch (error) {
    close();
    throw error;
  }
}

function unpackedLength(fd: number, name: string, { at, bytes }: Region): number {
  if (bytes === 0) return 0;
  if (bytes < LENGTH_BYTES) throw unreadable(name, 'a compressed buffer is too short');
  const prefix = readRange(fd, name, { at, bytes: LENGTH_BYTES });
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset).getBigInt64(0, true));
  if (length === -1) return bytes - LENGTH_BYTES;
  if (length < 0) throw unreadable(name, `a compressed buffer says it has ${length} bytes`);
  if (length > UNPACKED_MAX_BYTES || bytes > UNPACKED_MAX_BYTES)
    throw unreadable(
      name,
      `a compressed buffer of ${length} bytes; it may have ${UNPACKED_MAX_BYTES}: write smaller record batches`,
    );
  return length;
}

function unpackRegion(
  fd: number,
  name: string,
  region: Region,
  length: number,
  codec: CompressionType,
  codecs: Codecs,
): Uint8Array {
  if (region.bytes === 0) return new Uint8Array(0);
  const whole = readRange(fd, name, region);
  const packed = whole.subarray(LENGTH_BYTES);
  if (new DataView(whole.buffer, whole.byteOffset).getBigInt64(0, true) === -1n) return packed;
  if (length === 0) return new Uint8Array(0);
  let result: Uint8Array;
  try {
    result = codecs.unpack(codec, packed, length);
  } catch (error) {
    throw unreadable(name, `a compressed buffer is broken (${messageOf(error)})`, error);
  }
  // The zstd decoder answers nothing where it fails.
  if (result.length !== length)
    throw unreadable(name, `a compressed buffer has ${result.length} bytes instead of ${length}`);
  return result;
}

function readRange(fd: number, name: string, { at, bytes }: Region): Uint8Array {
  // Memory of its own, which is aligned; pooled buffers are not.
  const result = new Uint8Array(bytes);
  for (let done = 0; done < bytes; ) {
    const read = readSync(fd, result, done, bytes - done, at + done);
    if (read === 0) throw unreadable(name, 'it became shorter while it was read');
    done += read;
  }
  return result;
}

function refuseOutside(name: string, start: number, end: number, bytes: number): void {
  if (start >= 0 && start <= end && end <= bytes) return;
  throw unreadable(name, `bytes ${start} to ${end} of a buffer of ${bytes} are asked for`);
}

class MemoryBody implements Body {
  readonly #buffers: readonly Uint8Array[];
  readonly #name: string;

  constructor(buffers: readonly Uint8Array[], name: string) {
    this.#buffers = buffers;
    this.#name = name;
  }

  get buffers(): number {
    return this.#buffers.length;
  }

  bytesOf(buffer: number): number {
    return this.#buffers[buffer]?.length ?? 0;
  }

  read(buffer: number, start: number, end: number): Uint8Array {
    refuseOutside(this.#name, start, end, this.bytesOf(buffer));
    const bytes = this.#buffers[buffer]?.subarray(start, end) ?? new Uint8Array(0);
    return bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  }

  close(): void {}
}

class FileBody implements Body {
  readonly #source: Source;
  readonly #name: string;
  readonly #onClose: () => void;

  constructor(source: Source, name: string, onClose: () => void) {
    this.#source = source;
    this.#name = name;
    this.#onClose = onClose;
  }

  get buffers(): number {
    return this.#source.regions.length;
  }

  bytesOf(buffer: number): number {
    return this.#source.regions[buffer]?.bytes ?? 0;
  }

  read(buffer: number, start: number, end: number): Uint8Array {
    refuseOutside(this.#name, start, end, this.bytesOf(buffer));
    const at = (this.#source.regions[buffer]?.at ?? 0) + start;
    return readRange(this.#source.fd, this.#name, { at, bytes: end - start });
  }

  close(): void {
    this.#onClose();
  }
}
