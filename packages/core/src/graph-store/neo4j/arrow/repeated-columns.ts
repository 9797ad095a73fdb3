/** Columns that are the same in every row. */

import type { WireColumn } from './wire-values.ts';

const NOTHING = new Uint8Array(0);

/** The same text in every row. */
export function repeatText(text: string, rows: number): WireColumn {
  return repeat([text], rows);
}

/** The same list of texts in every row. */
export function repeatTexts(texts: readonly string[], rows: number): WireColumn {
  const offsets = new Int32Array(rows + 1).map((_, row) => row * texts.length);
  return { length: rows, nulls: 0, buffers: [NOTHING, bytesOf(offsets)], child: repeat(texts, rows) };
}

/** These texts, this many times. */
function repeat(texts: readonly string[], times: number): WireColumn {
  const encoded = texts.map((text) => Buffer.from(text));
  const whole = Buffer.concat(encoded);
  const offsets = new Int32Array(times * texts.length + 1);
  let end = 0;
  for (let index = 0; index < times * texts.length; index += 1) {
    end += encoded[index % texts.length]?.length ?? 0;
    offsets[index + 1] = end;
  }
  const data = times === 0 ? NOTHING : Buffer.alloc(times * whole.length, whole);
  return { length: offsets.length - 1, nulls: 0, buffers: [NOTHING, bytesOf(offsets), data] };
}

function bytesOf(offsets: Int32Array): Uint8Array {
  return new Uint8Array(offsets.buffer, offsets.byteOffset, offsets.byteLength);
}
