/** The steps of a recovery. Each finds out anew what is left for it to do, so that it can be done again. */

import type { DeploymentRecord } from '../../deployment/record.ts';
import type { Finding } from '../../doctor/finding.ts';
import type { GraphStore } from '../../graph-store/graph-store.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import type { DeploymentStore } from '../../queue/deployment-store.ts';
import type { Instance, Instances } from '../../queue/instances.ts';
import type { RecoveryKind } from '../../queue/recovery-log.ts';
import type { WakeUps } from '../../queue/wake-ups.ts';

export interface Acts {
  readonly store: GraphStore;
  readonly deployments: DeploymentStore;
  readonly wakeUps: WakeUps;
  readonly instances: Instances;
  readonly examine: () => Promise<Finding[]>;
  /** Gives up what the instance alone does for all. @returns names of the leases */
  readonly freeLeases: (instance: string) => Promise<string[]>;
  /** As it was when the recovery began. */
  readonly instance: Instance;
  readonly kind: RecoveryKind;
  /** It does not beat; what it was at work on has cost a holder. */
  readonly lost: boolean;
  /** For the records and the audit stream. */
  readonly reason: string;
  /** Deployments taken from it in this recovery, with the run that was over by that. */
  readonly released: Map<string, number>;
  /** Customers whose deployments earlier recoveries of this instance took from it. */
  readonly concerned: Set<string>;
}

export interface StepResult {
  readonly found: string;
  readonly did: string;
}

/**
 * Takes everything from the instance: raises run and epoch of its deployments, deletes their jobs' locks and, in an
 * emergency, ends what it has prepared in the store. The store comes first: a deployment whose prepared changes could not
 * be ended stays in the instance's name, so that a further attempt finds it.
 */
export async function release(acts: Acts): Promise<StepResult> {
  const { deployments, wakeUps, instance } = acts;
  const held = (await deployments.getMany(await deployments.heads())).filter(
    ({ holder }) => holder === instance.id,
  );
  let locks = 0;
  for (const record of held) {
    const run = await releaseOne(acts, record);
    if (run === undefined) continue;
    acts.released.set(record.id, run);
    acts.concerned.add(record.customer);
    if (await wakeUps.takeAway(record.id, run)) locks++;
  }
  const leases = await acts.freeLeases(instance.id);
  const freed = leases.length === 0 ? '' : `, freed leases: ${leases.join(', ')}`;
  if (held.length === 0) return { found: 'no deployments in its hands', did: `took nothing${freed}` };
  const prepared = acts.kind === 'emergency' ? ', ended what was prepared in the store' : '';
  return {
    found: held.map(({ id, state }) => `${id} (${state})`).join(', '),
    did: `raised run and epoch of ${acts.released.size}${prepared}, deleted ${counted(locks, 'job lock')}${freed}`,
  };
}

/** @returns the run that is over, or undefined where somebody else has the deployment by now */
async function releaseOne(acts: Acts, record: DeploymentRecord): Promise<number | undefined> {
  const { deployments, store, instance, reason, kind, lost } = acts;
  const { id, customer } = record;
  const floor = kind === 'emergency' ? await store.epochFloor(customer) : record.epoch;
  const epoch = await deployments.raiseEpoch(customer, floor);
  if (kind === 'emergency') await store.takeOver(customer, epoch, { isNew: true });
  // One that beats was not lost: a person took its work away, which is no crash of the deployment.
  const result = await deployments.release({
    id,
    holder: instance.id,
    epoch,
    lost,
    reason,
  });
  return result.kind === 'ok' ? result.run : undefined;
}

/** Gives what was taken a job of its new run, and every other head that has none. */
export async function redistribute(acts: Acts): Promise<StepResult> {
  const { deployments, wakeUps, released } = acts;
  const customers = new Set([...released.keys()].map((id) => id.slice(0, id.lastIndexOf('@'))));
  for (const customer of customers)
    await wakeUps.ensureHead(deployments, await deployments.chooseHead(customer));
  if (released.size === 0) return { found: 'nothing that was taken', did: 'handed nothing on' };
  const jobs = await Promise.all([...released.keys()].map((id) => hasJob(acts, id)));
  const waiting = jobs.filter(Boolean).length;
  const others = released.size - waiting;
  return {
    found: `${counted(released.size, 'deployment')} of ${counted(customers.size, 'customer')}`,
    did: `jobs of new runs: ${waiting}${others === 0 ? '' : `; ended, or gave way to another snapshot: ${others}`}`,
  };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

async function hasJob({ deployments, wakeUps }: Acts, id: string): Promise<boolean> {
  const record = await deployments.get(id);
  return record !== undefined && (await wakeUps.exists(record));
}

/** @throws CONFLICT when the doctor finds a promise broken for a customer that the instance worked for */
export async function verify(acts: Acts): Promise<StepResult> {
  const findings = await acts.examine();
  const broken = findings.filter(({ severity }) => severity === 'broken');
  const own = broken.filter(({ customer }) => customer !== undefined && acts.concerned.has(customer));
  const [first] = own;
  if (first)
    throw new GraphshiftError(
      'CONFLICT',
      `the doctor finds ${own.length} broken: ${first.rule}: ${first.what}`,
    );
  const others = broken.map(({ rule, what }) => `${rule}: ${what}`).join('; ');
  return {
    found: `${broken.length} broken, ${findings.length - broken.length} warnings`,
    did: others
      ? `nothing is off for ${counted(acts.concerned.size, 'customer')} concerned; elsewhere: ${others}`
      : 'the doctor finds every promise kept',
  };
}

/** Closes the instance off: it holds nothing, raises no more alarms, and no late beat brings it back. */
export async function reset({ instances, instance }: Acts): Promise<StepResult> {
  const { kind, epoch } = await instances.mark({
    id: instance.id,
    mark: 'recovered',
    fence: true,
    empty: true,
  });
  if (kind === 'missing') return { found: 'it has left by itself', did: 'nothing' };
  return {
    found: `${instance.kind} on ${instance.host}, silent for ${Math.round(instance.silentMs / 1000)} s`,
    did: `closed it off under epoch ${epoch}; its process ends when it wakes up`,
  };
}
