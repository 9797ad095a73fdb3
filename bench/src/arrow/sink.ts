/** A Flight server in pyarrow that throws away what it gets, as a process of its own. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const PYTHON = 'python3';

export interface Sink {
  readonly port: number;
  readonly pid: number;
  /** Ends it at once and waits for its end. */
  kill(): Promise<void>;
}

/** @param values of the script, which prints `READY <port>` */
export async function launchSink(values: readonly string[]): Promise<Sink> {
  const child = spawn(PYTHON, values, { stdio: ['ignore', 'pipe', 'inherit'] });
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  const ended = once(child, 'close').then(() => process.removeListener('exit', onExit));
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const [, port] = /^READY (\d+)$/.exec(line) ?? [];
    if (port !== undefined && child.pid !== undefined) return { port: Number(port), pid: child.pid, kill };
  }
  await kill();
  throw new Error('the sink server ended before it was ready');
}

/** Runs a Python script to its end and takes the JSON that it prints. */
export async function askPython<T>(values: readonly string[], signal: AbortSignal): Promise<T> {
  const { stdout } = await promisify(execFile)(PYTHON, values, { signal });
  return JSON.parse(stdout) as T;
}

/** @throws where this machine has no pyarrow with Flight */
export async function requirePyarrow(): Promise<void> {
  try {
    await promisify(execFile)(PYTHON, ['-c', 'import pyarrow.flight']);
  } catch (cause) {
    throw new Error(`the benchmark needs a ${PYTHON} with the package pyarrow`, { cause });
  }
}
