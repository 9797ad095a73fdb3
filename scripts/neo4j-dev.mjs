// Builds and starts the development Neo4j of tools/neo4j-dev: a program of its own, run as a process of its own.
// Maven fetches its parts once into the user's local repository; the built jar is kept in tools/neo4j-dev/target,
// below a fingerprint of its sources. A server ends with the process that started it (see watchdog.mjs).
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { findProgram } from './programs.mjs';
import { ROOT } from './project.mjs';
import { runStep } from './steps.mjs';
import { endWithParent } from './watchdog.mjs';

const TOOL = join(ROOT, 'tools', 'neo4j-dev');
const ARCHIVE = 'classes.jsa';
const MAIN_CLASS = 'graphshift.neo4jdev.Main';

/** The first build fetches some 140 MB; a minute on a good line. */
const BUILD_TIMEOUT_MS = 600_000;
const START_TIMEOUT_MS = 120_000;
const LAST_LINES = 12;

/** What the kernel reaches into, on every JDK from 17 on. */
const OPENED = ['java.base/java.nio', 'java.base/java.io', 'java.base/sun.nio.ch'];

/**
 * The development Neo4j cannot be had, in one line for a person. `kind`: `unfit` for wrong use or a machine that
 * lacks something, `fetch` where its parts could not be fetched or built, `failed` where the server itself failed.
 */
export class Neo4jDevError extends Error {
  constructor(kind, message) {
    super(message);
    this.name = 'Neo4jDevError';
    this.kind = kind;
    /** Printed without a stack. */
    this.foreseen = true;
  }
}

/**
 * What this machine lacks to run the development Neo4j, in one line, else undefined. Maven is needed only as long as
 * the present sources have not been built.
 */
export function neo4jDevProblem(env = process.env) {
  if (!existsSync(join(TOOL, 'pom.xml')))
    return 'tools/neo4j-dev is not here; the development Neo4j runs from a checkout';
  const java = findJava(env);
  if (java.problem) return java.problem;
  if (findBuild(buildDirectory())) return undefined;
  return findMaven(env)
    ? undefined
    : 'no Maven: mvn is not on the PATH; it builds the development Neo4j once';
}

/** `{ program, version }` of the Java of JAVA_HOME or else the PATH, or `{ problem }`. */
function findJava(env) {
  const program = env.JAVA_HOME
    ? findProgram(['java'], join(env.JAVA_HOME, 'bin'))
    : findProgram(['java'], env.PATH);
  if (!program && env.JAVA_HOME)
    return { problem: `no Java: JAVA_HOME is ${env.JAVA_HOME}, and there is no bin/java in it` };
  if (!program) return { problem: 'no Java: java is not on the PATH; install a JDK 17 or 21' };
  const answer = spawnSync(program, ['-version'], { encoding: 'utf8', timeout: 20_000, env });
  const found = /version "(\d+)/.exec(answer.stderr || '');
  if (!found) return { problem: `no Java: ${program} does not tell its version` };
  const version = Number(found[1]);
  if (version < 17) return { problem: `${program} is Java ${version}; JDK 17 or 21 is needed` };
  return { program, version };
}

function findMaven(env) {
  return findProgram(['mvn'], env.PATH);
}

/** Where the build of the present sources belongs. */
function buildDirectory() {
  const hash = createHash('sha256');
  const sources = readdirSync(join(TOOL, 'src'), { recursive: true }).map((name) =>
    join('src', String(name)),
  );
  for (const name of ['pom.xml', ...sources].sort())
    if (statSync(join(TOOL, name)).isFile())
      hash.update(name.replaceAll('\\', '/')).update(readFileSync(join(TOOL, name)));
  return join(TOOL, 'target', hash.digest('hex').slice(0, 16));
}

