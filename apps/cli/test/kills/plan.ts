/** What a process of the kill tests is told: where it stands still until it is killed, and how it gets there. */

import type { State } from '@graphshift/core';
import type { Point } from '@graphshift/testkit';

/** From a state, where the deployment goes instead of the next step; `stay` is nowhere. */
export type Detours = { readonly [From in State]?: State | 'stay' };

/** What a producer or a person does, once the deployment `when` is in a state. */
export interface Act {
  readonly act: 'discover' | 'cancel' | 'retry' | 'discard' | 'rollback' | 'board-retry';
  /** Of the customer's snapshot that it is done to. */
  readonly timestamp: number;
  readonly when?: readonly [timestamp: number, state: State];
  /** The order under which a snapshot is recorded. @default 'newest-first' */
  readonly order?: 'latest-only';
  /** Recorded dead on arrival. */
  readonly broken?: boolean;
}

export interface DeploymentPlan {
  readonly point?: Point;
  /** It goes on from its point once the process gets SIGUSR2, instead of standing still there until it is killed. */
  readonly goesOn?: boolean;
  /** The process stops here with SIGSTOP, once, and goes on when it is told to. */
  readonly pause?: Point;
  readonly detours?: Detours;
  readonly acts?: readonly Act[];
}

/** Something taken out of the system, to show that the tests see its absence. */
export type Sabotage =
  /** The alias is moved by dropping it and making it anew. */
  | 'alias-dropped'
  /** Nothing is swept. */
  | 'no-sweep'
  /** Builds have no load mark. */
  | 'no-mark'
  /** A deployment's letters have one id for all runs. */
  | 'fixed-letter';

/** Nothing needs to be renewed often, and what a killed process held is back soon. */
export const DEFAULT_LOCK_MS = 6000;

export interface Plan {
  /** By the deployment's id. */
  readonly deployments: Readonly<Record<string, DeploymentPlan>>;
  readonly sabotage?: Sabotage;
  /** How long a job's lock lives without renewal. @default DEFAULT_LOCK_MS */
  readonly lockMs?: number;
  /** What the process is. @default 'worker' */
  readonly runs?: 'worker' | 'producer' | 'dashboard';
}
