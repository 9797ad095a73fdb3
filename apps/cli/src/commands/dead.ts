import { GraphshiftError } from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { printRows, toJson } from '../output.ts';
import { Session } from '../session.ts';
import { checkId, DEPLOYMENT_COLUMNS, printOne } from './deployments.ts';

const BY = 'the command line';

export function addDead(registry: Registry): void {
  const group = registry.program.command('dead').description('dead letters: list, retry, discard');
  const list = makeCommand('ls', 'deployments that failed for good');
  act(list, registry, async (options, surroundings) => {
    const session = new Session(surroundings, options);
    return session.withBackend(async ({ operations }) => {
      const letters = await operations.deadLetters();
      printRows(session.output, letters, DEPLOYMENT_COLUMNS, 'no dead letters');
      return letters.length > 0 ? EXIT.unhealthy : EXIT.done;
    });
  });
  const retry = makeCommand('retry', 'start dead deployments over with fresh attempts')
    .argument('[id]')
    .option('--all', 'every dead letter')
    .addHelpText('after', examples('dead retry us-ca@980985600', 'dead retry --all'));
  act<{ all?: boolean }>(retry, registry, async (options, surroundings, id) => {
    if ((id === undefined) !== (options.all === true)) {
      throw new GraphshiftError('USAGE', 'dead retry takes either a deployment or --all');
    }
    const session = new Session(surroundings, options);
    return id === undefined ? retryAll(session) : retryOne(session, id);
  });
  const discard = makeCommand('discard', 'give a dead deployment up').argument('<id>');
  act(discard, registry, async (options, surroundings, id = '') => {
    const session = new Session(surroundings, options);
    return session.withBackend(async ({ operations }) => {
      printOne(session.output, await operations.discard(checkId(id), BY));
      return EXIT.done;
    });
  });
  group.addCommand(list).addCommand(retry).addCommand(discard);
}

async function retryOne(session: Session, id: string): Promise<number> {
  return session.withBackend(async ({ operations }) => {
    printOne(session.output, await operations.retry(checkId(id), BY));
    return EXIT.done;
  });
}

async function retryAll(session: Session): Promise<number> {
  return session.withBackend(async ({ operations }) => {
    const result = await operations.retryAllDead(BY);
    if (session.output.json) session.output.write(`${toJson(result, 2)}\n`);
    else {
      for (const view of result.retried) printOne(session.output, view);
      for (const { id, message } of result.failed) session.output.write(`${id}: ${message}\n`);
      if (result.retried.length + result.failed.length === 0) session.output.write('no dead letters\n');
    }
    return result.failed.length > 0 ? EXIT.unhealthy : EXIT.done;
  });
}
