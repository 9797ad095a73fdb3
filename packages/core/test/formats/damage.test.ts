/** Files that are cut off, changed in a bit, or larger than memory should hold. */

import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphshiftError } from '../../src/platform/errors.ts';
import { type Duck, openDuck } from '../../src/snapshot-source/duckdb.ts';
import { inspectSnapshot } from '../../src/snapshot-source/inspect.ts';
import { observeSnapshot } from '../../src/snapshot-source/observe.ts';
import { viewOf } from '../../src/snapshot-source/views.ts';
import { type Bench, FIXTURES, LABEL, layOut, openBench } from './load.ts';

let bench: Bench;
let duck: Duck;
let timestamp = 0;

beforeAll(async () => {
  bench = await openBench();
  duck = await openDuck({ spillDirectory: join(bench.directory, 'spill') });
});
afterAll(async () => {
  duck.close();
  await bench.close();
});

const fixture = (name: string) => join(FIXTURES, name);

/** A snapshot whose one file holds these bytes. */
async function snapshotOf(name: string, bytes: Uint8Array): Promise<string> {
  timestamp += 1;
  const path = await layOut(bench.directory, timestamp, []);
  await writeFile(join(path, 'nodes', LABEL, name), bytes);
  return path;
}

async function problemOf(name: string, bytes: Uint8Array): Promise<string | undefined> {
  const { problem } = await observeSnapshot(await snapshotOf(name, bytes));
  return problem && `${problem.code} ${problem.message}`;
}

describe('the look at a file before it is queued', () => {
  it.each(['types.arrow', 'types.feather', 'delta.arrow', 'delta-stream.arrow'])(
    'calls %s whole, and cut off wherever it ends early',
    async (name) => {
      const whole = await readFile(fixture(name));
      expect(await problemOf(name, whole)).toBeUndefined();
      const path = await snapshotOf(name, whole);
      const step = Math.max(1, Math.floor(whole.length / 60));
      for (let length = whole.length - 1; length > 0; length -= length > whole.length - 20 ? 1 : step) {
        await truncate(join(path, 'nodes', LABEL, name), length);
        const { problem } = await observeSnapshot(path);
        expect(problem?.message, `${length} bytes`).toContain(`nodes/${LABEL}/${name} is cut off`);
        expect(problem?.code).toBe('FILE_TRUNCATED');
      }
    },
  );

  it('tells what is no Arrow file, and what follows the end of a stream', async () => {
    const stream = await readFile(fixture('delta-stream.arrow'));
    const text = (content: string) => Buffer.from(content, 'latin1');
    expect(await problemOf('a.arrow', text(''))).toMatch(/^FILE_TRUNCATED/);
    expect(await problemOf('a.arrow', text('ARR'))).toMatch(/^FILE_TRUNCATED/);
    expect(await problemOf('a.arrow', text('\xff\xff'))).toMatch(/^FILE_TRUNCATED/);
    expect(await problemOf('a.arrow', text('PAR1 and so on'))).toMatch(/^FILE_FORMAT .*it may be Arrow IPC/);
    expect(await problemOf('a.feather', text('FEA1....FEA1'))).toMatch(/^FILE_FORMAT .*Feather version 1/);
    expect(await problemOf('a.parquet', stream)).toMatch(/^FILE_FORMAT/);
    expect(await problemOf('a.arrow', Buffer.concat([stream, stream]))).toMatch(
      /^FILE_UNREADABLE .*1328 bytes follow the end of its stream/,
    );
    expect(await problemOf('a.arrow', text(`ARROW1\0\0${'x'.repeat(20)}\xff\0\0\0ARROW1`))).toMatch(
      /^FILE_TRUNCATED .*its footer of 255 bytes/,
    );
  });
});

/**
 * What is judged: the inspection ends, with values or with an error of the catalogue about the files. Neither format
 * has to carry checksums, so a changed value that is still one of its type cannot be told from a written one.
 */
