import { examine, type Finding, GraphshiftError, SETTLE_MS } from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { printable, toJson } from '../output.ts';
import { Session } from '../session.ts';

const SETTLE_MAX_SECONDS = 600;

/** `doctor`: compares Redis, the store and the disk with the invariants; exit code 1 where something is off. */
export function addDoctor(registry: Registry): void {
  const doctor = makeCommand(
    'doctor',
    'compare Redis, the store and the disk with what must hold; changes nothing',
  )
    .option(
      '--settle <SECONDS>',
      `between two looks; what both find counts (default: ${SETTLE_MS / 1000})`,
      String(SETTLE_MS / 1000),
    )
    .option('--repair', 'not there yet')
    .addHelpText('after', examples('doctor', 'doctor --json', 'doctor --settle 30'));
  act<{ settle: string; repair?: boolean }>(doctor, registry, (options, surroundings) => {
    if (options.repair)
      throw new GraphshiftError(
        'USAGE',
        'doctor --repair is not there yet: the doctor looks and changes nothing',
      );
    const settleMs = settleOf(options.settle) * 1000;
    const session = new Session(surroundings, options);
    return session.withBackend(async (backend) => {
      const findings = await examine(backend, { settleMs });
      const healthy = findings.length === 0;
      if (session.output.json) session.output.write(`${toJson({ healthy, findings }, 2)}\n`);
      else session.output.write(healthy ? 'healthy: nothing is off\n' : report(findings));
      return healthy ? EXIT.done : EXIT.unhealthy;
    });
  });
  registry.program.addCommand(doctor);
}

function settleOf(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= SETTLE_MAX_SECONDS) return seconds;
  throw new GraphshiftError(
    'USAGE',
    `--settle is ${JSON.stringify(text)}; it must be a number of seconds from 0 to ${SETTLE_MAX_SECONDS}`,
  );
}

/** Two lines a finding, what is off and what to do, and a last one that counts. */
function report(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ severity, rule, invariant, what, action }) => [
    `${severity.padEnd(7)}  ${rule}${invariant === undefined ? '' : ` (invariant ${invariant})`}: ${printable(what)}`,
    `         ${printable(action)}`,
  ]);
  const broken = findings.filter(({ severity }) => severity === 'broken').length;
  const warnings = findings.length - broken;
  return `${[...lines, `${broken} broken, ${warnings} warning${warnings === 1 ? '' : 's'}`].join('\n')}\n`;
}
