/**
 * Flight's messages in bytes. `FlightData` is one Arrow IPC message: its flatbuffer as `data_header`, its body as
 * `data_body`. A reader that knows both lengths reads them straight into `frame.bytes`, and `frame.wire` is then sent as it is.
 */

import { PREFIX_BYTES, writePrefixOf } from './grpc-messages.ts';
import { decode, encode, prefixBytes, writePrefix } from './protobuf.ts';

const DESCRIPTOR = 1;
const HEADER = 2;
const APP_METADATA = 3;
const BODY = 1000;

const PATH = 1;
const COMMAND = 2;

/** What a put is for: an opaque command, or a path of names. */
export type FlightDescriptor =
  | { readonly command: Uint8Array | string }
  | { readonly path: readonly string[] };

/** A `FlightData` with room for an IPC message; the views are parts of `wire`, to be filled by the reader. */
export interface Frame {
  /** As it goes on the wire: gRPC's prefix, then `bytes`. */
  readonly wire: Buffer;
  readonly bytes: Buffer;
  readonly metadata: Buffer;
  readonly body: Buffer;
}

/** What stands in front of an IPC message in the first `FlightData` of a put, or beside it in any. */
export interface FrameExtras {
  readonly descriptor?: FlightDescriptor;
  readonly appMetadata?: Uint8Array;
}

/** @param metadataBytes of the message's flatbuffer; `bodyBytes` of its body */
export function allocateFrame(metadataBytes: number, bodyBytes: number, extras: FrameExtras = {}): Frame {
  const before: (readonly [number, Uint8Array])[] = [];
  if (extras.descriptor) before.push([DESCRIPTOR, encodeDescriptor(extras.descriptor)]);
  const lead = encode(before);
  const after = extras.appMetadata ? encode([[APP_METADATA, extras.appMetadata]]) : Buffer.alloc(0);
  const headerPrefix = prefixBytes(HEADER, metadataBytes);
  const bodyPrefix = bodyBytes > 0 ? prefixBytes(BODY, bodyBytes) : 0;
  const length = lead.length + headerPrefix + metadataBytes + after.length + bodyPrefix + bodyBytes;
  const wire = Buffer.allocUnsafe(PREFIX_BYTES + length);
  writePrefixOf(length, wire);
  const bytes = wire.subarray(PREFIX_BYTES);
  lead.copy(bytes);
  const metadataAt = writePrefix(bytes, lead.length, HEADER, metadataBytes);
  after.copy(bytes, metadataAt + metadataBytes);
  const bodyPrefixAt = metadataAt + metadataBytes + after.length;
  const bodyAt = bodyBytes > 0 ? writePrefix(bytes, bodyPrefixAt, BODY, bodyBytes) : bytes.length;
  return {
    wire,
    bytes,
    metadata: bytes.subarray(metadataAt, metadataAt + metadataBytes),
    body: bytes.subarray(bodyAt, bodyAt + bodyBytes),
  };
}

/** A `FlightData` from parts that stand elsewhere in memory: one copy. */
export function copyToFrame(metadata: Uint8Array, body: Uint8Array, extras?: FrameExtras): Frame {
  const frame = allocateFrame(metadata.length, body.length, extras);
  frame.metadata.set(metadata);
  frame.body.set(body);
  return frame;
}

/** The parts of a `FlightData`, as views. */
export function decodeFlightData(bytes: Buffer): { header: Buffer; body: Buffer; appMetadata: Buffer } {
  const fields = decode(bytes);
  const part = (field: number) => {
    const value = fields.get(field);
    return value instanceof Buffer ? value : Buffer.alloc(0);
  };
  return { header: part(HEADER), body: part(BODY), appMetadata: part(APP_METADATA) };
}

function encodeDescriptor(descriptor: FlightDescriptor): Buffer {
  if ('command' in descriptor)
    return encode([
      [1, COMMAND],
      [2, typeof descriptor.command === 'string' ? Buffer.from(descriptor.command) : descriptor.command],
    ]);
  return encode([[1, PATH], ...descriptor.path.map((name) => [3, name] as const)]);
}
