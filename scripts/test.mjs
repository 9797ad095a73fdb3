// `npm test [-- vitest arguments]`: the set-up, what the tests need, lint, tree, types and tests.
// Its last line is `N passed, N failed`, plain and alone; the exit code is 0 only when nothing failed and
// something ran. The tests start servers of their own: nothing of the user's environment reaches them.
import './require-node.mjs';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOrInstallBrowser } from './browser.mjs';
import { buildNeo4jDev, neo4jDevProblem } from './neo4j-dev.mjs';
import { isProgram, ROOT } from './project.mjs';
import { advice, findOrInstallServer } from './redis.mjs';
import { binary, setUp, turbo } from './setup.mjs';
import { runStep, StepError } from './steps.mjs';
import { thisSystem } from './system-packages.mjs';
import { closingAccount } from './tally.mjs';
import { endWithParent } from './watchdog.mjs';

const say = (line) => console.log(line);

/** Settings that have a name of their own, without a prefix; a test holds them against the settings. */
export const BARE_SETTINGS = [
  'REDIS_URL',
  'HEALTH_PORT',
  'HEARTBEAT_INTERVAL',
  'HEARTBEAT_TIMEOUT',
  'HEARTBEAT_WARNING_THRESHOLD',
  'HEARTBEAT_CHECK_INTERVAL',
  'EMERGENCY_THRESHOLD',
  'EMERGENCY_RECOVERY_ENABLED',
  'MAX_RETRY_ATTEMPTS',
  'RETRY_DELAY_SECONDS',
  'EXPONENTIAL_BACKOFF',
  'CIRCUIT_BREAKER_THRESHOLD',
  'CIRCUIT_BREAKER_TIMEOUT',
];

/** The environment of the tests: the caller's without what would lead them to the caller's own services and settings. */
export function testEnvironment(env) {
  const kept = Object.entries(env).filter(
    ([name]) => !BARE_SETTINGS.includes(name) && !name.startsWith('GRAPHSHIFT_'),
  );
  return Object.fromEntries(kept);
}

/**
 * Runs vitest with what people read on the terminal, and resolves to its exit code (a signal counts as 1) and
 * what the reporter wrote, undefined when it wrote nothing.
 */
export async function runTests(args, env, options = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'graphshift-tally-'));
  const tally = join(directory, 'tally.json');
  const reporters = ['--reporter=default', `--reporter=${join(ROOT, 'scripts', 'tally-reporter.mjs')}`];
  try {
    const exitCode = await new Promise((resolve, reject) => {
      const child = spawn(binary('vitest'), ['run', ...reporters, ...args], {
        cwd: options.cwd || ROOT,
        env: { ...env, GRAPHSHIFT_TALLY: tally },
        stdio: ['ignore', options.output || 'inherit', options.output || 'inherit'],
      });
      endWithParent(child);
      child.once('error', reject);
      child.once('exit', (code) => resolve(code === null ? 1 : code));
    });
    return { exitCode, run: readTally(tally) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readTally(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

async function check(name, step) {
  say(`${name} …`);
  try {
    await step();
    return { name, ok: true };
  } catch (error) {
    say(error instanceof StepError || error.foreseen ? error.message : error.stack);
    return { name, ok: false };
  }
}

/** Redis is needed by the tests, a browser only by some: without one those say that they did not run. */
async function haveServices() {
  const found = await findOrInstallServer(thisSystem(), true, say);
  if (!found.program)
    throw new StepError(
      'Redis for the tests',
      `${found.problem}\nThe tests start servers of their own.`,
      advice(process.platform),
    );
  if (!(await findOrInstallBrowser(say)))
    say('No Chromium or Chrome: the tests that look at pages will not run.');
}

/**
 * The development Neo4j, built where Java and Maven are there. A build that fails is a failed check; without it, as on
 * a machine without Java, the tests that need it say that they did not run.
 * @returns the check, undefined where there is nothing to build with
 */
async function haveNeo4j(env) {
  if (env.NEO4J_TEST_URI) say(`Neo4j: the server of NEO4J_TEST_URI (${withoutPassword(env.NEO4J_TEST_URI)})`);
  const problem = neo4jDevProblem();
  if (problem) {
    say(`No development Neo4j: the tests that need it will not run (${problem}).`);
    return undefined;
  }
  const built = await check('development Neo4j', () => buildNeo4jDev({ say }));
  if (!built.ok) env.GRAPHSHIFT_TEST_NEO4J_PROBLEM = 'the build of the development Neo4j has failed';
  return built;
}

function withoutPassword(uri) {
  return uri.replace(/\/\/.*@/, '//');
}

async function main(args) {
  const env = testEnvironment(process.env);
  const prepared = await check('set-up', async () => {
    await setUp(say);
    await haveServices();
  });
  const checks = [prepared];
  let tests = { exitCode: 1, run: undefined };
  if (prepared.ok) {
    const neo4j = await haveNeo4j(env);
    if (neo4j) checks.push(neo4j);
    const quiet = { cwd: ROOT, env };
    checks.push(
      await check('lint', () => runStep('biome check', binary('biome'), ['check', '.'], quiet)),
      await check('tree', () => runStep('check-tree', process.execPath, ['scripts/check-tree.mjs'], quiet)),
      await check('types', () => turbo('typecheck', undefined, env)),
    );
    say('tests …');
    tests = await runTests(args, { ...env, GRAPHSHIFT_TEST_BUILDS: 'true' });
  }
  const account = closingAccount(checks, tests.run, tests.exitCode);
  for (const line of account.lines) say(line);
  return account.ok ? 0 : 1;
}

if (isProgram(import.meta.url)) process.exitCode = await main(process.argv.slice(2));
