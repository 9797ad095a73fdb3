// `pnpm bench [arguments]`: builds what has changed, then runs the benchmarks from the builds: sources would be
// compiled in every measured process. The exit code is the program's.
import './require-node.mjs';
import { join } from 'node:path';
import { runProgram } from './demo.mjs';
import { isProgram, ROOT } from './project.mjs';
import { setUp } from './setup.mjs';
import { runCommand } from './steps.mjs';

async function main() {
  // Standard output is for the figures.
  await setUp((line) => console.error(line));
  return runProgram(join(ROOT, 'bench', 'dist', 'main.js'), process.argv.slice(2));
}

if (isProgram(import.meta.url)) await runCommand(main);
