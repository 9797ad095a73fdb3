import { resolve } from 'node:path';
import { type Backend, openBackend, type Service, ServiceStack } from '@graphshift/core';
import { createDashboard } from '@graphshift/dashboard';
import { Producer } from '@graphshift/producer';
import { createWorker } from '@graphshift/worker';
import { attended } from '../attended.ts';
import { act, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { Session } from '../session.ts';

/** `producer`, `worker`, `dashboard`: one process of that kind, as in a container, until a signal ends it. */
export function addProcesses(registry: Registry): void {
  const producer = makeCommand('producer', 'scan the roots, record snapshots and enqueue them')
    .option('--data <DIR>', 'root of the snapshots (default: orchestrator.data_path)')
    .option('--scan-interval <S>', 'seconds between two scans');
  act<{ data?: string; scanInterval?: string }>(producer, registry, async (options, surroundings) => {
    const flags = {
      'orchestrator.data_path': options.data,
      'orchestrator.scan_interval': options.scanInterval,
    };
    return runProcess(new Session(surroundings, options, flags, false), 'producer', async (backend) => {
      return makeProducer(backend, surroundings.directory);
    });
  });
  const worker = makeCommand('worker', 'run deployments from the queue').option(
    '--workers <N>',
    'loads at once in this process',
  );
  act<{ workers?: string }>(worker, registry, async (options, surroundings) => {
    const flags = { 'orchestrator.num_workers': options.workers };
    return runProcess(new Session(surroundings, options, flags, false), 'worker', (backend) =>
      createWorker({ backend }),
    );
  });
  const dashboard = makeCommand('dashboard', 'Bull Board, the page and the API')
    .option('--host <HOST>', 'address to listen on')
    .option('--port <PORT>', 'port; 0 takes a free one');
  act<{ host?: string; port?: string }>(dashboard, registry, async (options, surroundings) => {
    const flags = { 'dashboard.host': options.host, 'dashboard.port': options.port };
    return runProcess(new Session(surroundings, options, flags, false), 'dashboard', async (backend) => {
      return createDashboard({ backend });
    });
  });
  registry.program.addCommand(producer).addCommand(worker).addCommand(dashboard);
}

/** The roots of the settings; a relative one is taken from the directory of the call. */
export function makeProducer(backend: Backend, directory: string): Producer {
  const roots = backend.settings.orchestrator.data_path.map((root) => resolve(directory, root));
  return new Producer({ backend, roots });
}

async function runProcess(
  session: Session,
  kind: 'producer' | 'worker' | 'dashboard',
  make: (backend: Backend) => Promise<Service>,
): Promise<number> {
  const backend = await openBackend({
    settings: session.read.settings,
    log: session.log.child({ kind }),
    directory: session.surroundings.directory,
  });
  const attendance = { backend, directory: session.surroundings.directory, kind };
  const stack = await stackOn(backend, async () => attended(attendance, [await make(backend)]));
  await stack.start();
  session.log.info({ kind, pid: process.pid }, `${kind} runs`);
  const reason = await aborted(session.surroundings.signal);
  session.log.info({ kind }, `${kind} stops: ${reason}`);
  await stack.stop();
  return reason === 'SIGINT' ? EXIT.interrupted : EXIT.done;
}

/** The backend with what runs on it, as one; a part that cannot be made closes the backend. */
export async function stackOn(backend: Backend, make: () => Promise<Service[]>): Promise<ServiceStack> {
  try {
    return new ServiceStack([{ start: async () => {}, stop: () => backend.stop() }, ...(await make())]);
  } catch (error) {
    await backend.stop();
    throw error;
  }
}

/** Resolves with the signal's name when one comes. */
export function aborted(signal: AbortSignal): Promise<string> {
  if (signal.aborted) return Promise.resolve(String(signal.reason));
  return new Promise((resolveReason) => {
    signal.addEventListener('abort', () => resolveReason(String(signal.reason)), { once: true });
  });
}
