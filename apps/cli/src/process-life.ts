/** One long-lived process: opened, told to the others, run until a signal comes or its work is done, stopped in order. */

import { resolve } from 'node:path';
import {
  type Backend,
  BusyMeter,
  type InstanceKind,
  Lease,
  makeInstanceId,
  makeStatus,
  messageOf,
  openBackend,
  Presence,
  Pulse,
  type Service,
  ServiceStack,
  STATUS_LEASE_MS,
  StatusFile,
  Vitals,
  within,
} from '@graphshift/core';
import { attended } from './attended.ts';
import { EXIT } from './exit-codes.ts';
import type { Session } from './session.ts';

/** What the parts of a process are made with. */
export interface ProcessParts {
  readonly backend: Backend;
  readonly directory: string;
  /** Name of this process in records, audit and logs. */
  readonly instance: string;
  readonly meter: BusyMeter;
  /** Aborts when running work shall not be waited for any more. */
  readonly hurry: AbortSignal;
  /** Ends the process at once, as one that its orchestrator has to start again. */
  readonly giveUp: (reason: string) => void;
}

export interface ProcessPlan {
  readonly kind: InstanceKind;
  /** It scans the roots, and so writes the status file. @default false */
  readonly scans?: boolean;
  /** It runs loads. @default false */
  readonly loads?: boolean;
  /** In the order of their start. */
  readonly make: (parts: ProcessParts) => Promise<Service[]>;
  /** Work after which it ends by itself; answers the exit code. Without it only a signal ends the process. */
  readonly work?: (parts: ProcessParts) => Promise<number>;
}

/** @returns 0 after SIGTERM, 130 after SIGINT, what the work answers, or 75 where the process has to be started again */
export async function runProcess(session: Session, plan: ProcessPlan): Promise<number> {
  const { surroundings, log } = session;
  const told = toldToStop(surroundings.signal);
  session.announceSettings();
  const backend = await openBackend({
    settings: session.read.settings,
    log: plan.kind === 'up' ? log : log.child({ kind: plan.kind }),
    directory: surroundings.directory,
    readsSnapshots: plan.scans === true || plan.loads === true,
  });
  const lost = new AbortController();
  const parts: ProcessParts = {
    backend,
    directory: surroundings.directory,
    instance: makeInstanceId(),
    meter: new BusyMeter(backend.clock),
    hurry: AbortSignal.any([lost.signal, ...(surroundings.hurry ? [surroundings.hurry] : [])]),
    giveUp: (reason) => lost.abort(reason),
  };
  const status = plan.scans ? statusFile(parts) : undefined;
  const { instance, directory } = parts;
  const stack = await stackOn(backend, async () => [
    // First, so that the first status counts this process too.
    presence(parts, plan),
    pulse(parts),
    ...(status ? [status] : []),
    ...attended({ backend, directory, kind: plan.kind, instance }, await plan.make(parts)),
  ]);
  await stack.start();
  backend.log.info({ pid: process.pid }, `${plan.kind} runs as ${instance}`);
  const over = toldToStop(lost.signal).then(() => EXIT.startAgain);
  const work =
    plan.work?.(parts) ?? told.then((signal) => (signal === 'SIGINT' ? EXIT.interrupted : EXIT.done));
  // Where it is given up, nobody asks any more what came of its work.
  work.catch(() => {});
  try {
    return await Promise.race([work, over]);
  } finally {
    const why = lost.signal.aborted ? lost.signal : surroundings.signal;
    backend.log[lost.signal.aborted ? 'error' : 'info'](stopLine(plan, why, parts));
    const problem = await stopProblem(stopAll(stack, backend), parts, plan);
    if (problem === undefined) backend.log.info(`${plan.kind} has stopped`);
    else {
      backend.log.error(
        `${plan.kind} could not stop in order: ${problem}; what it had in hand goes on elsewhere when its locks run out`,
      );
      await status?.stop();
    }
    // What hangs must not keep a process that gave itself up.
    if (lost.signal.aborted) surroundings.exit?.(EXIT.startAgain);
    else if (problem !== undefined) surroundings.exit?.(EXIT.unhealthy);
  }
}

/** A scan that cannot be left at once must not keep running loads from being told. */
const QUIESCE_MS = 5000;

async function stopAll(stack: ServiceStack, { clock, log }: Backend): Promise<void> {
  await within(clock, QUIESCE_MS, stack.quiesce()).catch((error: unknown) =>
    log.warn({ err: error }, `stopping: ${messageOf(error)}`),
  );
  await stack.stop();
}

