import { adoptStore } from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { toJson } from '../output.ts';
import { Session } from '../session.ts';

const ANY_STORE = { anyStore: true } as const;

/** `store`: which graph store the records in Redis are about, and how they come to be about another one. */
export function addStore(registry: Registry): void {
  const group = registry.program
    .command('store')
    .description('the graph store that the records in Redis are about');
  const show = makeCommand('show', 'the one that the records are about, and the one of this configuration');
  act(show, registry, (options, surroundings) => {
    const session = new Session(surroundings, options);
    const { output } = session;
    return session.withBackend(async ({ identity }) => {
      const [known, own] = [await identity.known(), await identity.own()];
      const same = known === undefined || known.id === own?.id;
      const lines = [
        known ? `records of  ${known.url} (${known.host}, ${known.since})` : 'records of  no store yet',
        `here        ${own?.url ?? 'a store that has no id'}${same ? '' : ', which is another one'}`,
      ];
      output.write(output.json ? `${toJson({ known, own, same }, 2)}\n` : `${lines.join('\n')}\n`);
      return same ? EXIT.done : EXIT.unhealthy;
    }, ANY_STORE);
  });
  const adopt = makeCommand('adopt', 'let the records be about the store of this configuration from now on')
    .addHelpText('after', examples('store adopt --store neo4j://new-host:7687'))
    .addHelpText(
      'after',
      '\nAll processes must be stopped, and everything that is live must have been moved to this store.',
    );
  act(adopt, registry, (options, surroundings) => {
    const session = new Session(surroundings, options);
    const { output } = session;
    return session.withBackend(async (backend) => {
      const { before, now } = await adoptStore(backend, 'the command line');
      const line = `the records are about ${now?.url}, and were about ${before?.url ?? 'no store yet'}\n`;
      output.write(output.json ? `${toJson({ before, now }, 2)}\n` : line);
      return EXIT.done;
    }, ANY_STORE);
  });
  group.addCommand(show);
  group.addCommand(adopt);
}
