/** What the process that loads pieces of others' loads is asked. */

import type { PiecePlan, SharedPlan } from './pieces.ts';
import type { BoltAccess, BoltSettings } from './settings.ts';

export interface PieceJob {
  readonly access: BoltAccess;
  readonly settings: BoltSettings;
  /** The snapshot's directory. */
  readonly path: string;
  readonly database: string;
  readonly customer: string;
  readonly epoch: number;
  /** A directory of this process's own; made and removed by its parent. */
  readonly scratch: string;
  readonly shared: SharedPlan;
  readonly piece: PiecePlan;
}

/** Progress is the number of rows that came in. */
export type PieceCommands = {
  load: { input: PieceJob; output: undefined };
};
