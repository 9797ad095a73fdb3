/** Every type that files may have arrives exactly, or its column is refused by name. */

import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { rejects } from '@graphshift/testkit';
import neo4j from 'neo4j-driver';
import { afterEach, describe, expect, it } from 'vitest';
import type { BoltSettings } from '../../src/graph-store/neo4j/bolt/settings.ts';
import { removeMark } from '../../src/graph-store/neo4j/load-mark.ts';
import { databaseName } from '../../src/snapshot/names.ts';
import { FIXTURES, LABEL } from '../formats/load.ts';
import { KEPT } from '../formats/matrix.ts';
import { expectWhole, loadWhole, useBolt } from './bench.ts';

const T = 1_700_000_000;
const bench = useBolt();
const database = () => databaseName({ customer: bench.customer, timestamp: T });

afterEach(async () => {
  if (!bench.neo4j.problem) await bench.drop(T);
});

/** As the port gives values: dates and times as ISO 8601 text, digits in threes, bytes as base64. */
function portable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(portable);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Int8Array) return Buffer.from(value).toString('base64');
  if (value === null || typeof value !== 'object') return value;
  const [, rest, fraction = '', zone] = /^([^.Z]*)(?:\.(\d+))?(Z?)$/.exec(String(value)) ?? [];
  const digits = fraction.replace(/(000)+$/, '');
  return `${rest}${digits && `.${digits}`}${zone}`;
}

/** What Neo4j keeps of a column: undefined where it is refused. */
function expected(name: string, stored: string, values: readonly unknown[]): unknown[] | undefined {
  if (stored.includes('[][]') || stored === 'BLOB[]') return undefined;
  if (name === 'uint64') return [9223372036854775807n, 0, null];
  const [first] = values;
  const small = (item: unknown) =>
    typeof item === 'bigint' && Number.isSafeInteger(Number(item)) ? Number(item) : item;
  if (Array.isArray(first)) return [first.filter((item) => item !== null).map(small), [], null];
  return values.map(small);
}

async function load(files: readonly string[], settings: Partial<BoltSettings> = {}) {
  const path = join(bench.directory, bench.customer, String(T));
  const folder = join(path, 'nodes', LABEL);
  await mkdir(folder, { recursive: true });
  for (const file of files) await copyFile(join(FIXTURES, file), join(folder, basename(file)));
  return bench.open({ path, timestamp: T, epoch: 1 }, settings);
}

describe('a value arrives exact', () => {
  it.each(['neo4j.parquet', 'neo4j.arrow'])('from %s', async (file) => {
    await load([file]).then(loadWhole).then(expectWhole);
    const driver = bench.neo4j.driver({ useBigInt: true });
    const { records } = await driver.executeQuery(
      `MATCH (n:${LABEL}) RETURN properties(n) AS n, [key IN keys(n) | [key, valueType(n[key])]] AS types ORDER BY n.id`,
      {},
      { database: database() },
    );
    const rows = records.map((record) => record.get('n') as Record<string, unknown>);
    const types = new Map<string, string>(records[0]?.get('types'));
    for (const row of KEPT)
      for (const [name, [stored, ...values]] of Object.entries(row.columns)) {
        const want = expected(name, stored, values);
        if (!want) continue;
        expect(
          rows.map((properties) => portable(properties[name] ?? null)),
          name,
        ).toEqual(want);
        const type = types.get(name)?.replaceAll(' NOT NULL', '');
        if (type && !type.startsWith('LIST')) expect(row.neo4j, name).toContain(type);
      }
  });
});
