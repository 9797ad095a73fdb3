import { type Backend, recoverRecords, type Service, snapshotRoots } from '@graphshift/core';
import { createDashboard } from '@graphshift/dashboard';
import { Producer } from '@graphshift/producer';
import { createWorker } from '@graphshift/worker';
import { act, makeCommand, type Registry } from '../command.ts';
import { type ProcessParts, runProcess } from '../process-life.ts';
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
    return runProcess(new Session(surroundings, options, flags, false), {
      kind: 'producer',
      scans: true,
      make: async ({ backend, directory }) => [scanning(makeProducer(backend, directory))],
    });
  });
  const worker = makeCommand('worker', 'run deployments from the queue').option(
    '--workers <N>',
    'loads at once in this process',
  );
  act<{ workers?: string }>(worker, registry, async (options, surroundings) => {
    const flags = { 'orchestrator.num_workers': options.workers };
    return runProcess(new Session(surroundings, options, flags, false), {
      kind: 'worker',
      loads: true,
      make: async (parts) => [await makeWorker(parts)],
    });
  });
  const dashboard = makeCommand('dashboard', 'Bull Board, the page and the API')
    .option('--host <HOST>', 'address to listen on')
    .option('--port <PORT>', 'port; 0 takes a free one');
  act<{ host?: string; port?: string }>(dashboard, registry, async (options, surroundings) => {
    const flags = { 'dashboard.host': options.host, 'dashboard.port': options.port };
    return runProcess(new Session(surroundings, options, flags, false), {
      kind: 'dashboard',
      make: async ({ backend }) => [createDashboard({ backend })],
    });
  });
  registry.program.addCommand(producer).addCommand(worker).addCommand(dashboard);
}

/** The roots of the settings; a relative one is taken from the directory of the call. */
export function makeProducer(backend: Backend, directory: string): Producer {
  return new Producer({
    backend,
    roots: snapshotRoots(backend.settings, directory),
    recover: async () => void (await recoverRecords(backend)),
  });
}

/** A producer that scans no more as soon as its process begins to stop, whatever the others still wait for. */
export function scanning(producer: Producer): Service {
  return {
    start: () => producer.start(),
    quiesce: () => producer.stop(),
    stop: () => producer.stop(),
  };
}

export function makeWorker({ backend, instance, meter, hurry, giveUp }: ProcessParts): Promise<Service> {
  return createWorker({ backend, instance, meter, hurry, onHopeless: giveUp });
}