describe('a file with changed bits', () => {
  it.each(['types.arrow', 'types.feather', 'types.parquet'])(
    '%s never ends the inspection badly',
    async (name) => {
      const whole = await readFile(fixture(name));
      const flip = fc.tuple(fc.nat(whole.length - 1), fc.nat(7));
      await fc.assert(
        fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 3 }), async (flips) => {
          const bytes = Buffer.from(whole);
          for (const [at, bit] of flips) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
          const path = await snapshotOf(`a${extname(name)}`, bytes);
          // One of its own, as each load has: DuckDB remembers pages by path, size and time.
          const own = await openDuck({ spillDirectory: join(bench.directory, 'spill-of-one') });
          const error: unknown = await inspectSnapshot(own, path).then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          own.close();
          if (error === undefined) return;
          expect(error).toBeInstanceOf(GraphshiftError);
          if (error instanceof GraphshiftError) expect(error.class, error.message).toBe('permanent');
        }),
        { numRuns: 40, seed: 11 },
      );
    },
  );

  it('is refused by file and column where a load cannot read its pages', async () => {
    const bytes = await readFile(fixture('types.parquet'));
    bytes.fill(0xff, 4000, 5000);
    const file = join(bench.directory, 'broken.parquet');
    await writeFile(file, bytes);
    timestamp += 1;
    await expect(bench.load(timestamp, [file])).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringMatching(
        new RegExp(`^nodes/${LABEL}/broken.parquet: column "\\w+" cannot be read: `),
      ),
    });
  });
});

/** Codec 5 of Parquet, LZ4 in the frames of Hadoop; its successor, which writers call lz4 today, is codec 7. */
it('is refused by its file where it has the codec that Parquet has given up', async () => {
  const file = join(bench.directory, 'lz4.parquet');
  await duck.run(`COPY (SELECT 1 AS id, '${LABEL}' AS labels) TO '${file}' (FORMAT parquet, CODEC 'lz4')`);
  const bytes = await readFile(file);
  const codecs = [...bytes.keys()].filter((at) => bytes[at] === 0x15 && bytes[at + 1] === 0x0e);
  expect(codecs).toHaveLength(2);
  await expect(inspectSnapshot(duck, await snapshotOf('a.parquet', bytes))).resolves.toMatchObject({
    rows: 1,
  });
  for (const at of codecs) bytes[at + 1] = 0x0a;
  await expect(inspectSnapshot(duck, await snapshotOf('a.parquet', bytes))).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: expect.stringMatching(/^nodes\/Types\/a.parquet: column "id" cannot be read: .*codec "LZ4"/),
  });
});

describe('a record batch that is not kept in memory', () => {
  const letters = ['a', 'b', 'c'];
  const lengths = letters.map((letter) => ({ letter, length: 12 * 2 ** 20 }));

  async function lettersOf(path: string): Promise<unknown> {
    await inspectSnapshot(duck, path);
    const rows = await duck.rows(
      `SELECT left(text, 1) AS letter, length(text) AS length, length(replace(text, left(text, 1), '')) AS others
       FROM ${viewOf('nodes', 0)} ORDER BY id`,
    );
    return rows.map(({ letter, length, others }) => ({ letter, length: Number(length) - Number(others) }));
  }

  it('is read piece by piece', async () => {
    const table = tableFromArrays({
      id: BigInt64Array.from([1n, 2n, 3n]),
      labels: letters.map(() => LABEL),
      text: letters.map((letter) => letter.repeat(12 * 2 ** 20)),
    });
    for (const form of ['file', 'stream'] as const)
      expect(await lettersOf(await snapshotOf('large.arrow', tableToIPC(table, form)))).toEqual(lengths);
  });

  it('is unpacked into a scratch file, which goes', async () => {
    timestamp += 1;
    const path = await layOut(bench.directory, timestamp, [fixture('large.arrow')]);
    expect(await lettersOf(path)).toEqual(lengths);
    expect((await readdir(duck.spillDirectory)).filter((name) => name.includes('body'))).toEqual([]);
  });
});
