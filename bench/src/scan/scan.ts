/** What it costs to see that nothing is new among very many snapshots, and how long it holds an event loop. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Backend,
  createLogger,
  openBackend,
  readSettings,
  Scanner,
  systemClock,
} from '@graphshift/core';
import { Producer } from '@graphshift/producer';
import { findServerProgram, launchServer } from '../../../scripts/redis-server.mjs';
import type { BenchContext, Benchmark, BenchResult, Row } from '../benchmark.ts';
import { runProgram } from '../process-cost.ts';
import { createNothingStore } from '../queue/nothing-store.ts';
import { makeRecords, makeTree, type Tree } from './tree.ts';

/** A scan with nothing new takes less than the kernel's grain of CPU time, so many are measured together. */
const RESCANS = 50;
/** An event loop may be held for so long; renewals of locks and answers to requests wait meanwhile. */
const HOLD_MS = 50;
/** A directory that moved lately is read once more after this time; afterwards a scan is a stat a customer. */
const AT_REST_MS = 2100;

export const scan: Benchmark = {
  name: 'scan',
  about:
    'The producer over a root of many snapshots that all have a record in Redis, beside `find` over the same directories.',
  sizes: {
    customers: { says: 'customers', default: 1000 },
    snapshots: { says: 'snapshots of each customer', default: 100 },
  },
  repetitions: 5,
  run: runScan,
};

interface Measured {
  /** CPU in milliseconds, of the process that lists. */
  readonly listCpu: number;
  readonly relistCpu: number;
  readonly findCpu: number;
  /** Wall time in milliseconds. */
  readonly firstMs: number;
  readonly rescanMs: number;
  readonly findMs: number;
  readonly firstHold: Hold;
  readonly rescanHold: Hold;
  /** Of a scan that finds everything new. */
  readonly newHold: Hold;
  /** While `find` runs and the event loop has nothing to do. */
  readonly idleHold: Hold;
}

/** The event loop between two of its turns, at its longest, in milliseconds. */
interface Hold {
  readonly wallMs: number;
  /** What this process computed in one turn at most: without what the machine took away. */
  readonly cpuMs: number;
}

async function runScan(context: BenchContext): Promise<BenchResult> {
  const { customers = 1, snapshots = 1 } = context.sizes;
  const found = findServerProgram();
  if (!found) throw new Error('the scan benchmark needs redis-server or valkey-server on the PATH');
  const server = await launchServer(found.program, { directory: join(context.directory, 'redis') });
  const backends: Backend[] = [];
  try {
    const open = async (prefix: string) => {
      const backend = await openAt(context.directory, server.url, prefix);
      backends.push(backend);
      return backend;
    };
    const [backend, empty] = [await open('recorded'), await open('empty')];
    const tree: Tree = { root: join(context.directory, 'data'), customers, snapshots };
    await makeTree(tree, context.signal);
    await makeRecords(tree, backend, context.signal);
    context.say(`${customers * snapshots} directories and records made`);
    const measured: Measured[] = [];
    for (let repetition = 1; repetition <= context.repetitions; repetition++) {
      const figures = await measure(tree, backend, empty, context.signal);
      measured.push(figures);
      const { firstMs, rescanMs, findMs, firstHold } = figures;
      context.say(
        `${repetition} of ${context.repetitions}: first ${firstMs.toFixed(0)} ms (hold ${firstHold.wallMs.toFixed(0)}, CPU ${firstHold.cpuMs.toFixed(0)}), rescan ${rescanMs.toFixed(1)} ms, find ${findMs.toFixed(0)} ms`,
      );
    }
    return resultOf(measured);
  } finally {
    for (const backend of backends) await backend.stop();
    await server.stop();
  }
}

function openAt(directory: string, url: string, prefix: string): Promise<Backend> {
  const flags = { 'redis.url': url, 'redis.prefix': prefix };
  const { settings } = readSettings({ environment: {}, directory, flags });
  const log = createLogger({ pretty: false, level: 'warn' });
  return openBackend({ settings, log, directory, store: createNothingStore() });
}

async function measure(tree: Tree, backend: Backend, empty: Backend, signal: AbortSignal): Promise<Measured> {
  const { root } = tree;
  const listed = ['-mindepth', '2', '-maxdepth', '2', '-type', 'd'];
  const find = await held(() => runProgram('find', [root, ...listed], signal));
  const listing = await measureListing(root, signal);
  const producer = new Producer({ backend, roots: [root] });
  const fresh = new Producer({ backend: empty, roots: [root] });
  try {
    const first = await held(() => producer.scan());
    if (!producer.settled) throw new Error('a snapshot with a record was taken for a new one');
    await rest(() => producer.scan(), signal);
    const rescans = await held(async () => {
      for (let turn = 0; turn < RESCANS; turn++) await producer.scan();
    });
    const all = await held(() => fresh.scan());
    if (fresh.unready(tree.customers * tree.snapshots).length !== tree.customers * tree.snapshots)
      throw new Error('not every snapshot was found');
    return {
      ...listing,
      findCpu: find.output.cost.cpuSeconds * 1000,
      firstMs: first.ms,
      rescanMs: rescans.ms / RESCANS,
      findMs: find.ms,
      firstHold: first.hold,
      rescanHold: rescans.hold,
      newHold: all.hold,
      idleHold: find.hold,
    };
  } finally {
    await producer.stop();
    await fresh.stop();
  }
}

