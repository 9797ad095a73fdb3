/**
 * Records workers for the early warning: `npx tsx --conditions=graphshift-source apps/worker/test/vitals/record.ts [name …]`
 * writes recordings/<name>.json. Every run is a real worker that beats once a second, loads snapshots where it says so, and
 * is stopped, starved or spoilt by what it says. It takes about half a minute for each.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { type Backend, systemClock, type VitalSample } from '@graphshift/core';
import {
  type Installation,
  makeInstallation,
  type Program,
  simulateSnapshot,
  startProgram,
} from '@graphshift/testkit';
import type { Recording } from './recording.ts';

interface Scenario {
  readonly name: string;
  readonly what: string;
  /** Of the worker itself. @default 'none' */
  readonly fault?: 'none' | 'leak' | 'block' | 'fail' | 'time-out' | 'flaky';
  /** Seconds between two snapshots; none are dropped without it. */
  readonly loadEvery?: number;
  /** What is done to it from outside, after three quiet beats. */
  readonly act?: (worker: Program) => Promise<void>;
  readonly seconds: number;
}

const EVERY_MS = 1000;
/** Others count on nobody who has missed three beats. */
const MISSED = 3;

const pause = (ms: number) => systemClock.sleep(ms);

async function stopFor(worker: Program, ms: number): Promise<void> {
  worker.process.kill('SIGSTOP');
  await pause(ms);
  worker.process.kill('SIGCONT');
}

/** Stopped for a share of every half second, as by a processor quota. */
async function throttle(worker: Program, share: number, seconds: number): Promise<void> {
  for (let slice = 0; slice < seconds * 2; slice++) {
    await stopFor(worker, 500 * share);
    await pause(500 * (1 - share));
  }
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'idle', what: 'nothing to do', seconds: 20 },
  { name: 'loading', what: 'a load every second', loadEvery: 1, seconds: 25 },
  { name: 'loading-again', what: 'a load every two seconds', loadEvery: 2, seconds: 25 },
  {
    name: 'one-hiccup',
    what: 'stopped once for 0.8 s, as by a snapshot of its virtual machine',
    loadEvery: 2,
    act: (worker) => stopFor(worker, 800),
    seconds: 20,
  },
  {
    name: 'two-hiccups',
    what: 'stopped for 0.6 s twice, ten beats apart',
    act: async (worker) => {
      await stopFor(worker, 600);
      await pause(10_000);
      await stopFor(worker, 600);
    },
    seconds: 20,
  },
  {
    name: 'short-throttle',
    what: 'stopped for three quarters of every half second for five seconds, and well again',
    loadEvery: 2,
    act: (worker) => throttle(worker, 0.75, 5),
    seconds: 20,
  },
  {
    name: 'throttled',
    what: 'stopped for an ever greater share of every half second, then for good',
    act: async (worker) => {
      for (const share of [0.3, 0.6, 0.8, 0.9]) await throttle(worker, share, 4);
      worker.process.kill('SIGSTOP');
    },
    seconds: 28,
  },
  {
    name: 'pauses',
    what: 'stopped for 0.4, 0.8, 1.6 and 2.4 s, three seconds apart, then for good',
    act: async (worker) => {
      for (const ms of [400, 800, 1600, 2400]) {
        await stopFor(worker, ms);
        await pause(3000);
      }
      worker.process.kill('SIGSTOP');
    },
    seconds: 30,
  },
  { name: 'leak', what: 'keeps ever more memory, until its heap is full', fault: 'leak', seconds: 40 },
  { name: 'blocked', what: 'blocks its event loop ever longer', fault: 'block', seconds: 40 },
  {
    name: 'failing-store',
    what: 'ever more loads fail, until the breaker opens',
    fault: 'fail',
    loadEvery: 0.7,
    seconds: 50,
  },
  {
    name: 'store-times-out',
    what: 'from the fourth on, loads fail after 0.7 s, until the breaker opens',
    fault: 'time-out',
    loadEvery: 1.5,
    seconds: 50,
  },
  {
    name: 'flaky-store',
    what: 'every third load fails, and goes through when it is tried again',
    fault: 'flaky',
    loadEvery: 2,
    seconds: 30,
  },
  {
    name: 'killed',
    what: 'killed without any sign before',
    loadEvery: 2,
    act: async (worker) => {
      await pause(5000);
      worker.process.kill('SIGKILL');
    },
    seconds: 12,
  },
];

