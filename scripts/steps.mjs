// Runs one command of a script quietly: what it prints is kept and shown only when it fails.
import { spawn } from 'node:child_process';

/** A step that failed: its message is for a person and holds the command's own output. */
export class StepError extends Error {
  constructor(name, output, advice) {
    const text = output.trim();
    super(`${name} failed${text ? `:\n\n${text}\n` : '.'}${advice ? `\n${advice}` : ''}`);
    this.name = 'StepError';
  }
}

/**
 * Runs `command` to its end and resolves to what it printed on standard output.
 * @param name what the step is called where it fails
 * @param options `cwd`, `env`, `timeoutMs` (default none), `signal` that ends it, and `advice`, the line that says
 *   what to do
 * @throws StepError when it cannot start, exits with another code than 0 or takes too long
 */
export function runStep(name, command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env || process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.timeoutMs && { timeout: options.timeoutMs, killSignal: 'SIGKILL' }),
      ...(options.signal && { signal: options.signal }),
    });
    let stdout = '';
    let all = '';
    child.stdout.on('data', (data) => {
      stdout += data;
      all += data;
    });
    child.stderr.on('data', (data) => {
      all += data;
    });
    child.on('error', (error) => reject(new StepError(name, error.message, options.advice)));
    child.on('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new StepError(name, all, options.advice));
    });
  });
}

/** Runs `main` as a command: an error of a step is printed without its stack, and the exit code is its result. */
export async function runCommand(main) {
  try {
    process.exitCode = (await main()) || 0;
  } catch (error) {
    const foreseen = error instanceof StepError || error.foreseen === true;
    console.error(foreseen ? error.message : error);
    process.exitCode = 1;
  }
}