/** The class path of a finished build, unless one of its parts has gone from the local repository. */
function findBuild(directory) {
  const list = join(directory, 'classpath.txt');
  if (!existsSync(list)) return undefined;
  const parts = readFileSync(list, 'utf8').trim().split(delimiter);
  return parts.every((part) => existsSync(part))
    ? [join(directory, 'neo4j-dev.jar'), ...parts].join(delimiter)
    : undefined;
}

/**
 * Builds the server where its present sources are not built yet.
 * @param options `say` takes lines of progress, default none; `env`; `timeoutMs`, default ten minutes; `signal` ends it
 * @returns `{ java, classPath, archive }`, for `launchNeo4jDev`
 * @throws Neo4jDevError
 */
export async function buildNeo4jDev(options = {}) {
  const { say = () => {}, env = process.env, timeoutMs = BUILD_TIMEOUT_MS, signal } = options;
  const problem = neo4jDevProblem(env);
  if (problem) throw new Neo4jDevError('unfit', problem);
  const { program: java } = findJava(env);
  const directory = buildDirectory();
  if (!findBuild(directory)) {
    say('Building the development Neo4j (its parts are fetched once, about 140 MB) …');
    await build(directory, java, { env, timeoutMs, signal });
  }
  const classPath = findBuild(directory);
  if (!classPath)
    throw new Neo4jDevError('fetch', `the build of the development Neo4j in ${directory} is not whole`);
  return { java, classPath, archive: join(directory, ARCHIVE) };
}

