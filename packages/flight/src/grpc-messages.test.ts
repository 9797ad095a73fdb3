import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MessageReader, PREFIX_BYTES, writePrefixOf } from './grpc-messages.ts';

const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });

test('messages are the same whatever the chunks they come in', () => {
  fc.assert(
    fc.property(messages, fc.integer({ min: 1, max: 60 }), (sent, chunkBytes) => {
      const wire = Buffer.concat(
        sent.map((bytes) => {
          const message = Buffer.concat([Buffer.alloc(PREFIX_BYTES), bytes]);
          writePrefixOf(bytes.length, message);
          return message;
        }),
      );
      const reader = new MessageReader(40);
      const read: Buffer[] = [];
      for (let at = 0; at < wire.length; at += chunkBytes)
        read.push(...reader.take(wire.subarray(at, at + chunkBytes)));
      expect(read).toEqual(sent.map((bytes) => Buffer.from(bytes)));
    }),
  );
});
