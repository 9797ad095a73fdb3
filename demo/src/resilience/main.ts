import { join } from 'node:path';
import { asGraphshiftError } from '@graphshift/core';
import { parseResilienceArguments, USAGE } from './arguments.ts';
import { showResilience } from './story.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort(signal));

try {
  const { quick, help } = parseResilienceArguments(process.argv.slice(2));
  if (help) process.stdout.write(`${USAGE}\n`);
  else
    process.exitCode = await showResilience(quick, {
      directory: join(process.cwd(), '.graphshift', 'demo-resilience'),
      redisUrl: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
      environment: process.env as Record<string, string>,
      signal: interrupted.signal,
    });
} catch (thrown) {
  const { code, message } = asGraphshiftError(thrown);
  if (interrupted.signal.aborted) process.exitCode = 130;
  else {
    process.stderr.write(`demo: ${message}\n`);
    process.exitCode = code === 'USAGE' ? 2 : 1;
  }
}
