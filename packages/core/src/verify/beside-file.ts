/** Files of Cypher beside a snapshot's data. */

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorCode, GraphshiftError } from '../platform/errors.ts';
import { isGone, leadsInside, rootOf } from '../snapshot-source/layout.ts';
import { type Statement, splitStatements } from './statements.ts';

const LARGEST_BYTES = 1024 * 1024;

/**
 * The statements of a file in the snapshot's directory, or undefined where there is no such file.
 * @param path directory of the snapshot
 * @param code of the error for a file that is too large or a link that leads out of the root
 */
export async function readBeside(
  path: string,
  name: string,
  code: ErrorCode,
): Promise<Statement[] | undefined> {
  const file = join(path, name);
  try {
    if (!(await leadsInside(file, rootOf(path)))) {
      await stat(file);
      throw new GraphshiftError(code, `${name} is a link that leads out of the root`);
    }
    const { size } = await stat(file);
    if (size > LARGEST_BYTES)
      throw new GraphshiftError(code, `${name} has ${size} bytes; it may have ${LARGEST_BYTES}`);
    return splitStatements(await readFile(file, 'utf8'));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
