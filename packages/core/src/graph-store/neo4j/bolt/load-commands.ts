/** What the loading process is asked, and what it answers. */

import type { SnapshotManifest } from '../../../snapshot/manifest.ts';
import type { LoadCounts } from '../../certify.ts';
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
}

export interface CheckedJob {
  readonly manifest: SnapshotManifest;
  /** Of the plan: see `LoadPlan`. */
  readonly fingerprint: string;
}

/** Progress of a command is a `LoadProgress`. */
export type BoltCommands = {
  check: { input: BoltJob; output: CheckedJob };
  /** Makes the marks of the chunks. */
  place: { input: undefined; output: undefined };
  nodes: { input: undefined; output: undefined };
  relationships: { input: undefined; output: undefined };
  /** Removes what only the load needed, and counts. */
  finish: { input: undefined; output: LoadCounts };
};
