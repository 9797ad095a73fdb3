import { randomUUID } from 'node:crypto';
import { link, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphshiftError } from '../../platform/errors.ts';
import { errorCode, syncDirectory, unlessMissing, writeDurably } from './durable-file.ts';
import { ID_FILE, type Layout } from './layout.ts';

/** Gives the store its id where it has none; of several processes one does. */
export async function giveId({ root }: Layout): Promise<void> {
  const path = join(root, ID_FILE);
  if ((await unlessMissing(readFile(path))) !== undefined) return;
  const own = `${path}.${randomUUID()}`;
  await writeDurably(own, `${JSON.stringify({ id: randomUUID() })}\n`);
  try {
    // Not by a rename: that would take the id of whoever came first away.
    await link(own, path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    await unlink(own);
  }
  await syncDirectory(root);
}

/** @throws STORE_UNFIT where its file cannot be read */
export async function readId({ root }: Layout): Promise<string> {
  const path = join(root, ID_FILE);
  try {
    const { id } = JSON.parse(await readFile(path, 'utf8')) as { id?: unknown };
    if (typeof id === 'string' && id !== '') return id;
  } catch (cause) {
    throw new GraphshiftError('STORE_UNFIT', `${path}, the id of the store, cannot be read`, { cause });
  }
  throw new GraphshiftError('STORE_UNFIT', `${path} has no id of the store`);
}
