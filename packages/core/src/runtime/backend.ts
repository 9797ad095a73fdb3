/** What every process shares: Redis with its queues, and the graph store, opened and closed as one. */

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { Settings } from '../config/settings.ts';
import { AliasDesk } from '../cutover/alias-desk.ts';
import { FencedChanges } from '../cutover/fenced-changes.ts';
import { StoreReadings } from '../gate/readings.ts';
import { gateThresholds } from '../gate/thresholds.ts';
import type { GraphStore } from '../graph-store/graph-store.ts';
import { openConfiguredStore } from '../graph-store/open-store.ts';
import { Operations } from '../operations/operations.ts';
import type { Breaker } from '../platform/breaker.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { asGraphshiftError, GraphshiftError } from '../platform/errors.ts';
import { failuresOf, throwIfAny } from '../platform/failures.ts';
import type { Logger } from '../platform/log.ts';
import { type Service, ServiceStack } from '../platform/service.ts';
import { ChunkJobs } from '../queue/chunk-jobs.ts';
import { heartbeatTimes } from '../queue/condition.ts';
import { checkRedis, connectRedis } from '../queue/connection.ts';
import { ContentHashes } from '../queue/content-hashes.ts';
import { DeadLetters } from '../queue/dead-letters.ts';
import { DeploymentStore } from '../queue/deployment-store.ts';
import { Instances } from '../queue/instances.ts';
import { type Keys, makeKeys } from '../queue/keys.ts';
import { RecoveryLog } from '../queue/recovery-log.ts';
import { Statistics } from '../queue/statistics.ts';
import { WakeUps } from '../queue/wake-ups.ts';
import { ADMINISTRATION, Breakers, LOAD } from '../resilience/health/breakers.ts';
import { guardStore } from '../resilience/health/guarded-store.ts';
import { makeRecovery } from '../resilience/recovery/make-recovery.ts';
import type { Recovery } from '../resilience/recovery/recovery.ts';
import { checkRoots, snapshotRoots } from './paths.ts';
import { StoreIdentity } from './store-identity.ts';

export interface Backend extends Service {
  readonly settings: Settings;
  /** Absolute directories in which snapshots stand. */
  readonly roots: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly keys: Keys;
  readonly redis: Redis;
  readonly deployments: DeploymentStore;
  readonly wakeUps: WakeUps;
  readonly letters: DeadLetters;
  /** Jobs of shared loads. */
  readonly chunkJobs: ChunkJobs;
  /** Behind the breakers of its administration and of its loads. */
  readonly store: GraphStore;
  readonly breakers: Breakers;
  /** Content hashes of snapshots that were looked at lately. */
  readonly hashes: ContentHashes;
  /** The store's health and what it holds, shared by all processes for a few seconds. */
  readonly readings: StoreReadings;
  readonly operations: Operations;
  readonly instances: Instances;
  readonly statistics: Statistics;
  /** Reports of recoveries, and the emergencies that failed ones raised. */
  readonly recoveries: RecoveryLog;
  readonly recovery: Recovery;
  /** Which store the records are about. */
  readonly identity: StoreIdentity;
  /** Another connection, for a worker that waits on it; closed with the backend. */
  connect(): Promise<Redis>;
}

export interface BackendOptions {
  readonly settings: Settings;
  readonly log: Logger;
  /** Relative paths in the settings are taken from here. */
  readonly directory: string;
  readonly clock?: Clock;
  /** A store that stands in for the one of the settings, in tests. */
  readonly store?: GraphStore;
  /**
   * As a producer or a worker does: the roots of the snapshots must be there, and where nobody wrote down which store the
   * records are about, it is this one. @default false
   */
  readonly readsSnapshots?: boolean;
  /** Open it though the records are about another store, to move them over. @default false */
  readonly anyStore?: boolean;
}

