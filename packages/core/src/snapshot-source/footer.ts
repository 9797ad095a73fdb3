/** A cheap look at a Parquet file's two ends: enough to tell a whole file from one that is still being written. */

import { type FileHandle, open } from 'node:fs/promises';
import { GraphshiftError } from '../platform/errors.ts';

const MAGIC = 'PAR1';
const ENCRYPTED = 'PARE';
/** Magic, footer length, magic. */
const SMALLEST = 12;

/**
 * What is wrong with the file by its first four and last eight bytes, or undefined when it may be whole.
 * @param name the file as messages name it
 * @throws what the file system throws, such as ENOENT for a file that went meanwhile
 */
export async function footerProblem(path: string, name: string): Promise<GraphshiftError | undefined> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    return judge(name, size, await textAt(file, 0, Math.min(4, size)), await tailOf(file, size));
  } finally {
    await file.close();
  }
}

interface Tail {
  readonly footerBytes: number;
  readonly magic: string;
}

async function tailOf(file: FileHandle, size: number): Promise<Tail | undefined> {
  if (size < SMALLEST) return undefined;
  const buffer = Buffer.alloc(8);
  const { bytesRead } = await file.read(buffer, 0, 8, size - 8);
  if (bytesRead < 8) return undefined;
  return { footerBytes: buffer.readUInt32LE(0), magic: buffer.toString('latin1', 4, 8) };
}

async function textAt(file: FileHandle, position: number, length: number): Promise<string> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.toString('latin1', 0, bytesRead);
}

function judge(
  name: string,
  size: number,
  start: string,
  tail: Tail | undefined,
): GraphshiftError | undefined {
  const details = { file: name, bytes: size };
  if (start === ENCRYPTED || (start === MAGIC && tail?.magic === ENCRYPTED)) {
    return new GraphshiftError('FILE_FORMAT', `${name} is encrypted Parquet; it may be plain Parquet`, {
      details,
    });
  }
  if (start !== MAGIC.slice(0, start.length)) {
    const message = `${name} does not begin with ${MAGIC}; it may be Parquet only`;
    return new GraphshiftError('FILE_FORMAT', message, { details });
  }
  const truncated = (why: string) =>
    new GraphshiftError('FILE_TRUNCATED', `${name} is cut off: ${why} (${size} bytes)`, { details });
  if (tail === undefined) return truncated('it is shorter than the smallest Parquet file');
  if (tail.magic !== MAGIC) return truncated(`it does not end with ${MAGIC}`);
  if (tail.footerBytes > size - SMALLEST) {
    return truncated(`its footer of ${tail.footerBytes} bytes does not fit into it`);
  }
  return undefined;
}
