import { databaseName } from '@graphshift/core';
import { certificateOf, type HeldDeployment, Hold } from '../deployment.ts';

/** Moves the alias, or yields to a newer snapshot that went live meanwhile. */
export async function switchAlias(held: HeldDeployment): Promise<void> {
  const { cutover, backend } = held.context;
  held.throwIfAborted();
  const database = held.record.database ?? databaseName(held.record);
  const result = await cutover.publish(held.record, await certificateOf(held, database));
  if (result.kind === 'pinned') {
    held.record = { ...held.record, state: 'switching', database };
    throw new Hold(result.reason, backend.settings.orchestrator.health_check_retry_delay * 1000);
  }
  held.record = { ...held.record, state: result.kind === 'live' ? 'live' : 'superseded', database };
  if (result.kind === 'live')
    await held.say(`live: ${held.record.customer} is ${database}, before ${result.before ?? 'nothing'}`);
  else await held.say(`superseded: ${result.reason}`);
  await backend.wakeUps.ensureHead(backend.deployments, result.head);
}
