// Finds a Redis for the demo, or starts one, in a fixed order: REDIS_URL; a server program on the PATH; one from
// the system's packages; a Docker engine; else an error that says what to do on this platform.
// What it started it stops; what it found running it leaves alone. It promises Redis 6.2 or newer.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { findProgram } from './programs.mjs';
import { olderThan } from './project.mjs';
import {
  findServerProgram,
  freePort,
  launch,
  launchServer,
  OLDEST_REDIS,
  serverArguments,
} from './redis-server.mjs';
import { askRedis, versionOf } from './resp.mjs';
import { canInstall, installPackage, thisSystem } from './system-packages.mjs';

const IMAGE = 'redis:7.4.2-alpine';

/** No Redis could be had; the message says what a person can do. */
export class RedisError extends Error {
  constructor(message) {
    super(message);
    this.name = 'RedisError';
    /** Printed without a stack. */
    this.foreseen = true;
  }
}

/**
 * @param options `url`: the server to use, default REDIS_URL; `dataDirectory`: where a started server keeps its
 *   data; `allowInstall`: whether system packages may be installed, default true; `say`: takes lines of progress;
 *   `system`: the machine, for tests
 * @returns `{ url, how, stop() }`: `how` is one of `url`, `path`, `installed`, `docker`
 * @throws RedisError
 */
export async function findRedis(options) {
  const { url = process.env.REDIS_URL, allowInstall = true, say = () => {}, system = thisSystem() } = options;
  if (url) return useUrl(url);
  const found = await findOrInstallServer(system, allowInstall, say);
  if (found.program) {
    const server = await start(() => launchServer(found.program, { directory: options.dataDirectory }));
    say(`Redis: ${found.program} ${found.version} on port ${server.port}`);
    return { url: server.url, how: found.how, stop: server.stop };
  }
  const docker = answeringDocker(system.path);
  if (docker) {
    say(`Redis: ${IMAGE} in Docker`);
    const server = await start(() => launchContainer(docker, options.dataDirectory, system.path));
    return { url: server.url, how: 'docker', stop: server.stop };
  }
  throw new RedisError(`${found.problem}\n${advice(process.platform)}`);
}

/**
 * The server program on the PATH, installed first where that is allowed and possible.
 * @returns `{ program, version, how }`, or `{ problem }` where there is none that is new enough
 */
export async function findOrInstallServer(system, allowInstall, say) {
  let how = 'path';
  let found = findServerProgram(system.path);
  if (!found && allowInstall && canInstall(system)) {
    await installPackage('redis-server', system, say);
    how = 'installed';
    found = findServerProgram(system.path);
  }
  if (!found)
    return {
      problem: 'No Redis: REDIS_URL is not set, and no redis-server or valkey-server is on the PATH.',
    };
  if (olderThan(found.version, OLDEST_REDIS))
    return { problem: `${found.program} is version ${found.version}; ${OLDEST_REDIS} or newer is needed.` };
  return { ...found, how };
}

/** What a person does to get a Redis on `platform`, in one line. */
export function advice(platform) {
  const install =
    platform === 'darwin'
      ? 'brew install redis'
      : platform === 'win32'
        ? 'run this inside WSL, or start Docker Desktop'
        : 'sudo apt-get install redis-server (Debian, Ubuntu), sudo dnf install valkey (Fedora), sudo apk add redis (Alpine)';
  return `Do one of: ${install}; start Docker; or set REDIS_URL=redis://HOST:PORT.`;
}

async function useUrl(url) {
  const shown = masked(url);
  let info;
  try {
    [, info] = await askRedis(url, [['PING'], ['INFO', 'server']]);
  } catch (error) {
    throw new RedisError(
      `REDIS_URL is set to ${shown}, but no Redis answers there: ${error.message}.\nStart it, correct REDIS_URL, or unset it to have a server started for you.`,
    );
  }
  const version = versionOf(info);
  if (olderThan(version, OLDEST_REDIS))
    throw new RedisError(`The Redis at ${shown} is version ${version}; ${OLDEST_REDIS} or newer is needed.`);
  return { url, how: 'url', stop: async () => {} };
}

/** A URL as it may be printed: without its password. */
function masked(url) {
  try {
    const parsed = new URL(url);
    if (!/^rediss?:$/.test(parsed.protocol)) throw new Error();
    if (parsed.password) parsed.password = '***';
    return parsed.href;
  } catch {
    throw new RedisError(
      'REDIS_URL is no URL of a Redis: it may be redis://[USER:PASSWORD@]HOST:PORT[/DB] or rediss://….',
    );
  }
}

async function start(launcher) {
  try {
    return await launcher();
  } catch (error) {
    throw new RedisError(error.message);
  }
}

function answeringDocker(path) {
  const docker = findProgram(['docker'], path);
  if (!docker) return undefined;
  const args = ['version', '--format', '{{.Server.Version}}'];
  const answer = spawnSync(docker, args, {
    encoding: 'utf8',
    timeout: 10_000,
    env: { ...process.env, PATH: path },
  });
  return answer.status === 0 && answer.stdout.trim() ? docker : undefined;
}

/** The container runs in the foreground of `docker run`, so that ending that ends (and removes) the container. */
async function launchContainer(docker, dataDirectory, path) {
  mkdirSync(dataDirectory, { recursive: true });
  const port = await freePort();
  const user = process.getuid ? ['--user', `${process.getuid()}:${process.getgid()}`] : [];
  const args = [
    ...['run', '--rm', '--name', `graphshift-redis-${randomBytes(4).toString('hex')}`],
    ...['--publish', `127.0.0.1:${port}:6379`, '--volume', `${resolve(dataDirectory)}:/data`],
    ...[...user, IMAGE, 'redis-server', ...serverArguments(6379, '0.0.0.0')],
    // The container's own network is the wall: only 127.0.0.1 of the host reaches it.
    ...['--protected-mode', 'no'],
  ];
  // The first run downloads the image.
  return launch(docker, args, { port, timeoutMs: 180_000, env: { ...process.env, PATH: path } });
}
