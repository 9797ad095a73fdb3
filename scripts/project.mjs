// What the scripts know about the checkout: where it is and what package.json pins.
// The versions of Node and pnpm are read from package.json, their only place.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's top directory. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** The pinned package manager as npx takes it, `pnpm@<version>`. */
export const PNPM = manifest.packageManager;

/** The oldest Node that runs this project, such as `20.19.0`. */
export const OLDEST_NODE = manifest.engines.node.replace('>=', '');

/** A line for a person where this Node is too old, else undefined. */
export function nodeProblem(version) {
  if (!olderThan(version, OLDEST_NODE)) return undefined;
  return `Node ${version} is too old: Graphshift needs ${OLDEST_NODE} or newer.`;
}

/** Whether dotted version `a` comes before `b`, by numbers; parts that are missing count as 0. */
export function olderThan(a, b) {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] || 0) - (right[i] || 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
