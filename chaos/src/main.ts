import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asGraphshiftError } from '@graphshift/core';
import { parseChaosArguments, USAGE } from './arguments.ts';
import { measureRedistribution, percentile } from './redistribution.ts';
import { closingLine, runSuite } from './suite.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** From a worker's death to its deployment in other hands, by docs/chaos.md. */
const MOST_SECONDS = 60;
const say = (line: string) => void process.stdout.write(`${line}\n`);
// Each process that is watched listens to this one's end.
process.setMaxListeners(100);
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
  if (asked.command === 'redistribution') {
    const program = new URL('../dist/chaos/src/actor-program.js', import.meta.url);
    const { tookMs, lost, seconds } = await measureRedistribution({
      ...asked,
      program,
      say,
      signal: interrupted.signal,
    });
    const [p50, p99, most] = [50, 99, 100].map((percent) => percentile(tookMs, percent) / 1000);
    for (const deployment of lost) say(`FAILED: nobody took up ${deployment}`);
    say(
      `${tookMs.length + lost.length} SIGKILLs in ${seconds} s: taken up again after p50 ${p50} s, p99 ${p99} s, at most ${most} s`,
    );
    process.exitCode = lost.length > 0 || !(most !== undefined && most <= MOST_SECONDS) ? 1 : 0;
  }
} catch (thrown) {
  const { code, message } = asGraphshiftError(thrown);
  process.stderr.write(`chaos: ${message}\n`);
  process.exitCode = code === 'USAGE' ? 2 : 1;
}
