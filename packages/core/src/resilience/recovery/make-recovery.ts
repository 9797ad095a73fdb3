import { examine } from '../../doctor/examine.ts';
import type { Examined } from '../../doctor/gather.ts';
import type { Logger } from '../../platform/log.ts';
import type { DeploymentStore } from '../../queue/deployment-store.ts';
import type { Instances } from '../../queue/instances.ts';
import type { RecoveryLog } from '../../queue/recovery-log.ts';
import { Recovery } from './recovery.ts';

export interface RecoveryParts extends Examined {
  readonly deployments: DeploymentStore;
  readonly instances: Instances;
  readonly recoveries: RecoveryLog;
  readonly log: Logger;
}

/** The recovery of a backend's instances, by its settings, with the doctor as the judge. */
export function makeRecovery(parts: RecoveryParts): Recovery {
  const { max_retry_attempts, retry_delay_seconds, exponential_backoff } = parts.settings.resilience;
  return new Recovery({
    ...parts,
    examine: () => examine(parts),
    freeLeases: (instance) => parts.instances.freeLeases(instance),
    attempts: max_retry_attempts,
    delayMs: retry_delay_seconds * 1000,
    exponential: exponential_backoff,
  });
}
