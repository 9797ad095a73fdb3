/**
 * A worker process whose vital signs are recorded, with one thing that goes wrong in it: the first argument. `leak` keeps
 * ever more memory, `block` holds the event loop ever longer, `fail` has ever more loads fail, `time-out` has them fail
 * after a while from the fourth on, `flaky` every third.
 */

import {
  BusyMeter,
  createLogger,
  GraphshiftError,
  LOAD,
  openBackend,
  Pulse,
  readSettings,
} from '@graphshift/core';
import { createWorker } from '../../src/worker.ts';

const [fault = 'none', id = ''] = process.argv.slice(2);
const { settings } = readSettings({ environment: process.env, directory: process.cwd() });
const log = createLogger({ pretty: false });
const backend = await openBackend({ settings, log, directory: process.cwd() });
const { breakers, redis, keys, clock, store } = backend;
const meter = new BusyMeter(clock);
const everyMs = settings.resilience.heartbeat_interval * 1000;
const pulse = new Pulse({ id, everyMs, meter, breakers, redis, keys, clock, log });
const worker = await createWorker({ backend, instance: id, meter });
if (fault === 'fail') failLoads((asked) => asked % Math.max(1, 5 - Math.floor(asked / 2)) === 0, 0);
if (fault === 'time-out') failLoads((asked) => asked > 3, 700);
if (fault === 'flaky') failLoads((asked) => asked % 3 === 0, 0);
breakers.onChange(() => {
  for (const { name, state } of breakers.views())
    if (state === 'open') process.stdout.write(`open ${name}\n`);
});
await worker.start();
await pulse.start();
process.stdout.write('ready\n');
if (fault === 'leak') leak();
if (fault === 'block') blockLongerAndLonger();
process.once('SIGTERM', async () => {
  await worker.stop();
  await backend.stop();
  process.exit();
});

/** Small objects, so that the collector has ever more to do before the heap is full. */
function leak(): void {
  const kept: unknown[] = [];
  clock.every(100, () => {
    for (let index = 0; index < 20_000; index++) kept.push({ index, text: `row ${index}` });
  });
}

/** Waits without using the processor, as a call does that reads a slow disk. */
function blockLongerAndLonger(): void {
  let ms = 50;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  clock.every(1500, () => {
    Atomics.wait(cell, 0, 0, ms);
    ms *= 1.7;
  });
}

/** @param afterMs how long a load that fails takes */
function failLoads(fails: (asked: number) => boolean, afterMs: number): void {
  const openLoad = store.openLoad.bind(store);
  const load = breakers.get(LOAD);
  let asked = 0;
  store.openLoad = (request, options) => {
    asked++;
    if (!fails(asked)) return openLoad(request, options);
    return load.run(async () => {
      await clock.sleep(afterMs);
      throw new GraphshiftError('STORE_UNREACHABLE', 'it takes no load');
    });
  };
}
