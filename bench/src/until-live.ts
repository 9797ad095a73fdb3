import { setTimeout as wait } from 'node:timers/promises';
import { type Backend, deploymentId, isEndState } from '@graphshift/core';

const LOOK_EVERY_MS = 50;

/** Records a snapshot as a producer does, and waits until it is live. @throws when it ends anywhere else */
export async function untilLive(
  { deployments, wakeUps }: Backend,
  snapshot: { customer: string; timestamp: number; path: string },
): Promise<void> {
  const id = deploymentId(snapshot);
  const { head } = await deployments.discover(snapshot);
  await wakeUps.ensureHead(deployments, head);
  for (;;) {
    const record = await deployments.get(id);
    if (record?.state === 'live') return;
    if (record && (isEndState(record.state) || record.state === 'retrying'))
      throw new Error(`${id} is ${record.state}: ${record.error?.message ?? 'nobody said why'}`);
    await wait(LOOK_EVERY_MS);
  }
}
