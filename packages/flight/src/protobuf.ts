/**
 * The protobuf wire format, as far as Flight's messages go: all their fields are varints or bytes. Written by hand
 * since generated code copies every body once more.
 */

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Bytes that a varint takes. @param value a whole number from 0 to 2^53 - 1 */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

/** Writes a varint and returns where the next byte goes. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  let [rest, position] = [value, at];
  for (; rest >= 128; rest = Math.floor(rest / 128)) {
    target[position] = (rest % 128) | 0x80;
    position += 1;
  }
  target[position] = rest;
  return position + 1;
}

/** Bytes of the tag and length in front of a field of bytes. */
export function prefixBytes(field: number, length: number): number {
  return varintBytes(field * 8 + BYTES) + varintBytes(length);
}

/** Writes tag and length of a field of bytes and returns where its bytes go. */
export function writePrefix(target: Uint8Array, at: number, field: number, length: number): number {
  return writeVarint(target, writeVarint(target, at, field * 8 + BYTES), length);
}

/** A message of fields in their order: texts and bytes, or whole numbers. */
export function encode(fields: readonly (readonly [number, Uint8Array | string | number])[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [field, value] of fields) {
    if (typeof value === 'number') {
      const part = new Uint8Array(varintBytes(field * 8) + varintBytes(value));
      writeVarint(part, writeVarint(part, 0, field * 8 + VARINT), value);
      parts.push(part);
    } else {
      const bytes = typeof value === 'string' ? Buffer.from(value) : value;
      const prefix = new Uint8Array(prefixBytes(field, bytes.length));
      writePrefix(prefix, 0, field, bytes.length);
      parts.push(prefix, bytes);
    }
  }
  return Buffer.concat(parts);
}

/**
 * The fields of a message; of repeated ones the last. Bytes are views into `message`.
 * @throws RangeError where it is no protobuf message
 */
export function decode(message: Buffer): Map<number, Buffer | number> {
  const fields = new Map<number, Buffer | number>();
  let at = 0;
  const varint = (): number => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = message[at];
      if (byte === undefined || factor > 2 ** 63) throw new RangeError('a protobuf number is cut off');
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  const take = (length: number): Buffer => {
    if (at + length > message.length) throw new RangeError('a protobuf field is cut off');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const [field, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === VARINT) fields.set(field, varint());
    else if (wire === BYTES) fields.set(field, take(varint()));
    else if (wire === FIXED64) take(8);
    else if (wire === FIXED32) take(4);
    else throw new RangeError(`a protobuf field of wire type ${wire}`);
  }
  return fields;
}

/** A field of bytes, empty where it is not there. */
export function bytesOf(fields: Map<number, Buffer | number>, field: number): Buffer {
  const value = fields.get(field);
  return value instanceof Buffer ? value : Buffer.alloc(0);
}
