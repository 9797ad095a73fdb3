// `npm run demo [-- arguments]`: the set-up, a Redis, and then the demo program with that Redis in REDIS_URL.
// Redis is stopped at the end if it was started here. The exit code is the program's, 130 after Ctrl-C.
import './require-node.mjs';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './project.mjs';
import { findRedis } from './redis.mjs';
import { setUp } from './setup.mjs';
import { runCommand, StepError } from './steps.mjs';
import { endWithParent } from './watchdog.mjs';

const PROGRAM = join(ROOT, 'demo', 'dist', 'main.js');
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a Node program to its end with `redisUrl` in its environment and signals passed on once.
 * @returns its exit code; 128 + the signal's number when it, or this process, was ended by one
 */
export function runProgram(program, args, redisUrl) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, REDIS_URL: redisUrl };
    const child = spawn(process.execPath, [program, ...args], { cwd: ROOT, env, stdio: 'inherit' });
    endWithParent(child);
    let interrupted;
    const pass = (signal) => {
      if (interrupted) return;
      interrupted = signal;
      // At a terminal, Ctrl-C has reached the program by itself; a second one would mean "at once".
      if (signal === 'SIGTERM' || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of SIGNALS) process.on(signal, pass);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      const ended = interrupted === 'SIGINT' ? 'SIGINT' : signal;
      resolve(ended ? 128 + constants.signals[ended] : code);
    });
  });
}

async function main() {
  await setUp();
  if (!existsSync(PROGRAM)) throw new StepError('demo', 'demo/dist/main.js is missing from this checkout.');
  const dataDirectory = join(ROOT, '.graphshift', 'demo', 'redis');
  const redis = await findRedis({ dataDirectory, say: (line) => console.log(line) });
  try {
    return await runProgram(PROGRAM, process.argv.slice(2), redis.url);
  } finally {
    await redis.stop();
  }
}

await runCommand(main);
