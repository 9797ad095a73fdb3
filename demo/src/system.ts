import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface System {
  /** Undefined while it runs. */
  readonly problem: string | undefined;
  readonly pid: number;
  /** Ends it at once, as a machine that fails does. */
  kill(): void;
  stop(): Promise<void>;
}

/** The command line's program: built where this module is built, from its sources where this one is. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');
const COMMAND = fileURLToPath(
  new URL(`../../apps/cli/${FROM_SOURCE ? 'src/main.ts' : 'dist/main.js'}`, import.meta.url),
);
const SOURCE_FLAGS = FROM_SOURCE
  ? ['--import', import.meta.resolve('tsx'), '--conditions=graphshift-source']
  : [];

const WATCHDOG = new URL('../../scripts/watchdog.mjs', import.meta.url).href;

/** How long a stopping system may take before it is killed. */
const STOP_MS = 20_000;

export interface SystemOptions {
  /** @default 'up' */
  readonly command?: 'up' | 'producer' | 'worker' | 'dashboard';
  /** Arguments after the command. */
  readonly values: readonly string[];
  readonly environment: Record<string, string>;
  /** Where it runs, and looks for a configuration file. */
  readonly directory: string;
  readonly logFile: string;
}

/** Starts `graphshift up`, or another of its long-lived commands, as a process of its own, its log in a file; it ends with this process at the latest. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { command = 'up', values, environment, directory, logFile } = options;
  const { endWithParent } = (await import(WATCHDOG)) as { endWithParent(child: ChildProcess): void };
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, [...SOURCE_FLAGS, COMMAND, command, ...values], {
    cwd: directory,
    env: environment,
    stdio: ['ignore', log, log],
    // Ctrl-C at the terminal is the demo's to pass on, once.
    detached: true,
  });
  closeSync(log);
  endWithParent(child);
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  return {
    get problem() {
      if (child.exitCode === null && child.signalCode === null) return undefined;
      const last = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
      return `graphshift ${command} ended (exit ${child.exitCode ?? child.signalCode}); the end of ${logFile}:\n${last}`;
    },
    pid: child.pid ?? 0,
    kill,
    stop: () => stop(child, kill),
  };
}

async function stop(child: ChildProcess, kill: () => void): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(kill, STOP_MS);
    await ended;
    clearTimeout(timer);
  }
  process.removeListener('exit', kill);
}