/** In a directory of this process, so that two builds at once do not meet; the first to end is everybody's. */
async function build(directory, java, { env, timeoutMs, signal }) {
  const own = `${directory}.${process.pid}`;
  const args = ['-q', '-B', '-ntp', '-f', join(TOOL, 'pom.xml'), `-Doutput.directory=${own}`, 'package'];
  try {
    await runStep('mvn package', findMaven(env), args, { cwd: TOOL, env, timeoutMs, signal });
    rmSync(directory, { recursive: true, force: true });
    renameSync(own, directory);
  } catch (error) {
    if (findBuild(directory)) return;
    throw new Neo4jDevError(
      'fetch',
      `the development Neo4j could not be built: ${reasonOf(error, timeoutMs)}`,
    );
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
  removeOldBuilds(directory);
  await archiveClasses({ java, classPath: findBuild(directory) }, directory, { env, signal });
}

/**
 * Lets the JVM keep the classes of one start in a form that later ones map into memory: a start takes 2.9 s of
 * processor time with it and 4.6 without. A JVM that cannot use it does without.
 */
async function archiveClasses(build, directory, { env, signal }) {
  const own = join(directory, `rehearsal.${process.pid}`);
  const keep = `-XX:ArchiveClassesAtExit=${join(own, ARCHIVE)}`;
  try {
    const options = { data: join(own, 'data'), heapMb: 512, shortLived: true, signal };
    const server = await launchNeo4jDev(build, { ...options, env: { ...env, NEO4J_DEV_JAVA_OPTS: keep } });
    await Promise.race([server.stop(), afterMs(START_TIMEOUT_MS)]);
    await server.kill();
    renameSync(join(own, ARCHIVE), join(directory, ARCHIVE));
  } catch {
    // Slower starts are no reason to fail.
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function reasonOf(error, timeoutMs) {
  const said = error.message
    .split('\n')
    .filter((line) => line.includes('[ERROR]') && !/Help|re-run|^\s*\[ERROR\]\s*$/i.test(line));
  if (said.length > 0) return said.slice(0, 3).join('\n');
  const [first] = error.message.split('\n');
  return `${first} (it may take ${timeoutMs / 60_000} minutes at most; check the network, or the mirror in ~/.m2/settings.xml)`;
}

function removeOldBuilds(current) {
  const target = join(TOOL, 'target');
  for (const name of readdirSync(target))
    if (/^[0-9a-f]{16}$/.test(name) && join(target, name) !== current)
      rmSync(join(target, name), { recursive: true, force: true });
}

/**
 * Starts a server on 127.0.0.1 and resolves once it serves.
 * @param build what `buildNeo4jDev` answered
 * @param options `data`: directory of its data; `port`, default a free one; `password` of the user neo4j, default
 *   `graphshift` for new data; `maxDatabases`, default 100; `heapMb`, default 1024; `pageCacheMb`, default 64;
 *   `flight`: serve Arrow Flight on this port, 0 takes a free one, default not; `flightIdleSeconds` after which an import
 *   is aborted, default 600; `shortLived`: compile less, for servers that live for seconds; `say` takes what it says for
 *   people;
 *   `timeoutMs`, default two minutes; `signal` ends one that does not serve yet
 * @returns `{ url, flight, pid, exited, stop(), kill() }`; `flight` is `grpc://…` or undefined; both wait for its end and may be called twice
 * @throws Neo4jDevError
 */
export async function launchNeo4jDev(build, options) {
  const { env = process.env, say = () => {}, timeoutMs = START_TIMEOUT_MS, signal } = options;
  const child = spawn(build.java, javaArguments(build, options, env), {
    // Ctrl-C at the terminal is for the program that uses the server; the server is stopped after it.
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    // Not an argument: everybody on the machine can read those.
    env: { ...env, NEO4J_DEV_PASSWORD: options.password || '' },
  });
  endWithParent(child);
  const last = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    last.push(line);
    if (last.length > LAST_LINES) last.shift();
    if (!line.startsWith('neo4j-dev: ')) say(line);
  });
  const exited = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal || `exit code ${code}`));
  });
  const end = async (signal) => {
    child.kill(signal);
    await exited;
  };
  let flight;
  const ready = new Promise((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('FLIGHT ')) flight = line.slice('FLIGHT '.length);
      if (line.startsWith('READY ')) resolve(line.slice('READY '.length));
    });
  });
  const endEarly = () => child.kill('SIGTERM');
  signal?.addEventListener('abort', endEarly, { once: true });
  const url = await Promise.race([ready, exited.then(() => undefined), afterMs(timeoutMs)]);
  signal?.removeEventListener('abort', endEarly);
  if (typeof url !== 'string') {
    if (url === false) await end('SIGKILL');
    throw startError(
      child,
      last,
      url === false ? `it did not serve within ${timeoutMs / 1000} s` : await exited,
    );
  }
  return { url, flight, pid: child.pid, exited, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

function javaArguments(build, options, env) {
  const { heapMb = 1024, shortLived = false, port = 0, maxDatabases, pageCacheMb } = options;
  const named = {
    '--max-databases': maxDatabases,
    '--page-cache-mb': pageCacheMb,
    '--flight': options.flight,
    '--flight-idle-seconds': options.flightIdleSeconds,
  };
  return [
    `-Xmx${heapMb}m`,
    ...(shortLived ? ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'] : []),
    // A JVM that the archive does not fit would say so on standard output.
    ...(existsSync(build.archive ?? '') ? [`-XX:SharedArchiveFile=${build.archive}`, '-Xlog:disable'] : []),
    ...OPENED.map((part) => `--add-opens=${part}=ALL-UNNAMED`),
    ...(env.NEO4J_DEV_JAVA_OPTS ? env.NEO4J_DEV_JAVA_OPTS.split(' ').filter(Boolean) : []),
    ...['-cp', build.classPath, MAIN_CLASS],
    ...['--data', resolve(options.data), '--bolt', String(port)],
    ...Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)])),
  ];
}

/** The program says why in a line of its own; where it says nothing, its last words are shown. */
function startError(child, last, how) {
  const said = last.find((line) => line.startsWith('neo4j-dev: '));
  const kind = child.exitCode === 2 ? 'unfit' : 'failed';
  if (said) return new Neo4jDevError(kind, said.slice('neo4j-dev: '.length));
  return new Neo4jDevError(kind, `the development Neo4j ended (${how}): ${last.slice(-3).join(' | ')}`);
}

/** Resolves to false; it keeps nothing alive. */
function afterMs(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, false).unref();
  });
}
