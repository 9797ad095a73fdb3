import { listAliases } from '@graphshift/core';
import { act, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { printRows, shortTime } from '../output.ts';
import { Session } from '../session.ts';

/** Needs the graph store alone: what readers see must be told while Redis is down. */
export function addAliases(registry: Registry): void {
  const group = registry.program.command('aliases').description('what readers see');
  const list = makeCommand('ls', 'each alias, its database, since when, and what a rollback would go to');
  act(list, registry, async (options, surroundings) => {
    const session = new Session(surroundings, options);
    return session.withStore(async (store) => {
      printRows(
        session.output,
        await listAliases(store),
        [
          { title: 'CUSTOMER', value: (row) => row.customer },
          { title: 'DATABASE', value: (row) => row.database },
          { title: 'TIMESTAMP', value: (row) => row.timestamp, align: 'right' },
          { title: 'SINCE (UTC)', value: (row) => shortTime(row.since) },
          { title: 'ROLLBACK TO', value: (row) => row.rollback },
          { title: 'HELD', value: (row) => row.holds.map(({ timestamp }) => timestamp).join(' ') || null },
          {
            title: 'PINNED',
            value: (row) => (row.pin ? `since ${shortTime(row.pin.since)}: ${row.pin.reason}` : 'no'),
          },
        ],
        'no aliases',
      );
      return EXIT.done;
    });
  });
  group.addCommand(list);
}
