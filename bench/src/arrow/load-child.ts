/** A load over Arrow Flight as a worker calls it, to the last act of its verification. */

import { createLogger, openConfiguredStore, readSettings, serveParent } from '@graphshift/core';
import { cpuSecondsOf, endedChildrenCpu, ownCpuSeconds } from '../process-cost.ts';
import type { ArrowLoadCommands, ArrowLoadInput } from './load-commands.ts';

serveParent<ArrowLoadCommands>({
  load: async (input) => {
    const directory = process.cwd();
    const log = createLogger({ pretty: false, level: 'warn' });
    const { settings } = readSettings({ environment: {}, directory, flags: flagsOf(input) });
    const store = await openConfiguredStore(settings, directory, log);
    await store.start();
    const { customer, timestamp, path } = input;
    const before = costs(input);
    const steps = new Steps();
    const load = await steps.take('open', () =>
      store.openLoad({ customer, timestamp, path, run: 1, epoch: 1 }),
    );
    await steps.take('check', () => load.check());
    await steps.take('nodes', () => load.nodes());
    await steps.take('relationships and import', () => load.relationships());
    const { nodes, relationships, database, peakMemory } = await steps.take('seal', () => load.seal());
    await steps.take('unmark', () => store.unmark(database, 1));
    const after = costs(input);
    const drop = await store.prepareDrop(customer, database, 1);
    await drop.fire();
    await store.stop();
    return {
      seconds: after.seconds - before.seconds,
      clientCpu: after.clientCpu - before.clientCpu,
      serverCpu: after.serverCpu - before.serverCpu,
      rows: [...nodes, ...relationships].reduce((sum, { counted }) => sum + counted, 0),
      peakMemory: peakMemory + process.resourceUsage().maxRSS * 1024,
      steps: steps.seconds,
    };
  },
});

class Steps {
  readonly seconds: Record<string, number> = {};

  async take<T>(name: string, step: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const result = await step();
    this.seconds[name] = (performance.now() - startedAt) / 1000;
    return result;
  }
}

function costs({ serverPid }: ArrowLoadInput) {
  return {
    seconds: performance.now() / 1000,
    clientCpu: ownCpuSeconds() + endedChildrenCpu(),
    serverCpu: cpuSecondsOf(serverPid),
  };
}

function flagsOf({ url, flight, password, indexId }: ArrowLoadInput): Record<string, unknown> {
  return {
    'store.url': url,
    'store.arrow_url': flight,
    'store.loader': 'arrow',
    'store.password': password,
    'store.index_id': indexId,
  };
}
