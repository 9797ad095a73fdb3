import { asGraphshiftError, type ErrorCode, failuresOf, GraphshiftError, VERSION } from '@graphshift/core';
import { Command, CommanderError } from 'commander';
import type { Registry } from './command.ts';
import { addAliases } from './commands/aliases.ts';
import { addAudit } from './commands/audit.ts';
import { addConfig } from './commands/config.ts';
import { addDead } from './commands/dead.ts';
import { addDeployments } from './commands/deployments.ts';
import { addDev } from './commands/dev.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExplain } from './commands/explain.ts';
import { addProcesses } from './commands/processes.ts';
import { addQuery } from './commands/query.ts';
import { addRecover } from './commands/recover.ts';
import { addRollback } from './commands/rollback.ts';
import { addSimulate } from './commands/simulate.ts';
import { addStatus } from './commands/status.ts';
import { addStore } from './commands/store.ts';
import { addUp } from './commands/up.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { toJson } from './output.ts';
import type { Surroundings } from './session.ts';

const ADD = [
  addUp,
  addProcesses,
  addStatus,
  addDeployments,
  addDead,
  addAliases,
  addRollback,
  addAudit,
  addExplain,
  addDoctor,
  addRecover,
  addStore,
  addQuery,
  addSimulate,
  addConfig,
  addDev,
];

/** Runs one command line and answers its exit code; errors are one line on standard error. */
export async function runCommand(values: readonly string[], surroundings: Surroundings): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = new Command('graphshift')
    .description('Turns snapshot directories into live graph databases with no reader ever noticing')
    .version(VERSION, '--version', 'print the version')
    .showSuggestionAfterError()
    .exitOverride();
  const registry: Registry = {
    program,
    surroundings,
    finish: (code) => {
      exitCode = code;
    },
  };
  for (const add of ADD) add(registry);
  everyCommand(program, (command) =>
    command.exitOverride().configureOutput({ writeOut: surroundings.write }),
  );
  try {
    await program.parseAsync([...values], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongUse;
    report(error, values.includes('--json'));
    return exitCodeOf(error);
  }
}

function everyCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) everyCommand(child, visit);
}

/** What is wrong and what to do about it; a configuration's message says both already. */
function oneLine(code: ErrorCode, message: string, action: string): string {
  if (code === 'INTERNAL' || code === 'CONFIG_INVALID') return message;
  return `${message}${/[.!?]$/.test(message) ? '' : '.'} ${action}`;
}

function report(thrown: unknown, json: boolean): void {
  const error = asGraphshiftError(thrown);
  const failures = failuresOf(error).map(({ code, message, action }) => ({ code, message, action }));
  const [first] = failures;
  if (json) {
    const several = failures.length > 1 ? { failures } : {};
    process.stderr.write(`${toJson({ error: { ...first, ...several } })}\n`);
  } else {
    for (const { code, message, action } of failures)
      process.stderr.write(`graphshift: ${oneLine(code, message, action)}\n`);
  }
  if (!(thrown instanceof GraphshiftError) && thrown instanceof Error)
    process.stderr.write(`${thrown.stack}\n`);
}
