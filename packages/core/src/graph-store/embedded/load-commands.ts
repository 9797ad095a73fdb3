/** What the loading process is asked, and what it answers. */

import type { SnapshotManifest } from '../../snapshot/manifest.ts';
import type { LoadCounts } from '../certify.ts';
import type { StoredColumn } from './types.ts';

export interface LoadSettings {
  /** The snapshot's directory. */
  readonly path: string;
  /** The build's directory, which exists. */
  readonly build: string;
  readonly memoryBytes: number;
  readonly threads: number;
  readonly idProperty: string;
  readonly requireManifest: boolean;
}

/** The types of a database's columns, kept beside it: what the store's own types do not tell. */
export interface StoredTypes {
  readonly version: 1;
  readonly idProperty: string;
  readonly labels: Readonly<Record<string, readonly StoredColumn[]>>;
  readonly types: Readonly<Record<string, readonly StoredColumn[]>>;
}

export interface SealedBuild extends LoadCounts {
  readonly stored: StoredTypes;
}

/** Progress of a command is a `LoadProgress`. */
export type LoadCommands = {
  check: { input: LoadSettings; output: SnapshotManifest };
  nodes: { input: undefined; output: undefined };
  relationships: { input: undefined; output: undefined };
  seal: { input: undefined; output: SealedBuild };
};
