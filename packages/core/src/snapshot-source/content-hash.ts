/** What a snapshot holds, as one hash, so that a hold can name content under whatever timestamp it comes again. */

import { createHash, type Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotFile } from '../snapshot/manifest.ts';

const CHUNK_BYTES = 1024 * 1024;

export interface HashOptions {
  readonly signal?: AbortSignal;
  /** Called after each read with the bytes read so far. */
  readonly onBytes?: (bytes: number) => void;
  /** Files whose own sha256 is wanted besides, in the same pass; what `onHash` throws ends it. */
  readonly each?: {
    readonly paths: ReadonlySet<string>;
    readonly onHash: (path: string, sha256: string) => void;
  };
}

/**
 * sha256 over relative path, size and content of all files, in the given order, in hexadecimal. Reads 1 MiB at a time.
 * @throws what the file system throws, and the signal's reason when it aborts
 */
export async function contentHash(
  path: string,
  files: readonly SnapshotFile[],
  options: HashOptions = {},
): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let total = 0;
  for (const file of files) {
    hash.update(`${file.path}\0${file.bytes}\0`);
    const own = options.each?.paths.has(file.path) ? createHash('sha256') : undefined;
    await hashFile(join(path, file.path), own ? [hash, own] : [hash], buffer, (bytes) => {
      options.signal?.throwIfAborted();
      total += bytes;
      options.onBytes?.(total);
    });
    if (own) options.each?.onHash(file.path, own.digest('hex'));
  }
  return hash.digest('hex');
}

async function hashFile(
  path: string,
  hashes: readonly Hash[],
  buffer: Buffer,
  onRead: (bytes: number) => void,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      onRead(bytesRead);
      if (bytesRead === 0) return;
      for (const hash of hashes) hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
