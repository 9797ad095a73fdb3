/** What figures depend on: the machine, without its name, and the versions of what was measured. */

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, release, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findServerProgram } from '../../scripts/redis-server.mjs';

/** The checkout's top directory, seen from `src` and from `dist`. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Machine {
  /** One line a fact. */
  readonly machine: string;
  readonly versions: string;
  readonly commit: string;
}

export function describeMachine(): Machine {
  const [first] = cpus();
  const gibibytes = (totalmem() / 2 ** 30).toFixed(0);
  const packages = ['bullmq', '@duckdb/node-api', '@ladybugdb/core'];
  return {
    machine: `${cpus().length} cores (${first?.model.trim() ?? 'unknown'}), ${gibibytes} GiB, ${type()} ${release().split('.', 2).join('.')}`,
    versions: [
      `node ${process.versions.node}`,
      `redis ${findServerProgram()?.version ?? 'none'}`,
      ...packages.map((name) => `${name} ${versionOf(name)}`),
    ].join(', '),
    commit: commitOf(),
  };
}

function versionOf(name: string): string {
  const manifest = createRequire(import.meta.url)
    .resolve.paths(name)
    ?.map((directory) => join(directory, name, 'package.json'))
    .map(read)
    .find((text) => text !== undefined);
  return manifest === undefined ? 'none' : String((JSON.parse(manifest) as { version: string }).version);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The results themselves are no change of what was measured. */
function commitOf(): string {
  const git = (...values: string[]) => execFileSync('git', values, { cwd: ROOT, encoding: 'utf8' }).trim();
  if (spawnSync('git', ['rev-parse', '--git-dir'], { cwd: ROOT }).status !== 0) return 'unknown';
  const changed = git('status', '--porcelain', '--', ':!bench/RESULTS.md') !== '';
  return `${git('rev-parse', '--short=10', 'HEAD')}${changed ? ' with changes' : ''}`;
}
