import { tableFromArrays, tableToIPC } from 'apache-arrow';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocateFrame, copyToFrame, decodeFlightData } from '../flight-data.ts';
import { decode, encode } from '../protobuf.ts';
import { fieldNames, IpcError, type IpcMessage, readStream, renameColumns } from './index.ts';

const TABLE = { id: ['a', 'b'], other: [1.5, 2], third: [true, false] };
const STREAM = Buffer.from(tableToIPC(tableFromArrays(TABLE), 'stream'));

async function messages(bytes: Uint8Array, chunk = bytes.length || 1): Promise<IpcMessage[]> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const read: IpcMessage[] = [];
  for await (const message of readStream(chunks())) read.push(message);
  return read;
}

test('a stream reads the same whatever the chunks it comes in', async () => {
  const whole = await messages(STREAM);
  expect(whole.map(({ kind }) => kind).filter((kind) => kind !== 'dictionary')).toEqual(['schema', 'batch']);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: STREAM.length }), async (chunk) => {
      expect(await messages(STREAM, chunk)).toEqual(whole);
    }),
    { numRuns: 30 },
  );
});

test('a stream that ends before its end, or is damaged, is an error and never a shorter stream', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: STREAM.length - 1 }), async (length) => {
      await expect(messages(STREAM.subarray(0, length))).rejects.toThrow(IpcError);
    }),
    { numRuns: 60 },
  );
  await expect(messages(Buffer.concat([STREAM, STREAM]))).rejects.toThrow('bytes follow the end');
});

test('any names can be given to columns; those that are not named stay, and so does everything else', async () => {
  const [schema] = await messages(STREAM);
  await fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.option(fc.string()), (one, other) => {
      const names = new Map([
        ['id', one],
        ['nowhere', 'never'],
        ...(other === null ? [] : [['third', other] as const]),
      ]);
      const renamed = renameColumns(schema!, names);
      expect(fieldNames(renamed)).toEqual([one, 'other', other ?? 'third']);
      const back = new Map([[one, 'id'], ...(other === null ? [] : [[other, 'third'] as const])]);
      if (new Set([one, 'other', other ?? 'third']).size === 3)
        expect(fieldNames(renameColumns(renamed, back))).toEqual(['id', 'other', 'third']);
    }),
  );
  expect(() => renameColumns({ ...schema!, metadata: new Uint8Array(8) }, new Map())).toThrow();
});

test('protobuf fields of any size come back as they were', () => {
  const value = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.maxSafeNat());
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 2 ** 20 }), value), { selector: ([n]) => n }),
      (fields) => {
        const decoded = decode(encode(fields));
        expect(decoded.size).toBe(fields.length);
        for (const [field, value] of fields)
          expect(decoded.get(field)).toEqual(typeof value === 'number' ? value : Buffer.from(value));
      },
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        decode(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
});

test('FlightData is the same whether its parts are read into it or copied', () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(bytes, bytes, fc.option(bytes), (metadata, body, appMetadata) => {
      const extras = appMetadata === null ? {} : { appMetadata };
      const { bytes: copied } = copyToFrame(metadata, body, extras);
      const frame = allocateFrame(metadata.length, body.length, extras);
      frame.metadata.set(metadata);
      frame.body.set(body);
      expect(frame.bytes).toEqual(copied);
      const parts = decodeFlightData(copied);
      expect(parts.header).toEqual(Buffer.from(metadata));
      expect(parts.body).toEqual(Buffer.from(body));
      expect(parts.appMetadata).toEqual(Buffer.from(appMetadata ?? []));
    }),
  );
});
