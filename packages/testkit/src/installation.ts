/** One Graphshift of its own: a real Redis, an embedded store and a snapshot root in a directory that goes with the test. */

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Backend,
  type GraphStore,
  openBackend,
  readSettings,
  type Settings,
  silentLogger,
} from '@graphshift/core';
import { startRedis, type TestRedis } from './redis.ts';

export interface Installation {
  readonly redis: TestRedis;
  /** Root of the snapshots. */
  readonly data: string;
  /** Directory of the embedded store. */
  readonly store: string;
  /** A scratch directory. */
  readonly directory: string;
  /** For processes of this installation: quick times, and nothing of the caller's environment that leads elsewhere. */
  readonly environment: Readonly<Record<string, string>>;
  settings(flags?: Readonly<Record<string, unknown>>): Settings;
  /** A backend that is stopped with the installation. */
  /** @param store stands in for the one of the settings */
  open(flags?: Readonly<Record<string, unknown>>, store?: GraphStore): Promise<Backend>;
  remove(): Promise<void>;
}

/** @param more of the environment, such as another store's address */
export async function makeInstallation(more: Readonly<Record<string, string>> = {}): Promise<Installation> {
  const directory = await mkdtemp(join(tmpdir(), 'graphshift-'));
  const [data, store] = [join(directory, 'data'), join(directory, 'store')];
  await mkdir(data);
  const redis = await startRedis();
  const environment = {
    REDIS_URL: redis.url,
    GRAPHSHIFT_STORE: `embedded:${store}`,
    GRAPHSHIFT_DATA: data,
    GRAPHSHIFT_LOG_DIRECTORY: join(directory, 'logs'),
    GRAPHSHIFT_AUDIT_DIRECTORY: join(directory, 'audit'),
    GRAPHSHIFT_ORCHESTRATOR_SCAN_INTERVAL: '0.2',
    GRAPHSHIFT_ORCHESTRATOR_SETTLE_SECONDS: '0.1',
    GRAPHSHIFT_ORCHESTRATOR_HEALTH_CHECK_RETRY_DELAY: '0.2',
    GRAPHSHIFT_ORCHESTRATOR_RETRY_BACKOFF_BASE: '1',
    GRAPHSHIFT_ORCHESTRATOR_LOADER_MEMORY_MB: '512',
    GRAPHSHIFT_ORCHESTRATOR_STATUS_FILE: join(directory, 'orchestrator_status.json'),
    ...more,
  };
  const settings = (flags = {}) => readSettings({ environment, directory, flags }).settings;
  const backends: Backend[] = [];
  return {
    redis,
    data,
    store,
    directory,
    environment,
    settings,
    open: async (flags, store) => {
      const options = { settings: settings(flags), log: silentLogger, directory, ...(store && { store }) };
      const backend = await openBackend(options);
      backends.push(backend);
      return backend;
    },
    remove: async () => {
      for (const backend of backends) await backend.stop();
      await redis.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
