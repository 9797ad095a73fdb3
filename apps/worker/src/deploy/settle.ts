import {
  asGraphshiftError,
  backoffMs,
  databaseName,
  deploymentError,
  GraphshiftError,
  isActiveState,
  isEndState,
  messageOf,
  type Outcome,
  type State,
} from '@graphshift/core';
import { type HeldDeployment, Hold } from './deployment.ts';

/** Soon enough that a stopping worker's deployments go on elsewhere at once. */
const GIVE_BACK_MS = 200;

/** Whether the store did not answer, or not yet. */
export function isStoreAway(error: unknown): error is GraphshiftError {
  return error instanceof GraphshiftError && ['STORE_UNREACHABLE', 'STORE_BUSY'].includes(error.code);
}

/** What an error in a step comes to: the record is moved accordingly, and the job with it. */
export async function settleError(held: HeldDeployment, thrown: unknown): Promise<Outcome> {
  try {
    return await settle(held, thrown);
  } catch (failure) {
    if (failure instanceof GraphshiftError && failure.code === 'FENCED') return fenced(held, failure);
    // Not even the record could be written: the job comes back and reads what stands there.
    held.log.error({ err: failure }, `${held.record.id}: ${messageOf(failure)}`);
    await held.context.backend.deployments.note(held.record, { holder: '' }).catch(() => false);
    return { kind: 'hold', delayMs: 5000, reason: messageOf(failure) };
  }
}

async function settle(held: HeldDeployment, thrown: unknown): Promise<Outcome> {
  if (thrown instanceof Hold) return wait(held, thrown.message, thrown.delayMs, leaveBuild);
  const error = asGraphshiftError(thrown);
  // The record may have moved beyond what this holder knows, as by a cutover that failed half way.
  const record = await held.context.backend.deployments.get(held.record.id);
  if (!record || record.epoch !== held.record.epoch || record.run !== held.record.run) {
    await dropBuild(held);
    return fenced(held, error);
  }
  held.record = record;
  if (isEndState(record.state)) return endedElsewhere(held, error);
  // A person's act, such as a rollback, raised the customer's epoch: the work goes on under a newer one.
  if (error.code === 'FENCED') return held.signal.aborted ? fenced(held, error) : giveBack(held);
  if (error.code === 'ABORTED') return giveBack(held);
  if (error.class === 'capacity') return waitForRoom(held, error);
  if (error.code === 'SNAPSHOT_GONE' || error.code === 'SNAPSHOT_HELD') return skip(held, error);
  if (await isPublished(held)) return adoptLive(held);
  const attempts = held.record.attempts + 1;
  if (error.class === 'permanent' || attempts > held.context.backend.settings.orchestrator.max_retries) {
    return die(held, error, attempts);
  }
  return retry(held, error, attempts);
}

/**
 * The work was done before the error came, as when a log line could not be written after the cutover; or somebody
 * cancelled it or a newer snapshot overtook it, which is how this holder learns of it.
 */
async function endedElsewhere(held: HeldDeployment, error: GraphshiftError): Promise<Outcome> {
  const { record } = held;
  if (record.state === 'cancelled' || record.state === 'superseded') await dropBuild(held);
  const note = `${record.id} is ${record.state}: ${record.reason ?? error.message}`;
  await held.say(note);
  return { kind: 'done', record, note };
}

/** Lets go. A living holder that lost its lock is no lost worker: its name goes, so that no crash is counted. */
async function fenced(held: HeldDeployment, error: GraphshiftError): Promise<Outcome> {
  held.log.warn({ epoch: held.record.epoch }, `${held.record.id}: let go: ${error.message}`);
  await held.context.backend.deployments.note(held.record, { holder: '' }).catch(() => false);
  return { kind: 'done', note: error.message };
}

/** Whether the alias has moved to this deployment's database already, whatever went wrong after that. */
async function isPublished(held: HeldDeployment): Promise<boolean> {
  if (held.record.state !== 'switching') return false;
  const alias = await held.context.backend.store.alias(held.record.customer);
  return alias?.database === databaseName(held.record);
}

async function adoptLive(held: HeldDeployment): Promise<Outcome> {
  const { backend, cutover } = held.context;
  const result = await cutover.adopt(held.record);
  if (result.kind === 'live') await backend.wakeUps.ensureHead(backend.deployments, result.head);
  const record = await backend.deployments.get(held.record.id);
  return { kind: 'done', note: `${held.record.id} is live`, ...(record && { record }) };
}

