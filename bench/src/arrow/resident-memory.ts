/** Resident memory of a process with all its descendants, as the kernel has it. */

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const LOOK_EVERY_MS = 100;

export interface PeakMemory {
  /** The most that all of them had at one moment, of those that were looked at, in bytes. */
  readonly together: number;
  /** What each had at its own peak, which the kernel keeps, in the order of their starts. */
  readonly each: readonly number[];
}

/** Looks ten times a second until the signal aborts. */
export async function watchMemory(pid: number, signal: AbortSignal): Promise<PeakMemory> {
  const peaks = new Map<number, number>();
  let together = 0;
  while (!signal.aborted) {
    let now = 0;
    for (const member of familyOf(pid)) {
      const { resident, peak } = memoryOf(member);
      now += resident;
      peaks.set(member, Math.max(peak, peaks.get(member) ?? 0));
    }
    together = Math.max(together, now);
    await wait(LOOK_EVERY_MS);
  }
  return { together, each: [...peaks.values()] };
}

function familyOf(pid: number): number[] {
  const threads = orGone([] as string[], () => readdirSync(`/proc/${pid}/task`));
  const children = threads.flatMap((thread) =>
    orGone('', () => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'))
      .split(' ')
      .filter((text) => text !== ''),
  );
  return [pid, ...children.flatMap((child) => familyOf(Number(child)))];
}

function memoryOf(pid: number): { resident: number; peak: number } {
  const text = orGone('', () => readFileSync(`/proc/${pid}/status`, 'utf8'));
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return { resident: bytes('VmRSS'), peak: bytes('VmHWM') };
}

/** A process may end while it is looked at. */
function orGone<T>(gone: T, read: () => T): T {
  try {
    return read();
  } catch {
    return gone;
  }
}
