/** The frames of a snapshot's Arrow file, and what is wrong with them in the catalogue's words. */

import { type FileHandle, open } from 'node:fs/promises';
import { checkEnds, IpcError, type IpcLayout, readLayout as readIpcLayout } from '@graphshift/flight/ipc';
import { GraphshiftError } from '../../platform/errors.ts';

/** A file that ends before it is whole. */
function cutOff(name: string, size: number, why: string): GraphshiftError {
  return new GraphshiftError('FILE_TRUNCATED', `${name} is cut off: ${why} (${size} bytes)`, {
    details: { file: name, bytes: size },
  });
}

/** A file whose bytes make no sense. */
export function unreadable(name: string, why: string, cause?: unknown): GraphshiftError {
  return new GraphshiftError('FILE_UNREADABLE', `${name} cannot be read: ${why}`, {
    details: { file: name },
    ...(cause !== undefined && { cause }),
  });
}

/**
 * Walks a whole file or stream.
 * @param name the file as messages name it
 * @throws FILE_FORMAT, FILE_TRUNCATED, FILE_UNREADABLE
 */
export async function readLayout(file: FileHandle, name: string): Promise<IpcLayout> {
  return named(file, name, () => readIpcLayout(file));
}

/**
 * What is wrong with the two ends of a file, or with the frames of a stream; undefined when it may be whole.
 * @throws what the file system throws
 */
export async function arrowProblem(path: string, name: string): Promise<GraphshiftError | undefined> {
  const file = await open(path, 'r');
  try {
    await named(file, name, () => checkEnds(file));
    return undefined;
  } catch (error) {
    if (error instanceof GraphshiftError) return error;
    throw error;
  } finally {
    await file.close();
  }
}

async function named<T>(file: FileHandle, name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof IpcError)) throw error;
    if (error.kind === 'broken') throw unreadable(name, error.message, error.cause);
    const { size } = await file.stat();
    if (error.kind === 'cut-off') throw cutOff(name, size, error.message);
    throw new GraphshiftError('FILE_FORMAT', `${name} ${error.message}`, {
      details: { file: name, bytes: size },
    });
  }
}
