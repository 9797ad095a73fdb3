/** Everything that the explanation of one customer is decided from. */

import type { DeploymentRecord } from '../deployment/record.ts';
import type { AliasInfo } from '../graph-store/graph-store.ts';
import type { ErrorCode, ErrorRecord } from '../platform/errors.ts';
import type { Policy } from '../queue/deployment-store.ts';

/** A deployment, and who is to go on with it. */
export interface Standing {
  readonly record: DeploymentRecord;
  /** Whether a job that is not finished will wake a worker up. */
  readonly hasJob: boolean;
  /** Whether the instance that holds it has beaten lately; false where nobody holds it. */
  readonly holderLives: boolean;
}

/** The newest snapshot, by its directory where it has one. */
export interface NewestSnapshot {
  /** Unix time in seconds. */
  readonly timestamp: number;
  /** Its directory; undefined where none is there. */
  readonly path?: string;
  /** Why its directory can be no snapshot. */
  readonly refused?: ErrorRecord;
}

/** A snapshot without a record, as a producer would see it. */
export interface Unready {
  /** The file by which its writer says that it is whole, where that is not there yet. */
  readonly awaits?: string;
  /** What would make its load fail. */
  readonly problem?: { readonly code: ErrorCode; readonly message: string };
  /** Milliseconds since 1970, the newest change of any of its files. */
  readonly changedAt: number;
}

export interface ExplainLimits {
  readonly order: Policy['order'];
  readonly settleMs: number;
  readonly scanMs: number;
}

export interface ExplainPicture {
  readonly customer: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly limits: ExplainLimits;
  /** Customers that have a directory, a record or an alias. */
  readonly customers: readonly string[];
  /** Whether the customer has a directory in a root. */
  readonly hasDirectory: boolean;
  /** Why its directory can be no customer. */
  readonly refused?: ErrorRecord;
  /** Roots that cannot be read, with the reason. */
  readonly unreadRoots: readonly string[];

  readonly newest?: NewestSnapshot;
  /** Where the newest snapshot has no record. */
  readonly unready?: Unready;
  /** Where it has one. */
  readonly standing?: Standing;
  /** Why its record cannot be read. */
  readonly unreadable?: string;
  /** The customer's head, where that is another one. */
  readonly head?: Standing;

  readonly alias?: AliasInfo;
  /** Why its alias cannot be read. */
  readonly unreadAlias?: string;
  /** Whether the alias's target is there, complete. */
  readonly targetComplete: boolean;

  /** Living instances that scan. */
  readonly producers: number;
  /** Living instances that take deployments. */
  readonly workers: number;
  readonly queuePaused: boolean;
  /** Jobs that wait for a worker. */
  readonly jobsWaiting: number;
  /** Whether the store answers, and why a deployment would not pass its gate now. */
  readonly gate: { readonly reachable: boolean; readonly closed?: string };
}
