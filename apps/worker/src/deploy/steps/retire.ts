import { messageOf } from '@graphshift/core';
import type { HeldDeployment } from '../deployment.ts';

/** Drops what retention no longer keeps. What fails here is the upkeep's to finish: the deployment is live. */
export async function retire(held: HeldDeployment): Promise<void> {
  try {
    const dropped = await held.context.retention.retire(held.record.customer);
    if (dropped.length > 0) await held.say(`retired ${dropped.join(', ')}`);
  } catch (error) {
    held.log.warn({ err: error }, `${held.record.id}: retention is left to the upkeep: ${messageOf(error)}`);
  }
}
