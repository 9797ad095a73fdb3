/** Arrow IPC messages made from columns: a schema, and record batches whose buffers are copied once, into the frame. */

import { allocateFrame } from '@graphshift/flight';
import { type IpcMessage, ipcMessage } from '@graphshift/flight/ipc';
import { Bool } from 'apache-arrow/fb/bool';
import { Buffer as ArrowBuffer } from 'apache-arrow/fb/buffer';
import { Date as ArrowDate } from 'apache-arrow/fb/date';
import { DateUnit } from 'apache-arrow/fb/date-unit';
import { Field } from 'apache-arrow/fb/field';
import { FieldNode } from 'apache-arrow/fb/field-node';
import { FloatingPoint } from 'apache-arrow/fb/floating-point';
import { Int } from 'apache-arrow/fb/int';
import { List } from 'apache-arrow/fb/list';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { MetadataVersion } from 'apache-arrow/fb/metadata-version';
import { Precision } from 'apache-arrow/fb/precision';
import { RecordBatch } from 'apache-arrow/fb/record-batch';
import { Schema } from 'apache-arrow/fb/schema';
import { TimeUnit } from 'apache-arrow/fb/time-unit';
import { Timestamp } from 'apache-arrow/fb/timestamp';
import { Type } from 'apache-arrow/fb/type';
import { Utf8 } from 'apache-arrow/fb/utf8';
import { Builder } from 'flatbuffers';
import type { ScalarType, WireType } from './wire-types.ts';
import type { WireColumn } from './wire-values.ts';

/** @param columns in their order */
export function schemaMessage(
  columns: readonly { readonly name: string; readonly wire: WireType }[],
): IpcMessage {
  const builder = new Builder(1024);
  const fields = columns.map(({ name, wire }) => writeField(builder, name, wire));
  const schema = Schema.createSchema(
    builder,
    0,
    Schema.createFieldsVector(builder, fields),
    Schema.createCustomMetadataVector(builder, []),
    Schema.createFeaturesVector(builder, []),
  );
  return ipcMessage(finish(builder, MessageHeader.Schema, schema, 0), new Uint8Array(0));
}

/** @param rows of every column */
export function batchMessage(rows: number, columns: readonly WireColumn[]): IpcMessage {
  const flat = columns.flatMap(flatten);
  const buffers = flat.flatMap((column) => column.buffers);
  const builder = new Builder(1024);
  let bodyBytes = 0;
  const places = buffers.map((buffer) => {
    const place = { offset: bodyBytes, length: buffer.length };
    bodyBytes += padded(buffer.length);
    return place;
  });
  RecordBatch.startBuffersVector(builder, places.length);
  for (const { offset, length } of [...places].reverse())
    ArrowBuffer.createBuffer(builder, BigInt(offset), BigInt(length));
  const buffersVector = builder.endVector();
  RecordBatch.startNodesVector(builder, flat.length);
  for (const { length, nulls } of [...flat].reverse())
    FieldNode.createFieldNode(builder, BigInt(length), BigInt(nulls));
  const nodesVector = builder.endVector();
  RecordBatch.startRecordBatch(builder);
  RecordBatch.addLength(builder, BigInt(rows));
  RecordBatch.addNodes(builder, nodesVector);
  RecordBatch.addBuffers(builder, buffersVector);
  const metadata = finish(builder, MessageHeader.RecordBatch, RecordBatch.endRecordBatch(builder), bodyBytes);
  const frame = allocateFrame(metadata.length, bodyBytes);
  frame.metadata.set(metadata);
  for (const [index, buffer] of buffers.entries()) {
    const { offset, length } = places[index] ?? { offset: 0, length: 0 };
    frame.body.set(buffer, offset);
    frame.body.fill(0, offset + length, offset + padded(length));
  }
  return ipcMessage(frame.metadata, frame.body, frame);
}

/** A column and then its child, as Arrow orders nodes and buffers. */
function flatten(column: WireColumn): WireColumn[] {
  return column.child ? [column, ...flatten(column.child)] : [column];
}

function finish(builder: Builder, kind: MessageHeader, header: number, bodyBytes: number): Uint8Array {
  Message.startMessage(builder);
  Message.addVersion(builder, MetadataVersion.V5);
  Message.addHeaderType(builder, kind);
  Message.addHeader(builder, header);
  Message.addBodyLength(builder, BigInt(bodyBytes));
  builder.finish(Message.endMessage(builder));
  const bytes = builder.asUint8Array();
  const aligned = new Uint8Array(padded(bytes.length));
  aligned.set(bytes);
  return aligned;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function writeField(builder: Builder, name: string, { scalar, list }: WireType): number {
  if (!list) return createField(builder, name, scalarType(builder, scalar), []);
  const item = createField(builder, 'item', scalarType(builder, scalar), []);
  List.startList(builder);
  return createField(builder, name, { type: Type.List, at: List.endList(builder) }, [item]);
}

function createField(
  builder: Builder,
  name: string,
  { type, at }: { readonly type: Type; readonly at: number },
  children: readonly number[],
): number {
  const nameAt = builder.createString(name);
  const childrenAt = Field.createChildrenVector(builder, [...children]);
  Field.startField(builder);
  Field.addName(builder, nameAt);
  Field.addNullable(builder, true);
  Field.addTypeType(builder, type);
  Field.addType(builder, at);
  Field.addChildren(builder, childrenAt);
  return Field.endField(builder);
}

function scalarType(builder: Builder, scalar: ScalarType): { type: Type; at: number } {
  switch (scalar) {
    case 'Utf8':
      Utf8.startUtf8(builder);
      return { type: Type.Utf8, at: Utf8.endUtf8(builder) };
    case 'Bool':
      Bool.startBool(builder);
      return { type: Type.Bool, at: Bool.endBool(builder) };
    case 'Int64':
      return { type: Type.Int, at: Int.createInt(builder, 64, true) };
    case 'Float64':
      return { type: Type.FloatingPoint, at: FloatingPoint.createFloatingPoint(builder, Precision.DOUBLE) };
    case 'Date32':
      return { type: Type.Date, at: ArrowDate.createDate(builder, DateUnit.DAY) };
    default: {
      const unit = scalar.includes('ns') ? TimeUnit.NANOSECOND : TimeUnit.MICROSECOND;
      const zone = scalar.includes('UTC') ? builder.createString('UTC') : 0;
      return { type: Type.Timestamp, at: Timestamp.createTimestamp(builder, unit, zone) };
    }
  }
}
