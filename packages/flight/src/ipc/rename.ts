/**
 * New names for the columns of a schema message. Only the names change: the flatbuffer is kept as it is, the new names
 * stand at its end, and the fields point to them (offsets in a flatbuffer lead forward). So whatever else a writer
 * put into its schema arrives as it was, types included that this package does not know.
 */

import type { Field } from 'apache-arrow/fb/field';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { Schema } from 'apache-arrow/fb/schema';
import { ByteBuffer } from 'flatbuffers';
import { IpcError } from './error.ts';
import { type IpcMessage, ipcMessage } from './message.ts';

/** Where a field's vtable says where its name is: the first entry behind the two sizes. */
const NAME_SLOT = 4;

/** The names of a schema's columns, in their order. @throws IpcError for a message that is no schema */
export function fieldNames(message: IpcMessage): string[] {
  return fieldsOf(message.metadata).map((field) => field.name() ?? '');
}

/**
 * The schema with other names for its columns.
 * @param names new names by old ones; a column that is not named keeps its own
 * @throws IpcError for a message that is no schema, or whose columns have no names
 */
export function renameColumns(message: IpcMessage, names: ReadonlyMap<string, string>): IpcMessage {
  const old = message.metadata;
  const renamed: { at: number; name: Buffer }[] = [];
  for (const field of fieldsOf(old)) {
    const name = names.get(field.name() ?? '');
    if (name !== undefined) renamed.push({ at: namePosition(field), name: Buffer.from(name) });
  }
  const start = aligned(old.length);
  const bytes = renamed.reduce((sum, { name }) => sum + stringBytes(name), start);
  const metadata = Buffer.alloc((bytes + 7) & ~7);
  metadata.set(old);
  let at = start;
  for (const { at: pointer, name } of renamed) {
    metadata.writeUInt32LE(at - pointer, pointer);
    metadata.writeUInt32LE(name.length, at);
    name.copy(metadata, at + 4);
    at += stringBytes(name);
  }
  return ipcMessage(metadata, message.body);
}

function fieldsOf(metadata: Uint8Array): Field[] {
  const message = Message.getRootAsMessage(new ByteBuffer(metadata));
  const schema =
    message.headerType() === MessageHeader.Schema ? (message.header(new Schema()) as Schema | null) : null;
  if (!schema) throw new IpcError('broken', 'a schema is expected');
  return Array.from({ length: schema.fieldsLength() }, (_, index) => {
    const field = schema.fields(index);
    if (!field) throw new IpcError('broken', `field ${index} is missing`);
    return field;
  });
}

function namePosition(field: Field): number {
  const buffer = field.bb;
  const offset = buffer?.__offset(field.bb_pos, NAME_SLOT) ?? 0;
  if (offset === 0) throw new IpcError('broken', 'a column without a name');
  return field.bb_pos + offset;
}

/** Length, bytes, a zero, padded to four. */
function stringBytes(name: Buffer): number {
  return aligned(4 + name.length + 1);
}

function aligned(bytes: number): number {
  return (bytes + 3) & ~3;
}
