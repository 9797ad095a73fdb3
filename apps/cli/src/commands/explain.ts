import {
  asGraphshiftError,
  type Explanation,
  explain,
  explainFailure,
  GraphshiftError,
  parseTimestamp,
} from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { printable, toJson } from '../output.ts';
import { Session } from '../session.ts';

/** `explain`: why a customer's newest snapshot is not live; exit code 0 only where it is. */
export function addExplain(registry: Registry): void {
  const command = makeCommand(
    'explain',
    'why the newest snapshot of a customer is not live: one cause, one action',
  )
    .argument('<customer>')
    .option('--snapshot <TIMESTAMP>', 'ask about this snapshot (default: the newest)')
    .addHelpText(
      'after',
      examples('explain us-ca', 'explain us-ca --json', 'explain us-ca --snapshot 980985600'),
    );
  act<{ snapshot?: string }>(command, registry, async (options, surroundings, customer = '') => {
    const session = new Session(surroundings, options);
    const found = await ask(session, customer, snapshotOf(options.snapshot));
    const { output } = session;
    output.write(output.json ? `${toJson(found, 2)}\n` : show(found));
    return exitCode(found);
  });
  registry.program.addCommand(command);
}

async function ask(session: Session, customer: string, snapshot: number | undefined): Promise<Explanation> {
  try {
    return await session.withBackend((backend) => explain(backend, { customer, snapshot }));
  } catch (error) {
    const explained = explainFailure(customer, asGraphshiftError(error));
    if (!explained) throw error;
    return explained;
  }
}

function exitCode({ cause, fine }: Explanation): number {
  if (isUnreachable(cause)) return EXIT.unreachable;
  return fine ? EXIT.done : EXIT.unhealthy;
}

function isUnreachable(cause: Explanation['cause']): boolean {
  return cause === 'redis-unreachable' || cause === 'store-unreachable';
}

function snapshotOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timestamp = parseTimestamp(text);
  if (timestamp !== undefined) return timestamp;
  throw new GraphshiftError(
    'USAGE',
    `--snapshot is ${JSON.stringify(text)}; it must be a snapshot's unix time in seconds`,
  );
}

function show({ customer, snapshot, deployment, state, live, cause, why, action }: Explanation): string {
  const recorded = deployment === null ? 'has no record' : `is ${state}`;
  const lines = [
    ...(snapshot === null ? [] : [['snapshot', `${customer}@${snapshot} ${recorded}`]]),
    ['cause', `${cause}: ${why}`],
    ['next', action],
    ['live', live?.database ?? (isUnreachable(cause) ? 'not known' : 'nothing')],
  ];
  return lines.map(([name = '', text = '']) => `${name.padEnd(8)}  ${printable(text)}\n`).join('');
}
