/** What the loading process is asked, and what it answers. */

import type { SnapshotManifest } from '../../../snapshot/manifest.ts';
import type { LoadCounts } from '../../certify.ts';
import type { ChunkStanding, LoadChunk } from '../../sharing.ts';
import type { BoltAccess, BoltSettings } from './settings.ts';

export interface BoltJob {
  readonly access: BoltAccess;
  readonly settings: BoltSettings;
  /** The snapshot's directory. */
  readonly path: string;
  readonly database: string;
  readonly customer: string;
  readonly epoch: number;
  /** A directory of this load's own; made and removed by its parent. */
  readonly scratch: string;
  /** Of files that other processes may load parts of; left out, there are none. */
  readonly shareFrom?: number;
}

/** A load in pieces, for those who load them. */
export interface SharedJob {
  /** What they have in common. */
  readonly plan: string;
  readonly chunks: readonly LoadChunk[];
}

export interface CheckedJob {
  readonly manifest: SnapshotManifest;
  /** Of the plan: see `LoadPlan`. */
  readonly fingerprint: string;
  /** Where it is shared. */
  readonly shared?: SharedJob;
}

/** Progress of a command is a `LoadProgress`, that of `piece` the rows that came in. */
export type BoltCommands = {
  check: { input: BoltJob; output: CheckedJob };
  /** Makes the marks of the chunks. */
  place: { input: undefined; output: undefined };
  nodes: { input: undefined; output: undefined };
  relationships: { input: undefined; output: undefined };
  /** Of a shared load: what is in of each piece, one piece, and what comes between nodes and relationships. */
  standing: { input: undefined; output: ReadonlyMap<number, ChunkStanding> };
  piece: { input: number; output: undefined };
  index: { input: undefined; output: undefined };
  /** Removes what only the load needed, and counts. */
  finish: { input: undefined; output: LoadCounts };
};
