/** What a snapshot says of its indexes and constraints. */

import { stat } from 'node:fs/promises';
import type { SchemaFileStatement } from '../graph-store/graph-store.ts';
import { isGone, SCHEMA_FILE } from '../snapshot-source/layout.ts';
import { readBeside } from './beside-file.ts';

/**
 * The statements of a snapshot's `schema.cypher`; undefined where it has none, so that those of the live database come
 * along. A snapshot that is gone may have had one, and was loaded by it: nothing more is made then.
 * @param path directory of the snapshot
 * @throws SCHEMA_INVALID for a file that is too large or a link that leads out of the root
 */
export async function readSchemaFile(path: string): Promise<readonly SchemaFileStatement[] | undefined> {
  const statements = await readBeside(path, SCHEMA_FILE, 'SCHEMA_INVALID');
  if (statements) return statements.map((statement) => ({ ...statement, file: SCHEMA_FILE }));
  return (await isThere(path)) ? undefined : [];
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}
