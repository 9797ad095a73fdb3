import {
  type Backend,
  examine,
  type Finding,
  GraphshiftError,
  mend,
  type Repaired,
  SETTLE_MS,
} from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { printable, toJson } from '../output.ts';
import { Session } from '../session.ts';

const SETTLE_MAX_SECONDS = 600;
/** In the audit stream. */
const BY = 'the command line';

/**
 * `doctor`: compares Redis, the store and the disk with the invariants; with `--repair` mends what can be judged. Exit
 * code 1 where something is off, after the repair where there was one.
 */
export function addDoctor(registry: Registry): void {
  const doctor = makeCommand(
    'doctor',
    'compare Redis, the store and the disk with what must hold; mends only when asked',
  )
    .option(
      '--settle <SECONDS>',
      `between two looks; what both find counts (default: ${SETTLE_MS / 1000})`,
      String(SETTLE_MS / 1000),
    )
    .option('--repair', 'mend what can be judged, look again, and say what is left to a person')
    .addHelpText('after', examples('doctor', 'doctor --json', 'doctor --settle 30', 'doctor --repair'));
  act<{ settle: string; repair?: boolean }>(doctor, registry, (options, surroundings) => {
    const settleMs = settleOf(options.settle) * 1000;
    const session = new Session(surroundings, options);
    return session.withBackend(async (backend) => {
      const found = await examine(backend, { settleMs });
      const seen = options.repair ? await repair(backend, found, settleMs) : { findings: found };
      const healthy = seen.findings.length === 0;
      session.output.write(session.output.json ? `${toJson({ healthy, ...seen }, 2)}\n` : show(seen));
      return healthy ? EXIT.done : EXIT.unhealthy;
    });
  });
  registry.program.addCommand(doctor);
}

interface Seen {
  readonly findings: readonly Finding[];
  /** What was done about what was found before; left out where nobody asked. */
  readonly repairs?: readonly Repaired[];
}

function show({ findings, repairs = [] }: Seen): string {
  return `${account(repairs)}${findings.length === 0 ? 'healthy: nothing is off\n' : report(findings)}`;
}

/** Mends what was found, and looks again: what is left is what counts. */
async function repair(backend: Backend, found: readonly Finding[], settleMs: number): Promise<Seen> {
  if (found.length === 0) return { findings: [], repairs: [] };
  const repairs = await mend(backend, found, { by: BY });
  return { findings: await examine(backend, { settleMs }), repairs };
}

/** Three lines a finding: what was off, what was done, and what a person does about it where that is left. */
function account(repairs: readonly Repaired[]): string {
  if (repairs.length === 0) return '';
  const lines = repairs.flatMap(({ outcome, rule, what, did, action }) => [
    `${outcome.padEnd(7)}  ${rule}: ${printable(what)}`,
    `         ${printable(did)}`,
    ...(action === null ? [] : [`         ${printable(action)}`]),
  ]);
  const count = (outcome: Repaired['outcome']) => repairs.filter((one) => one.outcome === outcome).length;
  const counts = OUTCOMES.filter((outcome) => count(outcome) > 0).map(
    (outcome) => `${count(outcome)} ${outcome}`,
  );
  return `${[...lines, counts.join(', ')].join('\n')}\n\nlooked again:\n`;
}

const OUTCOMES = ['mended', 'settled', 'left', 'failed'] as const;

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