/** Beyond the grace of running loads; a service that does not answer must not keep a process for ever. */
const OVERTIME_MS = 30_000;

/** Undefined once all has stopped, or what is wrong. */
async function stopProblem(
  stopped: Promise<void>,
  { backend, hurry }: ProcessParts,
  { loads }: ProcessPlan,
): Promise<string | undefined> {
  const { clock, settings, redis } = backend;
  const done = new AbortController();
  const graceMs = loads ? settings.orchestrator.shutdown_timeout * 1000 : 0;
  const late = clock
    .sleep(graceMs, AbortSignal.any([hurry, done.signal]))
    .catch(() => {})
    .then(() => clock.sleep(OVERTIME_MS, done.signal))
    .then(() => (redis.status === 'ready' ? 'it takes too long' : 'Redis does not answer'));
  late.catch(() => {});
  try {
    return await Promise.race([stopped.then(() => undefined), late]);
  } catch (error) {
    return messageOf(error);
  } finally {
    done.abort();
  }
}

function stopLine(plan: ProcessPlan, signal: AbortSignal, { backend, meter, hurry }: ProcessParts): string {
  const why = signal.aborted ? String(signal.reason) : 'the work is done';
  if (hurry.aborted && plan.loads && meter.active > 0)
    return `${plan.kind} stops: ${why}; gives back what it has in hand`;
  if (!plan.loads || meter.active === 0) return `${plan.kind} stops: ${why}`;
  const loads = meter.active === 1 ? '1 deployment' : `${meter.active} deployments`;
  const seconds = backend.settings.orchestrator.shutdown_timeout;
  return `${plan.kind} stops: ${why}; takes nothing new, ${loads} in hand may go on for ${seconds} s; a second signal gives them back`;
}

/** The backend with what runs on it, as one; a part that cannot be made closes the backend. */
async function stackOn(backend: Backend, make: () => Promise<Service[]>): Promise<ServiceStack> {
  try {
    return new ServiceStack([{ start: async () => {}, stop: () => backend.stop() }, ...(await make())]);
  } catch (error) {
    await backend.stop();
    throw error;
  }
}

function presence({ backend, instance, meter, giveUp }: ProcessParts, plan: ProcessPlan): Presence {
  const { orchestrator, resilience } = backend.settings;
  return new Presence({
    id: instance,
    kind: plan.kind,
    capacity: plan.loads ? orchestrator.num_workers : 0,
    meter,
    ...(plan.scans && {
      scan: { interval: orchestrator.scan_interval, roots: [...orchestrator.data_path] },
    }),
    instances: backend.instances,
    clock: backend.clock,
    log: backend.log,
    everyMs: resilience.heartbeat_interval * 1000,
    vitals: new Vitals(),
    onOusted: giveUp,
  });
}

function pulse({ backend, instance: id, meter }: ProcessParts): Pulse {
  const { breakers, readings, redis, keys, clock, log, settings } = backend;
  const everyMs = settings.resilience.heartbeat_interval * 1000;
  const probe = () => readings.read();
  return new Pulse({ id, everyMs, meter, breakers, probe, redis, keys, clock, log });
}

function statusFile({ backend, directory, instance, meter }: ProcessParts): StatusFile {
  const { redis, keys, statistics, instances, clock, log } = backend;
  const { orchestrator } = backend.settings;
  return new StatusFile({
    path: resolve(directory, orchestrator.status_file),
    instance,
    lease: new Lease({ redis, key: keys.statusWriter, holder: instance, ttlMs: STATUS_LEASE_MS }),
    read: async (status) =>
      makeStatus({
        statistics: await statistics.read(),
        instances: await instances.list(),
        maxLoads: orchestrator.max_concurrent_loads,
        speaker: {
          uptimeMs: meter.uptimeMs,
          interval: orchestrator.scan_interval,
          roots: orchestrator.data_path,
          status,
        },
        now: clock.now(),
      }),
    clock,
    log,
  });
}

/** Resolves with the signal's name when one comes. */
export function toldToStop(signal: AbortSignal): Promise<string> {
  if (signal.aborted) return Promise.resolve(String(signal.reason));
  return new Promise((resolveReason) => {
    signal.addEventListener('abort', () => resolveReason(String(signal.reason)), { once: true });
  });
}
