/** What the loading process is asked, and what it answers; plain data, since it crosses to that process. */

import type { SnapshotManifest } from '../../../snapshot/manifest.ts';
import type { LoadCounts } from '../../certify.ts';
import type { LoadMark } from '../../graph-store.ts';
import type { BoltAccess, BoltSettings } from '../bolt/settings.ts';
import type { FlightAddress } from './loader-choice.ts';

/** How a process reaches the server's Arrow Flight; the user is the one of Bolt. */
export interface FlightAccess extends FlightAddress {
  readonly tls: boolean;
}

export interface ArrowJob {
  readonly access: BoltAccess;
  readonly flight: FlightAccess;
  readonly settings: BoltSettings;
  /** The snapshot's directory. */
  readonly path: string;
  readonly database: string;
  readonly mark: LoadMark;
  /** The bookkeeping database, where the import is recorded. */
  readonly bookkeeping: string;
  /** A directory of this load's own; made and removed by its parent. */
  readonly scratch: string;
}

/** Progress of a command is a `LoadProgress`. */
export type ArrowCommands = {
  check: { input: ArrowJob; output: SnapshotManifest };
  /** Begins the import on the server. */
  nodes: { input: undefined; output: undefined };
  /** Ends it: the database is there. */
  relationships: { input: undefined; output: undefined };
  /** Brings the database to what the settings say, and counts. */
  finish: { input: undefined; output: LoadCounts };
};
