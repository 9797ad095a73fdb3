/** What every process shares: Redis with its queues, and the graph store, opened and closed as one. */

import type { Redis } from 'ioredis';
import type { Settings } from '../config/settings.ts';
import type { GraphStore } from '../graph-store/graph-store.ts';
import { openConfiguredStore } from '../graph-store/open-store.ts';
import { Operations } from '../operations/operations.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';
import { type Service, ServiceStack } from '../platform/service.ts';
import { checkRedis, connectRedis } from '../queue/connection.ts';
import { DeadLetters } from '../queue/dead-letters.ts';
import { DeploymentStore } from '../queue/deployment-store.ts';
import { Instances } from '../queue/instances.ts';
import { type Keys, makeKeys } from '../queue/keys.ts';
import { Statistics } from '../queue/statistics.ts';
import { WakeUps } from '../queue/wake-ups.ts';

export interface Backend extends Service {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keys: Keys;
  readonly redis: Redis;
  readonly deployments: DeploymentStore;
  readonly wakeUps: WakeUps;
  readonly letters: DeadLetters;
  readonly store: GraphStore;
  readonly operations: Operations;
  readonly instances: Instances;
  readonly statistics: Statistics;
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
}

/**
 * Reaches and checks both services.
 * @throws REDIS_UNREACHABLE, REDIS_UNFIT, STORE_UNREACHABLE, STORE_UNFIT, CONFIG_INVALID
 */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  const { settings, log } = options;
  const clock = options.clock ?? systemClock;
  const keys = makeKeys(settings.redis.prefix);
  const store = options.store ?? openConfiguredStore(settings, options.directory, log);
  const redis = await connectRedis({ url: settings.redis.url, log });
  const connections: Redis[] = [redis];
  try {
    await checkRedis(redis, settings.redis.url);
    const deployments = new DeploymentStore(redis, keys, clock);
    const wakeUps = new WakeUps({
      connection: redis,
      keys,
      maxRetries: settings.orchestrator.max_retries,
      clock,
      log,
    });
    const letters = new DeadLetters({ connection: redis, keys, deployments, wakeUps, log });
    const stack = new ServiceStack([closing(connections), wakeUps, letters, store]);
    await stack.start();
    return {
      settings,
      clock,
      log,
      keys,
      redis,
      deployments,
      wakeUps,
      letters,
      store,
      operations: new Operations({ deployments, letters, store, clock }),
      instances: new Instances(redis, keys),
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

function closing(connections: readonly Redis[]): Service {
  return {
    start: async () => {},
    stop: async () => {
      for (const connection of connections) connection.disconnect();
    },
  };
}
