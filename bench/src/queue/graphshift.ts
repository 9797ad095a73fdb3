import { createLogger, deploymentId, jobId, openBackend, readSettings } from '@graphshift/core';
import { createWorker } from '@graphshift/worker';
import { createNothingStore } from './nothing-store.ts';
import { type System, type SystemOptions, snapshotOf } from './system.ts';

/** The producer's way of recording a snapshot and waking a worker up, and the worker as its process opens it. */
export async function openGraphshift(options: SystemOptions): Promise<System> {
  const directory = process.cwd();
  const flags = {
    'redis.url': options.redisUrl,
    'orchestrator.num_workers': options.concurrency,
    'orchestrator.max_databases': options.maxDatabases,
  };
  const { settings } = readSettings({ environment: {}, directory, flags });
  const log = createLogger({ pretty: false });
  const backend = await openBackend({ settings, log, directory, store: createNothingStore() });
  const { deployments, wakeUps } = backend;
  return {
    queue: wakeUps.queue,
    enqueue: async (index) => {
      const snapshot = snapshotOf(index);
      const { head } = await deployments.discover({ ...snapshot, path: `/data/${snapshot.customer}` });
      await wakeUps.ensureHead(deployments, head);
      return jobId(deploymentId(snapshot), 1);
    },
    work: async () => {
      const worker = await createWorker({ backend });
      await worker.start();
      return () => worker.stop();
    },
    close: () => backend.stop(),
  };
}
