import { join } from 'node:path';
import { asGraphshiftError } from '@graphshift/core';
import { parseDemoArguments } from './arguments.ts';
import { runDemo } from './demo.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort(signal));

try {
  process.exitCode = await runDemo(parseDemoArguments(process.argv.slice(2)), {
    directory: join(process.cwd(), '.graphshift', 'demo'),
    redisUrl: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
    environment: process.env as Record<string, string>,
    signal: interrupted.signal,
  });
} catch (thrown) {
  const { code, message, action } = asGraphshiftError(thrown);
  process.stderr.write(`demo: ${message}\n${code === 'USAGE' || code === 'INTERNAL' ? '' : `  ${action}\n`}`);
  // As the command line has it: 2 is wrong use, 3 a service that cannot be reached or used.
  if (code === 'USAGE' || code === 'CONFIG_INVALID') process.exitCode = 2;
  else process.exitCode = /^(REDIS|STORE)_(UNREACHABLE|UNFIT|LOGIN|DENIED|BUSY)$/.test(code) ? 3 : 1;
}