/** @param settleBuild what becomes of what it has built: what the store has no room for makes way */
async function wait(
  held: HeldDeployment,
  reason: string,
  delayMs: number,
  settleBuild: (held: HeldDeployment) => Promise<void>,
): Promise<Outcome> {
  if (isActiveState(held.record.state)) await settleBuild(held);
  await held.advance('waiting', { reason, dueAt: held.context.backend.clock.now() + delayMs });
  return { kind: 'hold', delayMs, reason };
}

/** What is built makes way, but for a password that is not taken: nothing there lacks room. */
function waitForRoom(held: HeldDeployment, { code, message }: GraphshiftError): Promise<Outcome> {
  const { health_check_retry_delay: seconds } = held.context.backend.settings.orchestrator;
  return wait(held, message, seconds * 1000, code === 'STORE_LOGIN' ? leaveBuild : dropBuild);
}

/** Hands the deployment on: no attempt is used, and the next holder starts at once. */
async function giveBack(held: HeldDeployment): Promise<Outcome> {
  const to: State = held.record.state === 'switching' ? 'waiting' : 'queued';
  if (isActiveState(held.record.state)) {
    await leaveBuild(held);
    await held.advance(to, {
      reason: 'given back; it goes on as soon as a worker takes it',
      dueAt: undefined,
    });
  }
  return { kind: 'hold', delayMs: GIVE_BACK_MS, reason: 'given back' };
}

async function skip(held: HeldDeployment, error: GraphshiftError): Promise<Outcome> {
  await dropBuild(held);
  await held.advance('skipped', { reason: error.message });
  const { deployments, wakeUps } = held.context.backend;
  await wakeUps.ensureHead(deployments, await deployments.chooseHead(held.record.customer));
  return { kind: 'done', record: held.record, note: error.message };
}

async function retry(held: HeldDeployment, error: GraphshiftError, attempts: number): Promise<Outcome> {
  const { clock } = held.context.backend;
  const delayMs = retryDelayMs(held, error, attempts);
  await leaveBuild(held);
  const step = held.record.state;
  await held.advance('retrying', {
    attempts,
    error: deploymentError(error.toRecord(), held.record, clock.now()),
    reason: error.message,
    dueAt: clock.now() + delayMs,
  });
  const seconds = (delayMs / 1000).toFixed(1);
  await held.say(`attempt ${attempts} failed at ${step}: ${error.message}; again in ${seconds} s`, {
    code: error.code,
  });
  return { kind: 'retry', delayMs, error };
}

/**
 * A store that restarts may answer well before it can do everything: after a second failure of its own it is left alone as
 * long as at a closed gate, so that the attempts outlast the restart.
 */
function retryDelayMs(held: HeldDeployment, error: GraphshiftError, attempts: number): number {
  const { retry_backoff_base, health_check_retry_delay } = held.context.backend.settings.orchestrator;
  const delayMs = backoffMs(retry_backoff_base, attempts);
  return isStoreAway(error) && attempts > 1 ? Math.max(delayMs, health_check_retry_delay * 1000) : delayMs;
}

async function die(held: HeldDeployment, error: GraphshiftError, attempts: number): Promise<Outcome> {
  const { clock, deployments, letters, wakeUps } = held.context.backend;
  await dropBuild(held);
  const step = held.record.state;
  await held.advance('dead', {
    attempts,
    error: deploymentError(error.toRecord(), held.record, clock.now()),
    reason: error.message,
  });
  await held.context.checkpoint('dead');
  const record = await deployments.get(held.record.id);
  if (record) await letters.ensure(record);
  await wakeUps.ensureHead(deployments, await deployments.chooseHead(held.record.customer));
  held.log.error(
    { code: error.code, step, attempts },
    `${held.record.id}: dead: ${error.message}. ${error.action}`,
  );
  held.pickup.note(`dead at ${step}: ${error.message}. ${error.action}`);
  return { kind: 'dead', error };
}

/** For the next holder to go on with, where the store can; it is this living record's until then. */
async function leaveBuild(held: HeldDeployment): Promise<void> {
  if (!held.context.backend.store.resumesBuilds) await dropBuild(held);
}

/** No half-loaded database outlives the run that made it. What fails here is the upkeep's to finish. */
async function dropBuild(held: HeldDeployment): Promise<void> {
  try {
    await held.context.retention.discardLeftovers(held.record);
  } catch (error) {
    held.log.warn({ err: error }, `${databaseName(held.record)} is left to the upkeep: ${messageOf(error)}`);
  }
}
