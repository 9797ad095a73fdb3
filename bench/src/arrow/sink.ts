/** Flight servers in pyarrow that throw away what they get, each a process of its own. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const PYTHON = 'python3';

export interface Sink {
  readonly port: number;
  readonly pid: number;
  /** The rest of its next line that begins with this word. */
  says(word: string): Promise<string>;
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
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const says = async (word: string) => {
    for (let line = await lines.next(); !line.done; line = await lines.next())
      if (line.value.startsWith(`${word} `)) return line.value.slice(word.length + 1);
    throw new Error(`the sink server ended before it said ${word}`);
  };
  try {
    const port = Number(await says('READY'));
    if (child.pid === undefined) throw new Error('the sink server has no process');
    return { port, pid: child.pid, says, kill };
  } catch (error) {
    await kill();
    throw error;
  }
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
