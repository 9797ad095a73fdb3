import { ChildProcess, siblingModule } from '../platform/child-process.ts';
import type { HashCommands } from './hash-commands.ts';
import { changeOf } from './inspect.ts';
import { listSnapshot, rootOf } from './layout.ts';

/** Hashes that were made before, by the fingerprint of a listing. */
export interface KnownHashes {
  get(fingerprint: string): Promise<string | undefined>;
  set(fingerprint: string, contentHash: string): Promise<void>;
}

/**
 * The content hash of a snapshot, as a load of it would certify: read in a process of its own, or known from files of
 * the same sizes and times.
 * @throws what is wrong with its layout, SNAPSHOT_CHANGED, SNAPSHOT_GONE, ABORTED
 */
export async function snapshotContentHash(
  path: string,
  known: KnownHashes,
  signal?: AbortSignal,
): Promise<string> {
  const before = await listSnapshot(path, rootOf(path));
  if (before.problem) throw before.problem;
  const remembered = await known.get(before.fingerprint);
  if (remembered !== undefined) return remembered;
  const child = new ChildProcess<HashCommands>(siblingModule(import.meta.url, 'hash-child'), {
    name: 'hasher',
  });
  try {
    const files = before.files.map((file) => ({
      path: file.path,
      bytes: file.bytes,
      modifiedAt: file.modifiedAt,
    }));
    const hash = await child.call('hash', { path, files }, signal ? { signal } : {});
    const moved = changeOf(before, await listSnapshot(path, rootOf(path)));
    if (moved) throw moved;
    await known.set(before.fingerprint, hash);
    return hash;
  } finally {
    await child.kill();
  }
}
