import { hostname } from 'node:os';
import {
  type Backend,
  type BusyMeter,
  Capacity,
  type CapacityOptions,
  CHUNK_LEASE_MS,
  type Checkpoint,
  ChunkConsumer,
  ChunkLedger,
  Cutover,
  DeadLetterDesk,
  DeploymentConsumer,
  FencedChanges,
  Gate,
  gateThresholds,
  heartbeatTimes,
  type Logger,
  type MachineMemory,
  MemoryBrake,
  Monitor,
  makeInstanceId,
  memoryOfTree,
  messageOf,
  type QueueTimes,
  Retention,
  readMachineMemory,
  type Service,
  ServiceStack,
  sweepScratchDirectories,
  Watchdog,
  type WatchdogOptions,
} from '@graphshift/core';
import { CHUNK_MEMORY_BYTES, ChunkBrake } from './chunks/chunk-brake.ts';
import { ChunkDesk } from './chunks/chunk-desk.ts';
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
  /** Called once, when the worker can take no jobs any more: its process must be started again. */
  readonly onHopeless?: (reason: string) => void;
  /** What the machine is taken for, in tests. */
  readonly capacity?: Partial<Pick<CapacityOptions, 'host' | 'machineMemory'>>;
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
  const ledger = new ChunkLedger(backend.redis, keys, times?.lockMs ?? CHUNK_LEASE_MS);
  const chunks: { consumer?: ChunkConsumer } = {};
  const capacity = capacityOf(options, () => chunks.consumer?.active ?? 0);
  const context: DeployContext = { backend, cutover, retention, gate, capacity, ledger, holder, checkpoint };
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
  const sharing = await shareLoads(options, context, consumer);
  if (sharing) chunks.consumer = sharing.consumer;
  const { redis: connection } = backend;
  const blocking = await backend.connect();
  const desk = new DeadLetterDesk({ connection, blocking, keys, deployments, wakeUps, letters, clock, log });
  const upkeep = new Upkeep({
    backend,
    retention,
    roots: backend.roots,
    ...(options.upkeepMs !== undefined && { intervalMs: options.upkeepMs }),
  });
  const bake = new Bake(backend, options.upkeepMs);
  return new ServiceStack([
    { start: () => sweepScratch(log), stop: async () => {} },
    desk,
    upkeep,
    bake,
    monitor(backend, holder),
    consumer,
    ...(sharing?.services ?? []),
    ...guards(options, { consumer, desk, chunks: sharing?.consumer }),
  ]);
}

/** @param chunks in hand: their loaders have nothing reserved, so what they use is not to spare */
function capacityOf({ backend, capacity = {} }: WorkerOptions, chunks: () => number): Capacity {
  const { host = hostname(), machineMemory: read = readMachineMemory } = capacity;
  const machineMemory = async (): Promise<MachineMemory> => {
    const found = await read();
    return { ...found, free: Math.max(0, found.free - chunks() * CHUNK_MEMORY_BYTES) };
  };
  return new Capacity({ ...backend, kind: backend.store.kind, host, machineMemory });
}

/** What takes chunks of other workers' loads, where the store shares loads. */
async function shareLoads(
  { times, meter, capacity }: WorkerOptions,
  { backend, ledger, holder }: DeployContext,
  deployments: DeploymentConsumer,
): Promise<{ consumer: ChunkConsumer; services: Service[] } | undefined> {
  if (!backend.store.chunkLoader) return undefined;
  const { keys, clock, log, settings } = backend;
  const desk = new ChunkDesk({ backend, ledger, holder });
  const consumer = new ChunkConsumer({
    blocking: await backend.connect(),
    keys,
    clock,
    log,
    slots: () => Math.max(0, settings.orchestrator.num_workers - deployments.active),
    handle: (pickup) => desk.handle(pickup),
    ...(times && { times }),
    ...(meter && { meter }),
  });
  const brake = new ChunkBrake({ consumer, clock, log, read: capacity?.machineMemory ?? readMachineMemory });
  return { consumer, services: [desk, consumer, brake] };
}

/** What loads and queries of killed processes had in files. Nothing of it is needed, so no start fails by it. */
async function sweepScratch(log: Logger): Promise<void> {
  try {
    for (const path of await sweepScratchDirectories())
      log.info({ path }, `removed ${path}, which a process that was killed has left`);
  } catch (error) {
    log.warn({ err: error }, `scratch directories of killed processes stay: ${messageOf(error)}`);
  }
}

function monitor(
  { settings, instances, deployments, recovery, recoveries, clock, log }: Backend,
  self: string,
) {
  const { heartbeat_check_interval, emergency_recovery_enabled: emergencies } = settings.resilience;
  const everyMs = heartbeat_check_interval * 1000;
  const times = heartbeatTimes(settings);
  return new Monitor({
    self,
    instances,
    deployments,
    recovery,
    recoveries,
    times,
    everyMs,
    emergencies,
    clock,
    log,
  });
}

interface Guarded {
  readonly consumer: DeploymentConsumer;
  readonly desk: DeadLetterDesk;
  readonly chunks: ChunkConsumer | undefined;
}

/** What keeps a consumer from taking too much, and from taking nothing. */
function guards(
  { backend, onHopeless, meter }: WorkerOptions,
  { consumer, desk, chunks }: Guarded,
): Service[] {
  const { clock, log, settings, wakeUps, letters } = backend;
  const { watchdog_seconds, worker_memory_limit_mb: limit } = settings.resilience;
  const patienceMs = watchdog_seconds * 1000;
  const watch = (watched: Pick<WatchdogOptions, 'what' | 'consumer' | 'ready' | 'restart'>) =>
    new Watchdog({
      ...watched,
      onHopeless: (reason) => {
        log.error(`watchdog: ${reason}`);
        onHopeless?.(reason);
      },
      patienceMs,
      clock,
      log,
    });
  return [
    new MemoryBrake({
      limitBytes: limit === undefined ? undefined : limit * 1024 * 1024,
      measure: () => memoryOfTree(process.pid),
      consumer: {
        hold: async (reason) => {
          await consumer.hold(reason);
          await chunks?.hold(reason);
        },
        release: async () => {
          await consumer.release();
          await chunks?.release();
        },
      },
      clock,
      log,
    }),
    watch({
      what: 'deployments',
      consumer,
      ready: () => wakeUps.ready(patienceMs),
      restart: async () => consumer.restart(await backend.connect()),
    }),
    watch({
      what: 'dead letters',
      consumer: desk,
      ready: () => letters.ready(),
      restart: async () => {
        if (meter) meter.restarts++;
        await desk.restart(await backend.connect());
      },
    }),
  ];
}
