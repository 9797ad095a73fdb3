/** Messages of Arrow IPC in memory: what a Flight put sends, one by one. */

import { DictionaryBatch } from 'apache-arrow/fb/dictionary-batch';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { RecordBatch } from 'apache-arrow/fb/record-batch';
import { ByteBuffer } from 'flatbuffers';
import type { Frame } from '../flight-data.ts';
import { IpcError } from './error.ts';

export interface IpcMessage {
  readonly kind: 'schema' | 'dictionary' | 'batch';
  /** The flatbuffer, without the length in front of it. */
  readonly metadata: Uint8Array;
  readonly body: Uint8Array;
  /** Of a record batch, else 0. */
  readonly rows: number;
  /** The same message as `FlightData`, where a reader has made it so: it is sent without another copy. */
  readonly frame?: Frame;
}

const KINDS: Readonly<Partial<Record<MessageHeader, IpcMessage['kind']>>> = {
  [MessageHeader.Schema]: 'schema',
  [MessageHeader.DictionaryBatch]: 'dictionary',
  [MessageHeader.RecordBatch]: 'batch',
};

/** @throws IpcError `broken` where the metadata is no message or does not fit the body */
export function ipcMessage(metadata: Uint8Array, body: Uint8Array, frame?: Frame): IpcMessage {
  const message = parsed(metadata);
  const kind = KINDS[message.headerType()];
  if (!kind) throw new IpcError('broken', `a message of kind ${message.headerType()}`);
  if (Number(message.bodyLength()) !== body.length)
    throw new IpcError('broken', `a body of ${body.length} bytes instead of ${message.bodyLength()}`);
  return { kind, metadata, body, rows: rowsOf(message), ...(frame && { frame }) };
}

function parsed(metadata: Uint8Array): Message {
  try {
    return Message.getRootAsMessage(new ByteBuffer(metadata));
  } catch (cause) {
    throw new IpcError('broken', 'its metadata is broken', cause);
  }
}

/**
 * The record batch of a message, a dictionary's values included.
 * @throws RangeError for a message that has none
 */
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

/** Rows of a record batch, else 0. @throws IpcError */
export function rowsOf(message: Message): number {
  if (message.headerType() !== MessageHeader.RecordBatch) return 0;
  const rows = Number(batchOf(message).length());
  if (Number.isSafeInteger(rows) && rows >= 0) return rows;
  throw new IpcError('broken', `a record batch has ${rows} rows`);
}
