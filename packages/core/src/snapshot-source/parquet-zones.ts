/**
 * Zoned timestamps in nanoseconds, which DuckDB 1.5.6 cuts to microseconds without a word. Without their zone it reads
 * every digit; so such a file is read from a copy whose footer says `isAdjustedToUTC = false` for them, which is one
 * bit each. The values are the same: nanoseconds since 1970 in UTC.
 */

import { constants } from 'node:fs';
import { copyFile, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

const TRUE = 1;
const FALSE = 2;
/** Types of Thrift's compact protocol that the walk tells apart. */
const [BYTE, DOUBLE, BINARY, LIST, SET, MAP, STRUCT] = [3, 7, 8, 9, 10, 11, 12];

/** Numbers of the fields in Parquet's own definition. */
const SCHEMA = 2;
const LOGICAL_TYPE = 10;
const TIMESTAMP = 8;
const ADJUSTED_TO_UTC = 1;
const UNIT = 2;
const NANOS = 3;

/** Copies a Parquet file, its zoned nanoseconds without their zone. */
export async function copyWithoutZones(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  const file = await open(to, 'r+');
  try {
    const { size } = await file.stat();
    const tail = Buffer.alloc(8);
    await file.read(tail, 0, 8, size - 8);
    const footer = Buffer.alloc(tail.readUInt32LE(0));
    const start = size - 8 - footer.length;
    await file.read(footer, 0, footer.length, start);
    for (const at of zoneFlags(footer)) {
      const byte = Buffer.from([((footer[at] ?? 0) & 0xf0) | FALSE]);
      await file.write(byte, 0, 1, start + at);
    }
  } finally {
    await file.close();
  }
}

/** Places of the bytes that say `isAdjustedToUTC` of timestamps in nanoseconds. */
export function zoneFlags(footer: Uint8Array): number[] {
  const flags: number[] = [];
  const walk = new CompactWalk(footer);
  walk.struct((field) => {
    if (field.id !== SCHEMA) return false;
    walk.list(() => walk.struct((element) => element.id === LOGICAL_TYPE && readLogicalType(walk, flags)));
    return true;
  });
  return flags;
}

function readLogicalType(walk: CompactWalk, flags: number[]): true {
  walk.struct((field) => {
    if (field.id !== TIMESTAMP) return false;
    let flag: number | undefined;
    let nanoseconds = false;
    walk.struct((part) => {
      if (part.id === ADJUSTED_TO_UTC && part.type === TRUE) flag = part.at;
      if (part.id !== UNIT) return false;
      walk.struct((unit) => {
        nanoseconds ||= unit.id === NANOS;
        return false;
      });
      return true;
    });
    if (flag !== undefined && nanoseconds) flags.push(flag);
    return true;
  });
  return true;
}

interface WalkedField {
  readonly id: number;
  readonly type: number;
  /** Place of its first byte, whose low half is the type. */
  readonly at: number;
}

/** Thrift's compact protocol, as far as it takes to pass over what is not looked for. */
class CompactWalk {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @param take reads the field's value and returns true, or returns false to have it passed over */
  struct(take: (field: WalkedField) => boolean): void {
    let id = 0;
    for (;;) {
      const at = this.#at;
      const header = this.#byte();
      if (header === 0) return;
      const delta = header >> 4;
      id = delta === 0 ? this.#zigzag() : id + delta;
      const type = header & 0x0f;
      if (!take({ id, type, at })) this.#skip(type, true);
    }
  }

  list(each: (type: number) => void): void {
    const header = this.#byte();
    const long = header >> 4 === 15;
    const count = long ? this.#varint() : header >> 4;
    for (let index = 0; index < count; index += 1) each(header & 0x0f);
  }

  #skip(type: number, isField: boolean): void {
    switch (type) {
      case TRUE:
      case FALSE:
        // A field's truth stands in its type; an element of a list has a byte of its own.
        if (!isField) this.#at += 1;
        return;
      case BYTE:
        this.#at += 1;
        return;
      case DOUBLE:
        this.#at += 8;
        return;
      case BINARY: {
        const length = this.#varint();
        this.#at += length;
        return;
      }
      case LIST:
      case SET:
        this.list((element) => this.#skip(element, false));
        return;
      case MAP:
        this.#skipMap();
        return;
      case STRUCT:
        this.struct(() => false);
        return;
      default:
        this.#varint();
    }
  }

  #skipMap(): void {
    const count = this.#varint();
    if (count === 0) return;
    const types = this.#byte();
    for (let index = 0; index < count; index += 1) {
      this.#skip(types >> 4, false);
      this.#skip(types & 0x0f, false);
    }
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new RangeError('the footer ends within a value');
    this.#at += 1;
    return byte;
  }
}
