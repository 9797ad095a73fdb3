import {
  type Backend,
  type BusyMeter,
  type Checkpoint,
  Cutover,
  DeadLetterDesk,
  DeploymentConsumer,
  FencedChanges,
  Gate,
  gateThresholds,
  makeInstanceId,
  type QueueTimes,
  Retention,
  type Service,
  ServiceStack,
} from '@graphshift/core';
import type { DeployContext } from './deploy/deployment.ts';
import { deploy } from './deploy/pipeline.ts';
import { Bake } from './upkeep/bake.ts';
import { Upkeep } from './upkeep/upkeep.ts';

export interface WorkerOptions {
  readonly backend: Backend;
  /** Name of this process in records and the audit stream. @default one of its own */
  readonly instance?: string;
  /** Takes note of how busy the worker is. */
  readonly meter?: BusyMeter;
  /** Aborts when running loads shall not have their `shutdown_timeout` any more. */
  readonly hurry?: AbortSignal;
  /** Lock and stall times; shorter ones are for tests. */
  readonly times?: QueueTimes;
  /** @default 10_000 */
  readonly upkeepMs?: number;
  /** Points where tests stop or kill the process. */
  readonly checkpoint?: Checkpoint;
}

/** A worker process's services: the consumer of deployments, the desk of dead letters, and its share of the upkeep. */
export async function createWorker(options: WorkerOptions): Promise<Service> {
  const { backend, times } = options;
  const { orchestrator } = backend.settings;
  const checkpoint: Checkpoint = options.checkpoint ?? (async () => {});
  const { store, deployments, clock, log, keys, letters, wakeUps } = backend;
  const changes = new FencedChanges({ store, deployments, log, checkpoint });
  const cutover = new Cutover({ store, deployments, changes, clock, log });
  const retention = new Retention({
    store,
    deployments,
    changes,
    clock,
    log,
    keep: orchestrator.retention,
    drainMs: orchestrator.drain_seconds === undefined ? store.drainMs : orchestrator.drain_seconds * 1000,
    drainDeadlineMs: orchestrator.drain_deadline_seconds * 1000,
  });
  const gate = new Gate({ readings: backend.readings, thresholds: gateThresholds(backend.settings), log });
  const holder = options.instance ?? makeInstanceId();
  const context: DeployContext = { backend, cutover, retention, gate, holder, checkpoint };
  const consumer = new DeploymentConsumer({
    blocking: await backend.connect(),
    keys,
    clock,
    log,
    concurrency: orchestrator.num_workers,
    handle: (pickup) => deploy(context, pickup),
    ...(times && { times }),
    ...(options.meter && { meter: options.meter }),
    grace: {
      timeoutMs: orchestrator.shutdown_timeout * 1000,
      ...(options.hurry && { hurry: options.hurry }),
      records: (ids) => deployments.getMany(ids),
    },
  });
  const desk = new DeadLetterDesk({
    connection: backend.redis,
    blocking: await backend.connect(),
    keys,
    deployments,
    wakeUps,
    letters,
    log,
  });
  const upkeep = new Upkeep({
    backend,
    retention,
    roots: backend.roots,
    ...(options.upkeepMs !== undefined && { intervalMs: options.upkeepMs }),
  });
  return new ServiceStack([desk, upkeep, new Bake(backend, options.upkeepMs), consumer]);
}
