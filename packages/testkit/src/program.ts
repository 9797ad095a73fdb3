/**
 * Real processes for tests, watched line by line: programs of this repository run from their sources, or, where `npm test`
 * has built them (GRAPHSHIFT_TEST_BUILDS), from their builds.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Program {
  readonly process: ChildProcess;
  /** All lines of both streams so far. */
  readonly lines: readonly string[];
  /** Resolves with the first line, past or to come, that matches. @throws when the program ends without it */
  line(pattern: RegExp): Promise<string>;
  /** Sends the signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  /** Waits for the end by itself. */
  ended(): Promise<number | null>;
}

const FROM_BUILDS = process.env.GRAPHSHIFT_TEST_BUILDS === 'true';
const TSX = [
  '--import',
  import.meta.resolve('tsx'),
  ...(FROM_BUILDS ? [] : ['--conditions=graphshift-source']),
];

/** The build of a module below `src`, where it is to be taken; a program of the tests has none. */
function programOf(url: URL): string {
  const path = fileURLToPath(url);
  if (!FROM_BUILDS) return path;
  const built = [
    path.replace(/\/src\/((?:[^/]+\/)*[^/]+)\.ts$/, '/dist/$1.js'),
    // A build that takes in a part of another package has their folders in it.
    path.replace(/\/([^/]+)\/src\/([^/]+)\.ts$/, '/$1/dist/$1/src/$2.js'),
  ];
  return built.find((one) => one !== path && existsSync(one)) ?? path;
}

/**
 * Starts a TypeScript program, or one that was built.
 * @param environment is added to a bare one
 * @param directory in which it runs. @default this process's
 */
export function startProgram(
  url: URL,
  values: readonly string[],
  environment: Readonly<Record<string, string>>,
  directory?: string,
): Program {
  const path = programOf(url);
  const loader = path.endsWith('.ts') ? TSX : [];
  const child = spawn(process.execPath, [...loader, path, ...values], {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(directory !== undefined && { cwd: directory }),
  });
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      for (const watch of watchers) watch();
    });
  }
  const onParentExit = () => child.kill('SIGKILL');
  process.once('exit', onParentExit);
  const exit = once(child, 'close').then(() => {
    process.removeListener('exit', onParentExit);
    for (const watch of watchers) watch();
    return child.exitCode;
  });
  return {
    process: child,
    lines,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const watch = () => {
          const found = lines.find((line) => pattern.test(line));
          if (found === undefined && child.exitCode === null && child.signalCode === null) return;
          watchers.delete(watch);
          if (found !== undefined) resolve(found);
          else
            reject(
              new Error(`the program ended without a line like ${pattern}:\n${lines.slice(-30).join('\n')}`),
            );
        };
        watchers.add(watch);
        watch();
      }),
    end: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return exit;
    },
    ended: () => exit,
  };
}
