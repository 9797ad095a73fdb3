/** One pickup of a deployment: claim it, run the steps that its state has before it, and say what came of it. */

import {
  type GraphStore,
  GraphshiftError,
  IDLE_STATES,
  type Outcome,
  type Pickup,
  type State,
  withDeadline,
} from '@graphshift/core';
import { catchUp } from './catch-up.ts';
import { type DeployContext, HeldDeployment, Hold } from './deployment.ts';
import { isStoreAway, settleError } from './settle.ts';
import { gate } from './steps/gate.ts';
import { load } from './steps/load.ts';
import { retire } from './steps/retire.ts';
import { switchAlias } from './steps/switch.ts';
import { verify } from './steps/verify.ts';

/** Soon enough for another worker, and long enough for this one to learn that it must end. */
const UNFIT_DELAY_MS = 2000;

/** At once: the next claim has a higher epoch. */
const AGAIN_DELAY_MS = 200;

interface Step {
  readonly run: (held: HeldDeployment) => Promise<void>;
  /** States in which a pickup finds the deployment with this step still before it. */
  readonly before: readonly State[];
}

/** In order; a deployment that a crash left behind goes on at the first step that its state has before it. */
export const STEPS: readonly Step[] = [
  { run: gate, before: IDLE_STATES },
  { run: load, before: ['gated'] },
  { run: verify, before: ['verifying'] },
  { run: switchAlias, before: ['verifying', 'switching'] },
  { run: retire, before: ['live'] },
];

export async function deploy(context: DeployContext, pickup: Pickup): Promise<Outcome> {
  const { deployment: id, run } = pickup.payload;
  const { backend } = context;
  const customer = id.slice(0, id.lastIndexOf('@'));
  const floor = await readEpochFloor(context, customer);
  if (floor instanceof Error) return waitForStore(context, pickup, floor);
  const claim = await backend.deployments.claim(id, run, context.holder, floor);
  if (claim.kind === 'unfit') {
    const reason = `instance ${claim.found} was recovered and takes up nothing more`;
    return { kind: 'hold', delayMs: UNFIT_DELAY_MS, reason };
  }
  if (claim.kind !== 'claimed') return { kind: 'done', note: `${id} is ${claim.kind}: ${claim.found}` };
  const held = new HeldDeployment(claim.record, context, pickup);
  await context.checkpoint('claimed');
  const unwatch = held.watch();
  try {
    if (!(await begin(held)))
      return { kind: 'hold', delayMs: AGAIN_DELAY_MS, reason: 'it is claimed under an epoch of its own' };
    refusePoison(held);
    await startAgain(held);
    await catchUp(held);
    for (const step of STEPS) {
      if (!step.before.includes(held.record.state)) continue;
      held.throwIfAborted();
      await step.run(held);
    }
    return { kind: 'done', record: held.record, note: `${id} is ${held.record.state}` };
  } catch (error) {
    return await settleError(held, excuse(held, error));
  } finally {
    unwatch();
  }
}

/**
 * A deployment that cannot be claimed while the store does not answer, refuses, or its breaker is open, waits and says why. One in
 * the middle of its work stays as it is: only who claims it may judge it.
 */
async function waitForStore(context: DeployContext, pickup: Pickup, problem: Error): Promise<Outcome> {
  const { deployment: id, run } = pickup.payload;
  const { clock, deployments, log, settings } = context.backend;
  const delayMs = settings.orchestrator.health_check_retry_delay * 1000;
  // What it will not do whatever the time is no silence.
  const refused =
    problem instanceof GraphshiftError && (problem.class === 'permanent' || problem.code === 'STORE_LOGIN');
  const reason = refused
    ? `the store refuses: ${problem.message}. ${problem.action}`
    : `the store does not answer: ${problem.message}`;
  log.warn({ deploymentId: id }, `${id}: ${reason}`);
  const record = await deployments.get(id);
  if (record && (IDLE_STATES as readonly State[]).includes(record.state)) {
    // Under the epoch that was read: who claims it meanwhile raises it, and is not disturbed.
    const fields = { reason, dueAt: clock.now() + delayMs };
    await deployments.transition({
      id,
      from: [record.state],
      to: 'waiting',
      run,
      epoch: record.epoch,
      fields,
    });
  }
  return { kind: 'hold', delayMs, reason };
}

/** A store that hangs must not keep a deployment in hand before it has even been claimed. */
const ANSWER_MS = 10_000;

/** Questions that a store has not answered yet: a hanging file system keeps a thread for each. */
const unanswered = new WeakMap<GraphStore, number>();

async function readEpochFloor(context: DeployContext, customer: string): Promise<number | Error> {
  if ((unanswered.get(context.backend.store) ?? 0) > 0)
    return new Error('it has not answered an earlier question');
  try {
    const { clock, store } = context.backend;
    const late = () => new GraphshiftError('STORE_UNREACHABLE', 'no answer within 10 s');
    const count = (by: number) => unanswered.set(store, (unanswered.get(store) ?? 0) + by);
    const answer = store.epochFloor(customer);
    return await withDeadline(clock, ANSWER_MS, answer, () => {
      count(1);
      answer.catch(() => {}).finally(() => count(-1));
      return late();
    });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Where nothing of the deployment was tried yet, a store that is away costs it no attempt. */
function excuse({ record, context }: HeldDeployment, error: unknown): unknown {
  if (!isStoreAway(error) || !(IDLE_STATES as readonly State[]).includes(record.state)) return error;
  const { health_check_retry_delay: seconds } = context.backend.settings.orchestrator;
  return new Hold(`the store does not answer: ${error.message}`, seconds * 1000);
}

/** @returns false, with nothing done, where somebody else came to the store under the epoch of this claim, or a higher one */
async function begin(held: HeldDeployment): Promise<boolean> {
  const { context, record } = held;
  try {
    await context.cutover.begin(record);
    return true;
  } catch (error) {
    if (!(error instanceof GraphshiftError) || error.code !== 'FENCED') throw error;
    held.log.warn({ epoch: record.epoch }, `${record.id}: claimed again: ${error.message}`);
    await context.backend.deployments.note(record, { holder: '' });
    return false;
  }
}

/**
 * What a lost worker left before or in its load begins again at the gate: the store's state may be what it was lost by,
 * and a newer snapshot or a pin may have come meanwhile.
 */
async function startAgain(held: HeldDeployment): Promise<void> {
  const { state } = held.record;
  if (state !== 'gated' && state !== 'loading') return;
  await held.advance('queued', { reason: 'its worker was lost; it begins again at the gate' });
  const { backend, holder } = held.context;
  // Leaving a busy state took the name away; without it the loss of this worker too would not be counted.
  await backend.deployments.note(held.record, { holder });
}

/** @throws POISON when this deployment has cost too many workers already */
function refusePoison(held: HeldDeployment): void {
  const { record } = held;
  if (record.crashes < held.context.backend.settings.orchestrator.max_crashes) return;
  throw new GraphshiftError(
    'POISON',
    `${record.id} lost its worker ${record.crashes} times, last while ${record.state}`,
  );
}
