/**
 * A worker process for tests, with one thing that goes wrong at a named point: `{ point, act }` as JSON in the first
 * argument. `stop` is SIGSTOP, `kill` SIGKILL, `kill-loader` ends the loading process. `unfenced` takes every check of
 * the epoch out, Redis's and the store's, to show that the tests see its absence.
 */

import { createLogger, openBackend, readSettings } from '@graphshift/core';
import { childrenOf, removeFences } from '@graphshift/testkit/processes';
import { createWorker } from '../src/worker.ts';

export interface Fault {
  readonly point?: string;
  readonly act?: 'stop' | 'kill' | 'kill-loader';
  readonly unfenced?: boolean;
}

const fault = JSON.parse(process.argv[2] ?? '{}') as Fault;
let armed = fault.point !== undefined;

const { settings } = readSettings({ environment: process.env, directory: process.cwd() });
const backend = await openBackend({
  settings,
  log: createLogger({ pretty: false }),
  directory: process.cwd(),
});
if (fault.unfenced) removeFences(backend);
const worker = await createWorker({
  backend,
  times: { lockMs: 1500, stalledCheckMs: 400 },
  upkeepMs: 500,
  checkpoint: async (point) => {
    if (!armed || point !== fault.point) return;
    armed = false;
    process.stdout.write(`reached ${point}\n`);
    if (fault.act === 'kill') process.kill(process.pid, 'SIGKILL');
    if (fault.act === 'stop') process.kill(process.pid, 'SIGSTOP');
    if (fault.act === 'kill-loader') for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGKILL');
  },
});
await worker.start();
process.stdout.write('ready\n');
process.once('SIGTERM', async () => {
  await worker.stop();
  await backend.stop();
});
