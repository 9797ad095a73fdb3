import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Duck, openDuck, quoteString } from './duckdb.ts';
import type { ListedFile } from './layout.ts';
import { makeRoom, roomFor } from './row-groups.ts';

const MIB = 2 ** 20;
const GIVEN = { memoryBytes: 48 * MIB, threads: 2 };

let directory: string;
let duck: Duck;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-row-groups-'));
  duck = await openDuck({ spillDirectory: join(directory, 'spill'), ...GIVEN });
});

afterEach(async () => {
  duck.close();
  await rm(directory, { recursive: true, force: true });
});

it('small row groups leave what was given, and read beside the look-up of ends', () => {
  expect(roomFor(0, { memoryBytes: 96 * MIB, threads: 2 })).toEqual({
    memoryBytes: 96 * MIB,
    threads: 2,
    both: true,
  });
  expect(roomFor(16 * MIB, { memoryBytes: 96 * MIB, threads: 2 })).toMatchObject({ threads: 2, both: true });
});

it('larger ones take threads first, then one thing at a time, then more memory', () => {
  const given = { memoryBytes: 96 * MIB, threads: 4 };
  expect(roomFor(20 * MIB, given)).toEqual({ memoryBytes: 96 * MIB, threads: 3, both: false });
  expect(roomFor(42 * MIB, given)).toEqual({ memoryBytes: 96 * MIB, threads: 1, both: false });
  expect(roomFor(256 * MIB, given)).toEqual({ memoryBytes: 288 * MIB, threads: 1, both: false });
});

it('a file whose row group is too large for what was given is read', async () => {
  const path = join(directory, 'wide.parquet');
  const text = Array.from({ length: 20 }, (_, salt) => `hash(i, ${salt})::VARCHAR`).join(' || ');
  await duck.run(`SET memory_limit = '1GB'`);
  await duck.run(
    `COPY (SELECT ${text} AS text FROM range(122880) rows(i)) TO ${quoteString(path)} (FORMAT parquet)`,
  );
  await duck.run(`SET memory_limit = '48MiB'`);
  const read = `SELECT max(length(text)) AS longest FROM read_parquet(${quoteString(path)})`;
  await expect(duck.rows(read)).rejects.toThrow(/Out of Memory/);
  const { size: bytes } = await stat(path);
  const listed = { path: 'wide.parquet', bytes } as ListedFile;
  const room = await makeRoom(duck, directory, [listed], GIVEN);
  expect(room).toMatchObject({ threads: 1, both: false });
  expect(room.memoryBytes).toBeGreaterThan(100 * MIB);
  expect(await duck.rows(read)).toEqual([{ longest: expect.any(BigInt) }]);
});

it('files that are none, or none of Parquet, leave what was given: the check says what is wrong', async () => {
  for (const path of ['missing.parquet', 'nodes.arrow'])
    expect(await makeRoom(duck, directory, [{ path, bytes: 1 } as ListedFile], GIVEN)).toMatchObject({
      memoryBytes: 48 * MIB,
    });
});
