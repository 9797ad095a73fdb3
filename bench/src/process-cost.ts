/** What whole processes cost: CPU of a process with all its descendants, and of a Redis server. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ChildCommands, ChildProcess, GraphshiftError } from '@graphshift/core';
import type { Redis } from 'ioredis';

export interface Cost {
  /** User and system time in seconds, of the process and of every descendant that has ended; grain 0.01 s. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

/** The kernel counts in hundredths of a second, whatever its own tick. */
const TICKS_PER_SECOND = 100;

/**
 * CPU seconds of descendants that have ended and were waited for, theirs included.
 * @throws USAGE where the system keeps no /proc
 */
export function endedChildrenCpu(): number {
  return cpuFields('self').ended;
}

/** User and system time of a process so far, all its threads, in seconds. @throws USAGE where there is no /proc */
export function cpuSecondsOf(pid: number): number {
  return cpuFields(pid).own;
}

function cpuFields(process: number | 'self'): { own: number; ended: number } {
  let text: string;
  try {
    text = readFileSync(`/proc/${process}/stat`, 'utf8');
  } catch (cause) {
    throw new GraphshiftError('USAGE', 'the benchmarks read CPU times from /proc, so they run on Linux', {
      cause,
    });
  }
  // The second field is the command in brackets, which may hold blanks; utime to cstime are the 14th to the 17th.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const seconds = (index: number) => Number(fields[index]) / TICKS_PER_SECOND;
  return { own: seconds(11) + seconds(12), ended: seconds(13) + seconds(14) };
}

/** The cost of children that `work` starts and waits for; nothing else may end a child meanwhile. */
async function costOf<T>(work: () => Promise<T>): Promise<{ output: T; cost: Cost }> {
  const [cpuBefore, wallBefore] = [endedChildrenCpu(), performance.now()];
  const output = await work();
  return {
    output,
    cost: {
      cpuSeconds: endedChildrenCpu() - cpuBefore,
      wallSeconds: (performance.now() - wallBefore) / 1000,
    },
  };
}

/** Runs one command of a child module from the start of its process to its end, and says what all of it cost. */
export function runChild<C extends ChildCommands, K extends keyof C & string>(
  module: URL,
  command: K,
  input: C[K]['input'],
  signal: AbortSignal,
): Promise<{ output: C[K]['output']; cost: Cost }> {
  return costOf(async () => {
    const child = new ChildProcess<C>(module, { name: command });
    try {
      return await child.call(command, input, { signal });
    } finally {
      await child.kill();
    }
  });
}

/** Runs a program to its end; its output is thrown away. @throws when it fails */
export function runProgram(
  program: string,
  values: readonly string[],
  signal: AbortSignal,
): Promise<{ output: undefined; cost: Cost }> {
  return costOf(async () => {
    const child = spawn(program, values, { stdio: 'ignore', signal });
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`${program} ended with ${code}`);
    return undefined;
  });
}

/** User and system time of a Redis server since its start, in seconds. */
export async function redisCpuSeconds(redis: Redis): Promise<number> {
  const text = await redis.info('cpu');
  const seconds = (name: string) =>
    Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return seconds('used_cpu_user') + seconds('used_cpu_sys');
}

/** User and system time of this process so far, all its threads, in seconds. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
