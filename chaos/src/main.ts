import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asGraphshiftError } from '@graphshift/core';
import { parseChaosArguments, USAGE } from './arguments.ts';
import { closingLine, runSuite } from './suite.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const say = (line: string) => void process.stdout.write(`${line}\n`);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort(signal));

try {
  const asked = parseChaosArguments(process.argv.slice(2), Date.now() % 1_000_000);
  if (asked.command === 'help') say(USAGE);
  if (asked.command === 'suite') {
    say(`seed ${asked.seed}`);
    const evidence = join(ROOT, '.graphshift', 'chaos');
    const totals = await runSuite({ ...asked, built: true, evidence, say, signal: interrupted.signal });
    for (const reason of totals.leftOut) say(`left out: ${reason}`);
    for (const failure of totals.failures) say(`FAILED: ${failure}`);
    say(closingLine(totals));
    process.exitCode = totals.failures.length > 0 ? 1 : 0;
  }
} catch (thrown) {
  const { code, message } = asGraphshiftError(thrown);
  process.stderr.write(`chaos: ${message}\n`);
  process.exitCode = code === 'USAGE' ? 2 : 1;
}
