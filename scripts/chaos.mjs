// `pnpm chaos [arguments]`: the set-up, then the crash suite from its sources, as the tests run them. The exit code is
// the program's.
import './require-node.mjs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { isProgram, ROOT } from './project.mjs';
import { setUp } from './setup.mjs';
import { runCommand } from './steps.mjs';
import { endWithParent } from './watchdog.mjs';

const FROM_SOURCES = ['--import', 'tsx', '--conditions=graphshift-source'];

/** Runs the suite to its end; signals reach it through the terminal or are passed on. @returns its exit code */
export function runChaos(args) {
  return new Promise((resolve, reject) => {
    const program = join(ROOT, 'chaos', 'src', 'main.ts');
    const child = spawn(process.execPath, [...FROM_SOURCES, program, ...args], {
      cwd: ROOT,
      stdio: 'inherit',
    });
    endWithParent(child);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.once('error', reject);
    child.once('exit', (code) => resolve(code === null ? 1 : code));
  });
}

async function main() {
  await setUp((line) => console.error(line));
  return runChaos(process.argv.slice(2));
}

if (isProgram(import.meta.url)) await runCommand(main);