/** The CPU of the scanning process alone, its own start left out. */
async function measureListing(root: string, signal: AbortSignal) {
  const scanner = new Scanner(signal);
  try {
    await scanner.check(root);
    const scanAll = async () => {
      await scanner.scan({ root, now: systemClock.now(), full: false, everything: false });
      for await (const _ of scanner.pages(root)) {
        // The pages are made as they are asked for.
      }
    };
    const cpu = () => cpuMs(Number(scanner.pid));
    const before = cpu();
    await scanAll();
    const listCpu = cpu() - before;
    await rest(scanAll, signal);
    const again = cpu();
    for (let turn = 0; turn < RESCANS; turn++) await scanAll();
    return { listCpu, relistCpu: (cpu() - again) / RESCANS };
  } finally {
    await scanner.stop();
  }
}

/** The directories are new: they are read once more, and then not any more. */
async function rest(scanAll: () => Promise<void>, signal: AbortSignal): Promise<void> {
  await systemClock.sleep(AT_REST_MS, signal);
  await scanAll();
}

/** User and system time of a process in milliseconds; the kernel counts in hundredths of a second. */
function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Wall time of some work, and the longest time in which this process's event loop did not turn meanwhile. */
async function held<T>(work: () => Promise<T>): Promise<{ output: T; ms: number; hold: Hold }> {
  const startedAt = performance.now();
  let [wall, cpu] = [startedAt, process.cpuUsage()];
  let hold: Hold = { wallMs: 0, cpuMs: 0 };
  const stop = systemClock.every(1, () => {
    const used = process.cpuUsage(cpu);
    const now = performance.now();
    hold = {
      wallMs: Math.max(hold.wallMs, now - wall),
      cpuMs: Math.max(hold.cpuMs, (used.user + used.system) / 1000),
    };
    [wall, cpu] = [now, process.cpuUsage()];
  });
  try {
    const output = await work();
    const ms = performance.now() - startedAt;
    // One more turn, so that a hold at the very end is seen.
    await systemClock.sleep(5);
    return { output, ms, hold };
  } finally {
    stop();
  }
}

function resultOf(measured: readonly Measured[]): BenchResult {
  const beside = (figure: (one: Measured) => number, reference: (one: Measured) => number) => ({
    values: measured.map(figure),
    reference: measured.map(reference),
  });
  const findCpu = (one: Measured) => one.findCpu;
  const findMs = (one: Measured) => one.findMs;
  const hold = (what: string, of: (one: Measured) => Hold): Row[] => [
    {
      what: `longest hold of the event loop, ${what}`,
      unit: 'ms',
      ...beside(
        (one) => of(one).wallMs,
        (one) => one.idleHold.wallMs,
      ),
      target: { of: 'median', atMost: HOLD_MS },
    },
    {
      what: `most CPU in one turn, ${what}`,
      unit: 'ms',
      values: measured.map((one) => of(one).cpuMs),
      target: { of: 'median', atMost: HOLD_MS },
    },
  ];
  return {
    subject: 'Graphshift',
    reference: 'find',
    rows: [
      {
        what: 'CPU of the scanning process, first scan',
        unit: 'ms',
        ...beside((one) => one.listCpu, findCpu),
      },
      {
        what: 'CPU of the scanning process, nothing new',
        unit: 'ms',
        ...beside((one) => one.relistCpu, findCpu),
      },
      { what: 'producer, first scan', unit: 'ms', ...beside((one) => one.firstMs, findMs) },
      { what: 'producer, nothing new', unit: 'ms', ...beside((one) => one.rescanMs, findMs) },
      ...hold('first scan', (one) => one.firstHold),
      ...hold('nothing new', (one) => one.rescanHold),
      ...hold('everything new', (one) => one.newHold),
    ],
    notes: [
      '`find ROOT -mindepth 2 -maxdepth 2 -type d` lists the same directories in the same turn; caches are warm for both. The first scan is that of a producer that starts: its process for scanning is started, everything is listed, and every record is looked up in Redis, where `find` only lists. Nothing new is the mean of fifty scans at rest: one stat a customer.',
      'The hold is the longest time in which the event loop of the producer did not turn, beside that of an idle event loop while `find` runs: what a busy machine takes away shows there, and is left out of the CPU in one turn.',
    ],
  };
}