async function record(scenario: Scenario, installation: Installation, backend: Backend): Promise<Recording> {
  const { name, what, fault = 'none', act, seconds } = scenario;
  const id = `recorded-${name}`;
  const worker = startProgram(new URL('./recorded-worker.ts', import.meta.url), [fault, id], {
    ...installation.environment,
    HEARTBEAT_INTERVAL: String(EVERY_MS / 1000),
    HEARTBEAT_WARNING_THRESHOLD: '5',
    HEARTBEAT_TIMEOUT: '600',
    EMERGENCY_THRESHOLD: '900',
    ...(fault === 'leak' && { NODE_OPTIONS: '--max-old-space-size=160' }),
  });
  const samples = new Map<number, VitalSample>();
  let failedAt: number | undefined;
  worker.line(/^open /).then(
    () => (failedAt ??= systemClock.now()),
    () => {},
  );
  worker.process.once('exit', () => (failedAt ??= systemClock.now()));
  await worker.line(/^ready$/);
  const end = systemClock.now() + seconds * 1000;
  const acting = pause(3 * EVERY_MS).then(() => act?.(worker));
  const dropping = dropSnapshots(scenario, installation, backend, end);
  while (systemClock.now() < end && failedAt === undefined) {
    await pause(EVERY_MS / 4);
    for (const text of await backend.redis.lrange(backend.keys.vitals(id), 0, -1)) {
      const sample = JSON.parse(text) as VitalSample;
      samples.set(sample.at, sample);
    }
    const last = Math.max(...samples.keys());
    if (samples.size > 0 && systemClock.now() - last > MISSED * EVERY_MS) failedAt = last + MISSED * EVERY_MS;
  }
  const failed = failedAt ?? null;
  await acting;
  await worker.end('SIGKILL');
  await dropping;
  return { name, what, failedAt: failed, samples: [...samples.values()].sort((a, b) => a.at - b.at) };
}

async function dropSnapshots(
  { loadEvery, name }: Scenario,
  { data }: Installation,
  { deployments, wakeUps }: Backend,
  end: number,
): Promise<void> {
  if (loadEvery === undefined) return;
  for (let number = 0; systemClock.now() < end; number++) {
    const [customer, timestamp] = [`${name}-${'abcdefghij'[number % 10]}`, 1_700_000_000 + number];
    const path = await simulateSnapshot(data, { customer, timestamp, nodes: 50 });
    const { head } = await deployments.discover({ customer, timestamp, path });
    await wakeUps.ensureHead(deployments, head);
    await pause(loadEvery * 1000);
  }
}

/** One line a sample, with times from the beginning, so that a recording tells nothing of when and where it was made. */
function write({ samples, failedAt, ...recording }: Recording): void {
  const begin = samples[0]?.at ?? 0;
  const own = { ...recording, failedAt: failedAt === null ? null : failedAt - begin };
  const lines = samples.map((sample) => `    ${JSON.stringify({ ...sample, at: sample.at - begin })}`);
  const head = JSON.stringify(own, null, 2).replace(/\n\}$/, ',\n  "samples": [\n');
  const directory = new URL('./recordings/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  writeFileSync(new URL(`${recording.name}.json`, directory), `${head}${lines.join(',\n')}\n  ]\n}\n`);
}

const wanted = process.argv.slice(2);
for (const scenario of SCENARIOS) {
  if (wanted.length > 0 && !wanted.includes(scenario.name)) continue;
  const installation = await makeInstallation();
  try {
    const recording = await record(scenario, installation, await installation.open());
    write(recording);
    process.stdout.write(
      `${recording.name}: ${recording.samples.length} samples, failed ${recording.failedAt ?? 'never'}\n`,
    );
  } finally {
    await installation.remove();
  }
}
