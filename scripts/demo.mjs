// `npm run demo [-- arguments]`: the set-up, a Redis, and then the demo program with that Redis in REDIS_URL.
// Redis is stopped at the end if it was started here. The exit code is the program's, 130 after Ctrl-C.
import './require-node.mjs';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { isProgram, ROOT } from './project.mjs';
import { findRedis } from './redis.mjs';
import { setUp } from './setup.mjs';
import { runCommand, StepError } from './steps.mjs';
import { endWithParent } from './watchdog.mjs';

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

/** Sets up, finds or starts a Redis, and runs a program of the demo with it. @returns its exit code */
export async function runDemoProgram(name) {
  await setUp();
  const program = join(ROOT, 'demo', 'dist', name);
  if (!existsSync(program)) throw new StepError('demo', `demo/dist/${name} is missing from this checkout.`);
  const dataDirectory = join(ROOT, '.graphshift', 'demo', 'redis');
  const redis = await findRedis({ dataDirectory, say: (line) => console.log(line) });
  try {
    return await runProgram(program, process.argv.slice(2), redis.url);
  } finally {
    await redis.stop();
  }
}

if (isProgram(import.meta.url)) await runCommand(() => runDemoProgram('main.js'));
