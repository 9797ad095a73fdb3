import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDuck, quoteFiles, quoteIdentifier, quoteString } from './duckdb.ts';

let spillDirectory: string;

beforeEach(async () => {
  spillDirectory = await mkdtemp(join(tmpdir(), 'graphshift-duckdb-'));
});

afterEach(() => rm(spillDirectory, { recursive: true, force: true }));

it('works in UTC, offline, with what the binary carries', async () => {
  const duck = await openDuck({ spillDirectory });
  const settings = ['TimeZone', 'threads', 'memory_limit', 'temp_directory', 'preserve_insertion_order'];
  const offline = ['autoinstall_known_extensions', 'autoload_known_extensions', 'allow_community_extensions'];
  const columns = [...settings, ...offline].map((name) => `current_setting('${name}')::VARCHAR AS "${name}"`);
  expect(await duck.rows(`SELECT ${columns.join(', ')}`)).toEqual([
    {
      TimeZone: 'UTC',
      threads: '2',
      memory_limit: '512.0 MiB',
      temp_directory: spillDirectory,
      preserve_insertion_order: 'false',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_community_extensions: 'false',
    },
  ]);
  const linked = await duck.rows(
    "SELECT extension_name AS name, install_mode AS mode FROM duckdb_extensions() WHERE extension_name = 'parquet'",
  );
  expect(linked).toEqual([{ name: 'parquet', mode: 'STATICALLY_LINKED' }]);
  await expect(duck.rows("SELECT * FROM 'https://example.invalid/a.parquet'")).rejects.toThrow(/httpfs/);
  duck.close();
});

it('spills to its directory and gives everything back when closed', async () => {
  const duck = await openDuck({ spillDirectory, memoryBytes: 32 * 1024 * 1024 });
  await duck.run('CREATE TABLE wide AS SELECT md5(i::VARCHAR) AS text FROM range(1500000) rows(i)');
  expect(await readdir(spillDirectory)).not.toEqual([]);
  duck.close();
  expect(await readdir(spillDirectory)).toEqual([]);
  duck.close();
  await expect(duck.rows('SELECT 1')).rejects.toThrow();
});

it('quotes names and strings so that they come back as they are', async () => {
  const duck = await openDuck({ spillDirectory });
  for (const text of ["it's", 'a"b', 'a`b', "'; DROP TABLE x; --", 'line\nbreak', '\\', '$1', '']) {
    expect(await duck.rows(`SELECT ${quoteString(text)} AS value, $1 AS parameter`, [text])).toEqual([
      { value: text, parameter: text },
    ]);
    const name = `${text}.`;
    expect(await duck.rows(`SELECT 1 AS ${quoteIdentifier(name)}`)).toEqual([{ [name]: 1 }]);
  }
  duck.close();
});

it('quotes files so that no glob finds another one', async () => {
  const duck = await openDuck({ spillDirectory });
  const names = ['a*b', 'a?b', 'axb', 'a[x]b', '[a', "it's", 'a\\b', '{a,b}'];
  const paths = names.map((name) => join(spillDirectory, `${name}.parquet`));
  for (const path of paths) await duck.run(`COPY (SELECT 1 AS a) TO ${quoteString(path)} (FORMAT parquet)`);
  for (const path of paths) {
    const rows = await duck.rows(
      `SELECT path FROM read_parquet(${quoteFiles([path])}, filename = 'path') ORDER BY path`,
    );
    expect(rows).toEqual([{ path }]);
  }
  const all = await duck.rows(`SELECT count(*) AS files FROM read_parquet(${quoteFiles(paths)})`);
  expect(all).toEqual([{ files: BigInt(names.length) }]);
  duck.close();
});
