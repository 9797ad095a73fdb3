#!/usr/bin/env node
// The first signal stops in order, the second does not wait for running work, a third ends at once.
const [stop, hurry] = [new AbortController(), new AbortController()];
let asked = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    const next = [stop, hurry].find((step) => !step.signal.aborted);
    if (!next || !asked) process.exit(130);
    next.abort(signal);
  });
}

// Loaded now, not above: a process that is the first of its container and has no handler yet would not hear a signal.
const { runCommand } = await import('./run-command.ts');
process.exitCode = await runCommand(process.argv.slice(2), {
  environment: process.env,
  directory: process.cwd(),
  write: (text) => void process.stdout.write(text),
  // A command that never asks for it has nothing to put in order: its first signal ends it.
  get signal() {
    asked = true;
    return stop.signal;
  },
  hurry: hurry.signal,
  exit: (code) => process.exit(code),
});
