import { type AliasView, GraphshiftError, parseTimestamp } from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { type Output, toJson } from '../output.ts';
import { Session } from '../session.ts';
import { checkCustomer } from './deployments.ts';

const BY = 'the command line';

/** `rollback`, `pin`, `unpin`: what a person does with a customer's alias. */
export function addRollback(registry: Registry): void {
  const rollback = makeCommand('rollback', 'move a customer back to a kept database, and hold what it leaves')
    .argument('<customer>')
    .option('--to <TIMESTAMP>', 'snapshot to go back to (default: the newest one before the live one)')
    .option('--reason <TEXT>', 'kept with the hold')
    .addHelpText(
      'after',
      examples('rollback us-ca', 'rollback us-ca --to 980985600 --reason "bad airports"'),
    );
  act<{ to?: string; reason?: string }>(rollback, registry, (options, surroundings, customer = '') => {
    const session = new Session(surroundings, options);
    const request = { customer: checkCustomer(customer), to: checkTimestamp(options.to), by: BY };
    return session.withBackend(async ({ operations }) => {
      const alias = await operations.rollback({ ...request, reason: options.reason });
      print(session.output, alias, `${alias.customer} is ${alias.database} again; ${held(alias)}`);
      return EXIT.done;
    });
  });
  const pin = makeCommand('pin', 'let nothing pass for a customer, not even newer snapshots, until unpinned')
    .argument('<customer>')
    .option('--reason <TEXT>', 'kept with the pin')
    .addHelpText('after', examples('pin us-ca --reason "audit until Friday"'));
  act<{ reason?: string }>(pin, registry, (options, surroundings, customer = '') => {
    const session = new Session(surroundings, options);
    const name = checkCustomer(customer);
    return session.withBackend(async ({ operations }) => {
      const alias = await operations.pin(name, BY, options.reason);
      print(session.output, alias, `${alias.customer} is pinned to ${alias.database}: ${alias.pin?.reason}`);
      return EXIT.done;
    });
  });
  const unpin = makeCommand('unpin', 'let newer snapshots of a customer pass again')
    .argument('<customer>')
    .addHelpText('after', examples('unpin us-ca'));
  act(unpin, registry, (options, surroundings, customer = '') => {
    const session = new Session(surroundings, options);
    const name = checkCustomer(customer);
    return session.withBackend(async ({ operations }) => {
      const alias = await operations.unpin(name, BY);
      print(session.output, alias, `${alias.customer} is not pinned; it is ${alias.database}`);
      return EXIT.done;
    });
  });
  registry.program.addCommand(rollback).addCommand(pin).addCommand(unpin);
}

function print(output: Output, alias: AliasView, line: string): void {
  output.write(output.json ? `${toJson(alias, 2)}\n` : `${line}\n`);
}

function held({ customer, holds }: AliasView): string {
  const timestamp = holds.at(-1)?.timestamp;
  return `snapshot ${timestamp} is held (to let it pass: graphshift deployments retry ${customer}@${timestamp})`;
}

/** @throws USAGE */
function checkTimestamp(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timestamp = parseTimestamp(text);
  if (timestamp !== undefined) return timestamp;
  throw new GraphshiftError(
    'USAGE',
    `--to is ${JSON.stringify(text)}; it must be a snapshot's unix time in seconds`,
  );
}
