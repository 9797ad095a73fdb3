// `npm run setup`: installs the packages and builds them. Quiet, repeatable, and quick when nothing changed.
// It promises that afterwards the commands of this checkout run; it starts no service.
import './require-node.mjs';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isProgram, PNPM, ROOT } from './project.mjs';
import { runCommand, runStep } from './steps.mjs';

const STAMP = join(ROOT, 'node_modules', '.graphshift-setup');
const QUIET = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', TURBO_NO_UPDATE_NOTIFIER: '1' };

/**
 * Brings the checkout up to date with its lock file and its sources.
 * @param say takes one line of progress; default: prints it
 * @throws StepError with the failed step's output and what to do
 */
export async function setUp(say = (line) => console.log(line)) {
  const wanted = installFingerprint();
  if (!isInstalled(wanted)) {
    say('Installing packages …');
    rmSync(STAMP, { force: true });
    await installPackages();
    writeFileSync(STAMP, wanted);
  }
  say('Building …');
  await turbo('build', 'Mend the source that the output names, then run: npm run setup');
}

/**
 * Runs one turbo task over all packages; turbo itself skips what has not changed. Through pnpm, since turbo runs the
 * packages' scripts with the pnpm that it finds on the PATH.
 */
export function turbo(task, advice, env = process.env) {
  const args = ['--yes', PNPM, 'exec', 'turbo', 'run', task, '--output-logs=errors-only'];
  return runStep(`turbo run ${task}`, 'npx', args, {
    cwd: ROOT,
    env: { ...env, ...QUIET },
    advice,
  });
}

/** An installed development tool of the checkout, by name. */
export function binary(name) {
  return join(ROOT, 'node_modules', '.bin', name);
}

async function installPackages() {
  const args = ['--yes', PNPM, 'install', '--frozen-lockfile', '--reporter=append-only'];
  // pnpm asks before it replaces a node_modules that another version made; nobody is there to answer.
  const env = { ...process.env, CI: 'true' };
  await runStep(`npx ${args.join(' ')}`, 'npx', args, {
    cwd: ROOT,
    env,
    advice: 'Check the network (and the proxy or registry that npm uses), then run: npm run setup',
  });
}

function workspaces() {
  const below = (folder) => readdirSync(join(ROOT, folder)).map((name) => join(ROOT, folder, name));
  const single = ['demo', 'bench', 'chaos'].map((name) => join(ROOT, name));
  return [ROOT, ...['apps', 'packages', 'tools'].flatMap(below), ...single].filter((directory) =>
    existsSync(join(directory, 'package.json')),
  );
}

/** Changes when an install would: with a manifest, the lock file, the workspace's settings, Node or the platform. */
function installFingerprint() {
  const hash = createHash('sha256');
  hash.update(`${process.version} ${process.platform} ${process.arch} ${ROOT}`);
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml'].map((name) => join(ROOT, name));
  for (const file of [...files, ...workspaces().map((directory) => join(directory, 'package.json'))])
    hash.update(readFileSync(file));
  return hash.digest('hex');
}

function isInstalled(wanted) {
  if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== wanted) return false;
  return workspaces().every((directory) => existsSync(join(directory, 'node_modules')));
}

if (isProgram(import.meta.url))
  await runCommand(async () => {
    await setUp();
    console.log('Ready. Next: npm run demo, or npm test.');
  });
