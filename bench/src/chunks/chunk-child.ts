/** Workers that share loads: one on a real server, or many on a store that only takes its time. */

import { join } from 'node:path';
import {
  type Backend,
  BusyMeter,
  createLogger,
  databaseName,
  deploymentId,
  type GraphStore,
  makeInstanceId,
  openBackend,
  Presence,
  readSettings,
  type Service,
  serveParent,
} from '@graphshift/core';
import { createWorker } from '@graphshift/worker';
import { endedChildrenCpu, ownCpuSeconds } from '../process-cost.ts';
import { untilLive } from '../until-live.ts';
import type { ChunkCommands, DeployInput, ScalingInput, WorkInput } from './chunk-commands.ts';
import { createSlowStore } from './slow-store.ts';

const log = createLogger({ pretty: false, level: 'warn' });
const running: Service[] = [];

serveParent<ChunkCommands>({
  scale,
  work: async (input) => {
    await startWorker(await openNeo4j(input));
    return undefined;
  },
  rest: async () => {
    for (const service of running.splice(0).reverse()) await service.stop();
    return ownCpuSeconds() + endedChildrenCpu();
  },
  deploy,
});

async function open(flags: Record<string, unknown>, store?: GraphStore): Promise<Backend> {
  const directory = process.cwd();
  const { settings } = readSettings({ environment: {}, directory, flags });
  return openBackend({ settings, log, directory, ...(store && { store }) });
}

function openNeo4j({ redisUrl, prefix, url, password, root, leastBytes }: WorkInput): Promise<Backend> {
  return open({
    'redis.url': redisUrl,
    'redis.prefix': prefix,
    'store.url': url,
    'store.password': password,
    'orchestrator.data_path': root,
    'orchestrator.chunk_min_bytes': leastBytes,
  });
}

/** As its process does it: others count it by its beats. */
async function startWorker(backend: Backend): Promise<void> {
  const { clock, instances } = backend;
  const [id, meter] = [makeInstanceId(), new BusyMeter(clock)];
  const worker = await createWorker({ backend, instance: id, meter });
  const presence = new Presence({ id, kind: 'worker', capacity: 1, meter, instances, clock, log });
  running.push({ start: async () => {}, stop: () => backend.stop() }, presence, worker);
  await presence.start();
  await worker.start();
}

async function scale({ redisUrl, workers, chunksAWorker, ...batches }: ScalingInput): Promise<number> {
  const store = createSlowStore(() => ({ ...batches, chunks: chunksAWorker * workers }));
  const prefix = `slow-${workers}`;
  const flags = { 'redis.url': redisUrl, 'redis.prefix': prefix, 'orchestrator.chunk_min_bytes': 1 };
  const more = { 'orchestrator.capacity_check': false };
  for (let worker = 0; worker < workers; worker++)
    await startWorker(await open({ ...flags, ...more }, store));
  const backend = await open(flags, store);
  const name = { customer: 'bench', timestamp: 1_700_000_000 };
  await untilLive(backend, { ...name, path: join(process.cwd(), 'no-such-snapshot') });
  const { seconds } = store;
  for (const service of running.splice(0).reverse()) await service.stop();
  await backend.stop();
  return seconds;
}

async function deploy(input: DeployInput): Promise<{ seconds: number; rows: number }> {
  const { root, customer, timestamp } = input;
  const backend = await openNeo4j(input);
  await untilLive(backend, { customer, timestamp, path: join(root, customer, String(timestamp)) });
  const record = await backend.deployments.get(deploymentId({ customer, timestamp }));
  const certificate = await backend.store.certificate(databaseName({ customer, timestamp }));
  await backend.stop();
  const counts = [...(certificate?.nodes ?? []), ...(certificate?.relationships ?? [])];
  const rows = counts.reduce((sum, { counted }) => sum + counted, 0);
  return { seconds: record?.outcome?.seconds ?? Number.NaN, rows };
}
