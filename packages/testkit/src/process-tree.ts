/** What runs below a process, by /proc: of Linux alone. */

import { readdirSync, readFileSync } from 'node:fs';

/** Processes whose parent is this one. */
export function childrenOf(parent: number): number[] {
  return running()
    .filter(([, above]) => above === parent)
    .map(([pid]) => pid);
}

/** Processes whose parent is this one, and theirs. */
export function descendantsOf(parent: number): number[] {
  const all = running();
  const below = (root: number): number[] =>
    all.filter(([, above]) => above === root).flatMap(([pid]) => [pid, ...below(pid)]);
  return below(parent);
}

/** Whether it is there and has not ended. */
export function isRunning(pid: number): boolean {
  return parentOf(pid) !== undefined;
}

/** Each with its parent. */
function running(): [pid: number, parent: number][] {
  return readdirSync('/proc').flatMap((name): [number, number][] => {
    const parent = /^\d+$/.test(name) ? parentOf(Number(name)) : undefined;
    return parent === undefined ? [] : [[Number(name), parent]];
  });
}

/** Undefined for one that is gone, or has ended and was not waited for yet. */
function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}
