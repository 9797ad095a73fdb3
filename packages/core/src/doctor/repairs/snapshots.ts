import { deploymentId } from '../../snapshot/names.ts';
import { lookAtSnapshot } from '../../snapshot-source/readiness.ts';
import { type FoundSnapshot, findSnapshots } from '../../snapshot-source/scan/find.ts';
import { type Bench, left, type Repair, SETTLED } from './repair.ts';

/** A snapshot that every producer passed over is recorded, if it is ready and nothing is wrong with it. */
export const mendUnrecorded: Repair = async ({ backend, by }, { customer = '', subject = '' }) => {
  const found = await findAgain(backend, customer, subject);
  if (!found) return SETTLED;
  const { snapshot, root } = found;
  const look = await lookAtSnapshot(snapshot.path, root, backend.settings.orchestrator.readiness);
  if (look.awaits !== undefined) return left(`it has no ${look.awaits} yet`);
  if (look.problem) return left(look.problem.message, look.problem.action);
  const { deployments, wakeUps } = backend;
  const { created, head } = await deployments.discover(snapshot);
  if (!created) return SETTLED;
  const id = deploymentId(snapshot);
  await deployments.recordAction({
    by,
    action: 'doctor: recorded a snapshot that had no record',
    target: id,
  });
  await wakeUps.ensureHead(deployments, head);
  return { kind: 'mended', did: `recorded ${id}` };
};

async function findAgain(
  { roots, clock }: Bench['backend'],
  customer: string,
  path: string,
): Promise<{ snapshot: FoundSnapshot; root: string } | undefined> {
  for (const root of roots) {
    const listed = await findSnapshots(root, { now: clock.now() }).catch(() => undefined);
    const snapshot = listed?.snapshots.find((one) => one.customer === customer && one.path === path);
    if (snapshot) return { snapshot, root };
  }
  return undefined;
}
