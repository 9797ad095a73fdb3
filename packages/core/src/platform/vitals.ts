/** How a process fares: its memory, that of its child processes with it, and how late its event loop is. */

import { readFile } from 'node:fs/promises';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** The histogram has the time between two looks, this much where nothing is late. */
const LOOK_EVERY_MS = 20;

export class Vitals {
  #delays: IntervalHistogram | undefined;

  /** Idempotent. */
  start(): void {
    if (this.#delays) return;
    this.#delays = monitorEventLoopDelay({ resolution: LOOK_EVERY_MS });
    this.#delays.enable();
  }

  stop(): void {
    this.#delays?.disable();
    this.#delays = undefined;
  }

  /** @returns bytes, and the longest delay of the event loop since the last reading in milliseconds */
  async read(): Promise<{ readonly memory: number; readonly loopDelayMs: number }> {
    const longest = this.#delays && this.#delays.count > 0 ? this.#delays.max / 1e6 - LOOK_EVERY_MS : 0;
    this.#delays?.reset();
    return {
      memory: await memoryOfTree(process.pid),
      loopDelayMs: Math.round(Math.max(0, longest) * 10) / 10,
    };
  }
}

/** Resident bytes of a process and its descendants; of the own process alone where the system does not tell. */
export async function memoryOfTree(pid: number): Promise<number> {
  const own = await residentBytes(pid);
  if (own === undefined) return pid === process.pid ? process.memoryUsage.rss() : 0;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const others = children
    .split(' ')
    .filter((word) => word !== '')
    .map((child) => memoryOfTree(Number(child)));
  return (await Promise.all(others)).reduce((sum, bytes) => sum + bytes, own);
}

async function residentBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}