/**
 * Reaches and checks both services, and the roots where they are needed.
 * @throws everything that is wrong, as one error (`failuresOf` has them one by one): REDIS_UNREACHABLE, REDIS_UNFIT,
 * STORE_UNREACHABLE, STORE_UNFIT, STORE_OTHER, ROOT_UNREADABLE; at once: CONFIG_INVALID
 */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  const { settings, log } = options;
  const clock = options.clock ?? systemClock;
  const keys = makeKeys(settings.redis.prefix);
  const bareStore = options.store ?? (await openConfiguredStore(settings, options.directory, log));
  const { redis, identity } = await reachAll({ ...options, clock }, bareStore, keys);
  const connections: Redis[] = [redis];
  try {
    const breakers = new Breakers({ ...breakerTimes(settings), clock, log });
    const administration = breakers.get(ADMINISTRATION);
    const store = guardStore(bareStore, { administration, load: breakers.get(LOAD) });
    const { policy, supersede_running: supersedeRunning } = settings.orchestrator;
    const deployments = new DeploymentStore(redis, keys, clock, { order: policy, supersedeRunning });
    const changes = new FencedChanges({ store, deployments, log });
    const desk = new AliasDesk({ store, deployments, changes, clock, log });
    const { max_retries: maxRetries } = settings.orchestrator;
    const wakeUps = new WakeUps({ connection: redis, keys, maxRetries, clock, log });
    const letters = new DeadLetters({ connection: redis, keys, deployments, wakeUps, log });
    const chunkJobs = new ChunkJobs({ connection: redis, keys });
    const shared = { settings, clock, log, keys, redis, deployments };
    const readings = makeReadings(shared, bareStore, administration);
    const started = { start: async () => {} };
    const stack = new ServiceStack([
      closing(connections),
      { ...started, stop: () => store.stop() },
      { ...started, stop: () => breakers.stop() },
      wakeUps,
      letters,
      chunkJobs,
    ]);
    await stack.start();
    const parts = {
      ...shared,
      roots: snapshotRoots(settings, options.directory),
      wakeUps,
      letters,
      chunkJobs,
      store,
      breakers,
      instances: new Instances(redis, keys, heartbeatTimes(settings)),
      recoveries: new RecoveryLog(redis, keys),
    };
    return {
      ...parts,
      recovery: makeRecovery(parts),
      hashes: new ContentHashes(redis, keys),
      operations: new Operations({ deployments, wakeUps, letters, desk, store, clock }),
      readings,
      identity,
      statistics: new Statistics(redis, keys),
      connect: async () => {
        const connection = await connectRedis({ url: settings.redis.url, blocking: true, log });
        connections.push(connection);
        return connection;
      },
      start: () => stack.start(),
      stop: () => stack.stop(),
    };
  } catch (error) {
    for (const connection of connections) connection.disconnect();
    throw error;
  }
}

/** @param store the bare one: readings go through the breaker by themselves, with their deadline inside the call */
function makeReadings(
  shared: Pick<Backend, 'settings' | 'redis' | 'keys' | 'deployments' | 'clock'>,
  store: GraphStore,
  breaker: Breaker,
): StoreReadings {
  const { settings, redis, keys, deployments, clock } = shared;
  const thresholds = gateThresholds(settings);
  const holder = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  return new StoreReadings({ store, redis, keys, deployments, clock, breaker, thresholds, holder });
}

function breakerTimes({ resilience }: Settings): { threshold: number; resetMs: number } {
  const { circuit_breaker_threshold: threshold, circuit_breaker_timeout: seconds } = resilience;
  return { threshold, resetMs: seconds * 1000 };
}

/** Starts the store and connects to Redis; a person is told everything that is wrong at once. */
async function reachAll(
  options: BackendOptions & { readonly clock: Clock },
  store: GraphStore,
  keys: Keys,
): Promise<{ redis: Redis; identity: StoreIdentity }> {
  const { settings, directory } = options;
  const failures = options.readsSnapshots ? await checkRoots(settings, directory) : [];
  const redis = await collect(failures, () => reachRedis(options));
  const used = redis ? await collect(failures, () => isStoreUsed(redis, keys)) : undefined;
  await collect(failures, () => store.start({ used: used ?? false }));
  if (redis && failures.length === 0) {
    const identity = new StoreIdentity({ ...options, keys, redis, store });
    const { anyStore = false, readsSnapshots = false } = options;
    if (!anyStore) await collect(failures, () => identity.check(readsSnapshots));
    if (failures.length === 0) return { redis, identity };
  }
  redis?.disconnect();
  await store.stop().catch(() => {});
  throwIfAny(failures);
  throw new GraphshiftError('INTERNAL', 'redis was not reached, and nobody said why');
}

/** By what Redis says is live. */
async function isStoreUsed(redis: Redis, keys: Keys): Promise<boolean> {
  return (await redis.zcard(keys.state('live'))) > 0;
}

async function reachRedis({ settings, log }: BackendOptions): Promise<Redis> {
  const redis = await connectRedis({ url: settings.redis.url, log });
  try {
    await checkRedis(redis, settings.redis.url);
    return redis;
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}

async function collect<Result>(
  failures: GraphshiftError[],
  act: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await act();
  } catch (error) {
    failures.push(...failuresOf(asGraphshiftError(error)));
    return undefined;
  }
}

function closing(connections: readonly Redis[]): Service {
  return {
    start: async () => {},
    stop: async () => {
      for (const connection of connections) connection.disconnect();
    },
  };
}
