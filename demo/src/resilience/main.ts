import { join } from 'node:path';
import { asGraphshiftError } from '@graphshift/core';
import { showResilience } from './story.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort(signal));

try {
  process.exitCode = await showResilience({
    directory: join(process.cwd(), '.graphshift', 'demo-resilience'),
    redisUrl: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
    environment: process.env as Record<string, string>,
    signal: interrupted.signal,
  });
} catch (thrown) {
  if (interrupted.signal.aborted) process.exitCode = 130;
  else {
    process.stderr.write(`demo: ${asGraphshiftError(thrown).message}\n`);
    process.exitCode = 1;
  }
}
