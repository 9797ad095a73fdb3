/** What the health of the system is judged by. Gathering it is another matter; judging needs nothing else. */

import type { BreakerState } from '../../platform/breaker.ts';
import type { InstanceKind } from '../../queue/instances.ts';
import type { EarlyWarning } from './vitals.ts';

/** As the monitors judge an instance by its silence. */
export type InstanceCondition = 'alive' | 'warning' | 'failed' | 'emergency' | 'recovered';

export interface InstanceSeen {
  readonly id: string;
  readonly kind: InstanceKind;
  readonly condition: InstanceCondition;
  /** Milliseconds since its last beat. */
  readonly silentMs: number;
  /** Deployments that it holds. */
  readonly holds: number;
  /** Loads that it can run at once. */
  readonly capacity: number;
  readonly stopping: boolean;
  /** Why it takes nothing just now; empty when it does. */
  readonly paused: string;
  readonly warnings: readonly EarlyWarning[];
}

export interface BreakerSeen {
  readonly instance: string;
  readonly name: string;
  readonly state: BreakerState;
  readonly lastError: string | null;
}

export interface HealthPicture {
  /** Why Redis does not answer; undefined when it does. Without it nothing below is known. */
  readonly redisProblem?: string | undefined;
  /** Why the store does not answer; undefined when it does. */
  readonly storeProblem?: string | undefined;
  /** Why deployments do not pass the gate just now; undefined when they do, or nobody has asked. */
  readonly gateClosed?: string | undefined;
  readonly instances: readonly InstanceSeen[];
  readonly breakers: readonly BreakerSeen[];
  readonly deadLetters: number;
  /** Deployments on their way or waiting for it. */
  readonly pending: number;
  /** Milliseconds since the one that has waited longest came to wait; 0 where none does. */
  readonly oldestWaitMs: number;
  /** Instances whose newest recovery failed, within the last hour. */
  readonly recoveriesFailed: number;
  /** Emergencies that were raised and not ended: of which instance, and why. */
  readonly emergencies: readonly { readonly instance: string; readonly reason: string }[];
}

/** An empty system in which all is well. */
export const WELL: HealthPicture = {
  instances: [],
  breakers: [],
  deadLetters: 0,
  pending: 0,
  oldestWaitMs: 0,
  recoveriesFailed: 0,
  emergencies: [],
};

/** Instances that count: one that was recovered, or told that it stops, is nobody's worry. */
export function expected(picture: HealthPicture): InstanceSeen[] {
  return picture.instances.filter(
    ({ condition, stopping }) => condition !== 'recovered' && !(stopping && condition === 'alive'),
  );
}

export function livingWorkers({ instances }: HealthPicture): InstanceSeen[] {
  return instances.filter(
    ({ capacity, condition, stopping }) =>
      capacity > 0 && !stopping && (condition === 'alive' || condition === 'warning'),
  );
}
