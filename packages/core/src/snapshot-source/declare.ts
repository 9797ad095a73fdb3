/** What a writer does last, by the readiness rule: the file that says that a snapshot is whole. */

import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contentHash } from './content-hash.ts';
import { type Duck, quoteFiles } from './duckdb.ts';
import { listSnapshot } from './layout.ts';
import { MANIFEST_FILE } from './manifest-file.ts';
import { MARKER_FILE, type ReadinessRule } from './readiness.ts';
import { withDuck } from './simulate.ts';

/**
 * Writes what the rule asks for into a snapshot's directory: nothing, `_SUCCESS`, or a `manifest.json` with the rows of
 * each file (left out where its footer cannot be read) and the sha256 of its contents.
 */
export async function declareSnapshot(path: string, rule: ReadinessRule): Promise<void> {
  if (rule === 'settled') return;
  if (rule === 'marker') return writeFile(join(path, MARKER_FILE), '');
  const { files } = await listSnapshot(path, join(path, '..', '..'));
  const hashes = new Map<string, string>();
  const paths = new Set(files.map((file) => file.path));
  await contentHash(path, files, {
    each: { paths, onHash: (file, sha256) => void hashes.set(file, sha256) },
  });
  const entries: object[] = [];
  await withDuck(async (duck) => {
    for (const { path: file, bytes } of files) {
      const rows = await rowsOf(duck, join(path, file));
      entries.push({ path: file, bytes, ...(rows !== undefined && { rows }), sha256: hashes.get(file) });
    }
  });
  const building = join(path, `.${MANIFEST_FILE}`);
  await writeFile(building, `${JSON.stringify({ files: entries }, null, 2)}\n`);
  await rename(building, join(path, MANIFEST_FILE));
}

async function rowsOf(duck: Duck, file: string): Promise<number | undefined> {
  try {
    const [row] = await duck.rows(`SELECT num_rows FROM parquet_file_metadata(${quoteFiles([file])})`);
    return row && Number(row.num_rows);
  } catch {
    return undefined;
  }
}
