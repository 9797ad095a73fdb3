/** Why a deployment waits for disk or memory, in words with figures, and what to do about it. */

import type { Shortage } from '../queue/deployment-store.ts';

/** Bytes, all of them. */
export interface DiskBudget {
  readonly free: number;
  readonly total: number;
  /** What no load may take, and the percentage that says so. */
  readonly kept: number;
  readonly keptPercent: number;
}

export interface Budgets {
  readonly disk?: DiskBudget;
  readonly memory: { readonly free: number; readonly total: number; readonly host: string };
  readonly worker?: { readonly free: number; readonly total: number };
}

export interface Needed {
  readonly disk?: number;
  /** What of `disk` goes when the load is over. */
  readonly scratch?: number;
  readonly memory: number;
}

export interface ShortageInWords {
  readonly reason: string;
  /** No load that ends, and nothing that is freed, makes room for it. */
  readonly never: boolean;
}

/** @param reserved by others in flight, in bytes */
export function describeShortage(
  kind: Shortage,
  needed: Needed,
  budgets: Budgets,
  reserved: number,
): ShortageInWords {
  const words = { 'no-disk': noDisk, 'no-memory': noMemory, 'no-worker-memory': noWorkerMemory };
  return words[kind](needed, budgets, reserved);
}

type Describe = (needed: Needed, budgets: Budgets, reserved: number) => ShortageInWords;

/** What one of the reasons here begins with. */
const NEEDS = /^it needs [\d.]+ (B|[KMGT]iB) of (disk|memory)\b/;
const NEVER = 'it can never fit';

/** What a waiting deployment's reason says of a shortage, and what a person can do; undefined for other reasons. */
export function readShortage(reason: string): { readonly action: string } | undefined {
  const of = NEEDS.exec(reason)?.[2];
  if (of === undefined) return undefined;
  const more = of === 'disk' ? 'Give the store a larger disk' : 'Give the machine or container more memory';
  const free =
    of === 'disk'
      ? 'Free disk under the store (a lower retention drops databases), or lower disk_reserve_percent'
      : 'Wait for loads in flight, stop what else uses memory there, or lower loader_memory_mb';
  const pass = 'with capacity_check: false estimates keep nothing waiting';
  return { action: `${reason.includes(NEVER) ? more : free}; it is looked at again by itself; ${pass}.` };
}

const noDisk: Describe = ({ disk = 0, scratch = 0 }, { disk: budget }, reserved) => {
  const { free, total, kept, keptPercent } = budget ?? { free: 0, total: 0, kept: 0, keptPercent: 0 };
  const needs = `it needs ${inUnits(disk)} of disk, ${inUnits(scratch)} of them only while it is built`;
  const rule = `${inUnits(kept)} kept free (disk_reserve_percent ${keptPercent})`;
  if (disk > total - kept)
    return {
      never: true,
      reason: `${needs}, and the store's disk has ${inUnits(total)} in all, ${rule}: ${NEVER}`,
    };
  const reason = `${needs}, and the store's disk has ${inUnits(free)} free, ${inUnits(reserved)} reserved by loads in flight, ${rule}`;
  return { never: false, reason };
};

const noMemory: Describe = ({ memory }, { memory: budget }, reserved) => {
  const needs = `it needs ${inUnits(memory)} of memory, and ${budget.host} has`;
  if (memory > budget.total)
    return { never: true, reason: `${needs} ${inUnits(budget.total)} in all: ${NEVER} there` };
  return {
    never: false,
    reason: `${needs} ${inUnits(budget.free)} to spare, ${inUnits(reserved)} reserved by loads in flight`,
  };
};

const noWorkerMemory: Describe = ({ memory }, { worker }, reserved) => {
  const { free, total } = worker ?? { free: 0, total: 0 };
  const needs = `it needs ${inUnits(memory)} of memory, and worker_memory_limit_mb allows ${inUnits(total)}`;
  const left = `${inUnits(free)} beside the worker's own`;
  if (memory > free) return { never: true, reason: `${needs}, ${left}: ${NEVER} in this worker` };
  return { never: false, reason: `${needs}, ${left}, ${inUnits(reserved)} reserved by its loads in flight` };
};

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Bytes as people read them, such as `1.4 GiB`. */
export function inUnits(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
