// Starts a Redis server of one's own and ends it: on 127.0.0.1 and a free port, append-only, never evicting.
// The server ends with the process that started it, whatever ends that one (see watchdog.mjs).
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findProgram } from './programs.mjs';
import { askRedis } from './resp.mjs';
import { endWithParent } from './watchdog.mjs';

/** What BullMQ 6 and the Lua scripts ask for. */
export const OLDEST_REDIS = '6.2';

/** The programs that serve Redis, in the order they are looked for. */
export const SERVER_NAMES = ['redis-server', 'valkey-server'];

const LOG = 'server.log';

/** The server program on `path` with its version (`0` when it tells none), else undefined. */
export function findServerProgram(path = process.env.PATH) {
  const program = findProgram(SERVER_NAMES, path);
  if (!program) return undefined;
  const answer = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  const found = /\bv=([0-9.]+)/.exec(answer.stdout || '');
  // Valkey numbers its own releases from 7.2 on and speaks for every one of them.
  return { program, version: found ? found[1] : '0' };
}

/** The settings every server of ours runs with, as command-line arguments. */
export function serverArguments(port, bind) {
  const settings = { port, bind, appendonly: 'yes', 'maxmemory-policy': 'noeviction', save: '' };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

/** A TCP port of 127.0.0.1 that was free a moment ago; whoever uses it is ready to try another. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/**
 * Starts the server and resolves once it answers.
 * @param program full path of redis-server or valkey-server
 * @param options `directory` holds its data and log and is made where missing; `port` is kept to where given,
 *   otherwise free ones are tried; `timeoutMs` until it answers, default 15000
 * @throws Error with the end of the server's log
 */
export async function launchServer(program, options) {
  mkdirSync(options.directory, { recursive: true });
  const directory = realpathSync(options.directory);
  let failure;
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = options.port || (await freePort());
    const args = [
      ...serverArguments(port, '127.0.0.1'),
      '--dir',
      directory,
      '--logfile',
      join(directory, LOG),
    ];
    try {
      return await launch(program, args, {
        port: async () => port,
        owns: (info, pid) => new RegExp(`^process_id:${pid}\\b`, 'm').test(info),
        timeoutMs: options.timeoutMs,
        logFile: join(directory, LOG),
      });
    } catch (error) {
      failure = error;
      if (!/in use/i.test(error.message)) break;
      // A port that must be the same again may still be held by the server that was just killed.
      if (options.port) await wait(100);
    }
  }
  throw failure;
}

/**
 * Runs a program that serves Redis on 127.0.0.1 and resolves once it answers.
 * @param server `port` resolves to its port, and is asked again where it rejects; `owns` tells from the answer to
 *   `INFO server` that it is this one and no other that took the port; `timeoutMs`, default 15000; `logFile`, whose
 *   end is shown where it fails; `env`
 * @returns `{ url, port, pid, exited, stop(), kill() }`; both wait for its end and may be called twice
 */
export async function launch(program, args, server) {
  const child = spawn(program, args, {
    // Ctrl-C at the terminal is for the program that uses the server; the server is stopped after it.
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: server.env || process.env,
  });
  endWithParent(child);
  let errors = '';
  child.stderr.on('data', (data) => {
    errors = (errors + data).slice(-4000);
  });
  child.stderr.unref();
  const exited = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal || `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
  const end = async (signal) => {
    // It is unreferenced below: with nothing else left to do, Node would end here (exit 13) before the server does.
    child.ref();
    child.kill(signal);
    await exited;
  };
  try {
    const port = await untilAnswers(server, child.pid, exited);
    child.unref();
    const url = `redis://127.0.0.1:${port}`;
    return { url, port, pid: child.pid, exited, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
  } catch (error) {
    await end('SIGTERM');
    throw new Error(`${program} did not start: ${error.message}\n${errors}${tail(server.logFile)}`.trim());
  }
}

async function untilAnswers({ port, owns = () => true, timeoutMs = 15_000 }, pid, exited) {
  let ended;
  exited.then((how) => {
    ended = how;
  });
  const deadline = Date.now() + timeoutMs;
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.2, 200)) {
    let problem = 'another server answers on its port';
    try {
      const found = await port();
      // INFO answers while the data are still read from disk; PING is an error until then.
      const questions = [['INFO', 'server'], ['PING']];
      const [info] = await askRedis(`redis://127.0.0.1:${found}`, questions, { timeoutMs: 1000 });
      if (owns(info, pid)) return found;
    } catch (error) {
      problem = error.message;
    }
    if (ended !== undefined) throw new Error(`it ended at once (${ended})`);
    if (Date.now() > deadline) throw new Error(problem);
    await wait(pauseMs);
  }
}

function tail(file) {
  try {
    return file ? readFileSync(file, 'utf8').split('\n').slice(-12).join('\n') : '';
  } catch {
    return '';
  }
}
