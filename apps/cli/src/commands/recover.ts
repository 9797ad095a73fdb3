import type { Recovery, RecoveryReport } from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { type Output, printable, toJson } from '../output.ts';
import { Session } from '../session.ts';

const BY = 'the command line';

interface RecoverOptions {
  readonly emergency?: boolean;
  readonly dismiss?: boolean;
  readonly reason?: string;
}

/** `recover`: takes from an instance what it holds, or the whole emergency procedure; exit code 1 where a step failed. */
export function addRecover(registry: Registry): void {
  const recover = makeCommand('recover', 'take from an instance what it holds, and hand it on')
    .argument('<instance>')
    .option('--emergency', 'the whole procedure: release by force, redistribute, verify, reset')
    .option(
      '--dismiss',
      'end the emergency that a failed recovery of the instance raised, and do nothing else',
    )
    .option('--reason <TEXT>', 'kept in the report and the audit trail')
    .addHelpText(
      'after',
      examples(
        'recover worker-3-17-0a1b2c',
        'recover worker-3-17-0a1b2c --emergency --reason "node is gone"',
      ),
    );
  act<RecoverOptions>(recover, registry, (options, surroundings, instance = '') => {
    const session = new Session(surroundings, options);
    const { output } = session;
    return session.withBackend(async ({ recovery }) => {
      if (options.dismiss) return dismiss(recovery, instance, output);
      const { reason = `asked for by ${BY}` } = options;
      const kind = options.emergency ? 'emergency' : 'recovery';
      const report = await recovery.recover(instance, { kind, by: BY, reason });
      output.write(output.json ? `${toJson(report, 2)}\n` : show(report));
      return report.outcome === 'recovered' ? EXIT.done : EXIT.unhealthy;
    });
  });
  registry.program.addCommand(recover);
}

async function dismiss(recovery: Recovery, instance: string, output: Output): Promise<number> {
  await recovery.dismiss(instance, BY);
  const line = `the emergency of ${instance} is dismissed\n`;
  output.write(output.json ? `${toJson({ dismissed: instance })}\n` : line);
  return EXIT.done;
}

function show({ instance, kind, outcome, durationMs, steps, deployments }: RecoveryReport): string {
  const lines = steps.flatMap(({ step, found, did, attempts, outcome: how, error }) => [
    `${step.padEnd(12)}  ${how}${attempts > 1 ? ` after ${attempts} attempts` : ''}${error ? ` (${printable(error)})` : ''}`,
    ...(found ? [`              found ${printable(found)}`] : []),
    `              ${printable(did)}`,
  ]);
  const seconds = (durationMs / 1000).toFixed(1);
  const last =
    outcome === 'recovered'
      ? `${instance}: ${kind} done in ${seconds} s, ${deployments.length === 1 ? '1 deployment' : `${deployments.length} deployments`} handed on`
      : `${instance}: ${kind} failed after ${seconds} s; the system is in EMERGENCY until it succeeds or is dismissed`;
  return `${[...lines, last].join('\n')}\n`;
}
