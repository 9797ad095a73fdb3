import { join } from 'node:path';
import { asGraphshiftError } from '@graphshift/core';
import { parseBenchArguments } from './arguments.ts';
import { BENCHMARKS } from './benchmarks.ts';
import { ROOT } from './machine.ts';
import { runBenchmarks } from './run.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort(signal));

try {
  const asked = parseBenchArguments(process.argv.slice(2), BENCHMARKS, join(ROOT, 'bench', 'RESULTS.md'));
  await runBenchmarks(asked, {
    environment: process.env,
    signal: interrupted.signal,
    say: (line) => process.stderr.write(`${line}\n`),
    print: (text) => process.stdout.write(text),
  });
} catch (thrown) {
  const { code, message } = asGraphshiftError(thrown);
  process.stderr.write(`bench: ${message}\n`);
  process.exitCode = interrupted.signal.aborted ? 130 : code === 'USAGE' ? 2 : 1;
}
