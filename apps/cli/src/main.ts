#!/usr/bin/env node
import { runCommand } from './run-command.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // A second signal ends what does not want to end.
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort(signal);
  });
}

process.exitCode = await runCommand(process.argv.slice(2), {
  environment: process.env,
  directory: process.cwd(),
  write: (text) => void process.stdout.write(text),
  signal: interrupted.signal,
});
