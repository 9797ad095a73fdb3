import type { SnapshotFile } from '../snapshot/manifest.ts';

/** What the hashing process answers. */
export type HashCommands = {
  hash: { input: { path: string; files: readonly SnapshotFile[] }; output: string };
};
