/** How much memory this machine, or this container, has in all and to spare. */

import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { memoryOfTree } from '../platform/vitals.ts';

export interface MachineMemory {
  /** What there is, or what a container is limited to. */
  readonly total: number;
  /**
   * What nobody uses now, memory of this process's children counted as free: what they were started for has it reserved.
   * The same as `total` where the system does not tell.
   */
  readonly free: number;
  /** What nobody uses now. @default free */
  readonly spare?: number;
  /** Resident memory of this process, its children left aside. */
  readonly own: number;
}

/** Memory files of a container's group, of version 2 and 1, and the line of its cache that the kernel gives back. */
const GROUPS = [
  { directory: '/sys/fs/cgroup', used: 'memory.current', reclaimable: 'inactive_file' },
  { directory: '/sys/fs/cgroup/memory', used: 'memory.usage_in_bytes', reclaimable: 'total_inactive_file' },
] as const;

export async function readMachineMemory(): Promise<MachineMemory> {
  const own = process.memoryUsage.rss();
  const children = Math.max(0, (await memoryOfTree(process.pid)) - own);
  const limit = process.constrainedMemory();
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const available = kilobytes(await text('/proc/meminfo'), 'MemAvailable:') ?? totalmem();
  const used = total < totalmem() ? await usedByGroup() : undefined;
  const spare = used === undefined ? available : Math.min(available, Math.max(0, total - used));
  return { total, free: Math.min(total, spare + children), spare, own };
}

/** What a container uses that its kernel cannot take back at once. */
async function usedByGroup(): Promise<number | undefined> {
  for (const { directory, used, reclaimable } of GROUPS) {
    const all = Number.parseInt(await text(`${directory}/${used}`), 10);
    if (!Number.isFinite(all)) continue;
    const stat = await text(`${directory}/memory.stat`);
    const cache = Number(new RegExp(`^${reclaimable} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
    return Math.max(0, all - cache);
  }
  return undefined;
}

function kilobytes(lines: string, name: string): number | undefined {
  const found = new RegExp(`^${name}\\s+(\\d+) kB$`, 'm').exec(lines)?.[1];
  return found === undefined ? undefined : Number(found) * 1024;
}

function text(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
