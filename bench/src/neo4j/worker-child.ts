/** A worker as its process opens it, which takes one snapshot all the way to its alias. */

import { join } from 'node:path';
import { createLogger, databaseName, openBackend, readSettings, serveParent } from '@graphshift/core';
import { createWorker } from '@graphshift/worker';
import { cpuSecondsOf, endedChildrenCpu, ownCpuSeconds } from '../process-cost.ts';
import { untilLive } from '../until-live.ts';
import type { DeployInput, WorkerCommands } from './worker-commands.ts';

serveParent<WorkerCommands>({
  deploy: async (input) => {
    const { root, customer, timestamp } = input;
    const directory = process.cwd();
    const log = createLogger({ pretty: false, level: 'warn' });
    const { settings } = readSettings({ environment: {}, directory, flags: flagsOf(input) });
    const backend = await openBackend({ settings, log, directory });
    const worker = await createWorker({ backend });
    await worker.start();
    const before = costs(input);
    const path = join(root, customer, `${timestamp}`);
    await untilLive(backend, { customer, timestamp, path });
    const after = costs(input);
    const certificate = await backend.store.certificate(databaseName({ customer, timestamp }));
    await worker.stop();
    await backend.stop();
    const counts = [...(certificate?.nodes ?? []), ...(certificate?.relationships ?? [])];
    return {
      seconds: after.seconds - before.seconds,
      clientCpu: after.clientCpu - before.clientCpu,
      serverCpu: after.serverCpu - before.serverCpu,
      rows: counts.reduce((sum, { counted }) => sum + counted, 0),
      peakMemory: (certificate?.peakMemory ?? 0) + process.resourceUsage().maxRSS * 1024,
    };
  },
});

/** Of the past; the loading process has ended when the deployment is live. */
function costs({ serverPid }: DeployInput) {
  return {
    seconds: performance.now() / 1000,
    clientCpu: ownCpuSeconds() + endedChildrenCpu(),
    serverCpu: cpuSecondsOf(serverPid),
  };
}

function flagsOf({ redisUrl, url, flight, password, root }: DeployInput): Record<string, unknown> {
  return {
    'redis.url': redisUrl,
    'store.url': url,
    'store.password': password,
    ...(flight !== undefined && { 'store.loader': 'arrow', 'store.arrow_url': flight }),
    'orchestrator.data_path': root,
  };
}
