/** The pyarrow Flight server of server.py as a process of its own, for one test file. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PYTHON = process.env.PYTHON ?? 'python3';

/** Why tests against pyarrow do not run here, else undefined. */
export function pyarrowProblem(): string | undefined {
  try {
    execFileSync(PYTHON, ['-c', 'import pyarrow.flight'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `NOT RUN: ${PYTHON} has no pyarrow with Flight (pip install pyarrow, or set PYTHON)`;
  }
}

export function writeIpc(
  path: string,
  rows: number,
  batches: number,
  kind: 'file' | 'stream' | 'wide',
): void {
  execFileSync(PYTHON, [script('write.py'), path, String(rows), String(batches), kind]);
}

export interface PyarrowServer {
  readonly host: string;
  readonly port: number;
  /** It does nothing any more, and its connections stay. */
  pause(): void;
  /** Ends it at once and waits for its end. */
  kill(): Promise<void>;
}

export async function startPyarrowServer(args: readonly string[] = []): Promise<PyarrowServer> {
  const child = spawn(PYTHON, [script('server.py'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  const ended = once(child, 'close').then(() => void process.removeListener('exit', onExit));
  const port = await Promise.race([
    readyPort(child),
    ended.then(() => {
      throw new Error('the pyarrow server ended before it was ready');
    }),
  ]);
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return { host: '127.0.0.1', port, pause: () => void child.kill('SIGSTOP'), kill };
}

async function readyPort(child: ChildProcess): Promise<number> {
  if (!child.stdout) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout }))
    if (line.startsWith('READY ')) return Number(line.slice('READY '.length));
  throw new Error('the pyarrow server ended before it was ready');
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
