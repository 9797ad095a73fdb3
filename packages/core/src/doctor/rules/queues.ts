/** What follows the records: the letters of dead deployments, and the room that those under way have reserved. */

import { isActiveState } from '../../deployment/states.ts';
import { jobId, parseJobId } from '../../queue/catalogue.ts';
import { deploymentId, parseDatabaseName } from '../../snapshot/names.ts';
import { at, type Observation, type Rule } from '../finding.ts';
import { isDue, type Picture } from '../picture.ts';

export const deadLetter: Rule = {
  name: 'dead-letter',
  check: (picture) => [...missingLetters(picture), ...strayLetters(picture)],
};

function missingLetters(picture: Picture): Observation[] {
  const { unfinished, failed } = picture.letters;
  return [...picture.records.values()]
    .filter(({ state, changedAt }) => state === 'dead' && isDue(picture, changedAt))
    .filter(({ id, run }) => !unfinished.has(jobId(id, run)) && !failed.has(jobId(id, run)))
    .map(({ id, customer, changedAt }) => ({
      severity: 'warning',
      customer,
      subject: id,
      what: `${id} is dead since ${at(changedAt)}, and the queue dead-letter has no letter of it`,
      action:
        'Start a worker: its sweep writes the letter within seconds. `graphshift dead ls` shows it all the same.',
    }));
}

function strayLetters(picture: Picture): Observation[] {
  return [...picture.letters.failed].flatMap((letter): Observation[] => {
    const named = parseJobId(letter);
    const record = named && picture.records.get(named.deployment);
    if (record && record.state === 'dead' && record.run === named.run) return [];
    if (record && !isDue(picture, record.changedAt)) return [];
    const is = record ? `run ${record.run} of it is ${record.state}` : 'there is no such deployment';
    return [
      {
        severity: 'warning',
        ...(record && { customer: record.customer }),
        subject: letter,
        what: `letter ${letter} stands in the queue dead-letter, and ${is}`,
        action: record
          ? 'Nothing while a worker runs: its sweep takes the letter away.'
          : 'Retry it in Bull Board: that has no effect and takes the letter away.',
      },
    ];
  });
}

/** A gate that passed this long after a release has seen a listing that began after it. */
const LISTED_MS = 60_000;

export const reservation: Rule = {
  name: 'reservation',
  check: (picture) => {
    const lastPassed = Math.max(
      0,
      ...picture.audit.filter(({ to }) => to === 'gated').map((entry) => entry.at),
    );
    return picture.reservations.flatMap(({ database, releasedAt }): Observation[] => {
      const what = releasedAt === undefined ? heldProblem(picture, database) : undefined;
      if (what !== undefined)
        return [
          {
            severity: 'broken',
            subject: database,
            what,
            action: '`graphshift doctor --repair` gives it back; report it too.',
          },
        ];
      if (releasedAt === undefined || lastPassed - releasedAt < LISTED_MS) return [];
      return [
        {
          severity: 'warning',
          subject: database,
          what: `the room for ${database} was given back at ${at(releasedAt)}, and is still counted`,
          action: 'Nothing: the next deployment that passes the gate forgets it.',
        },
      ];
    });
  },
};

function heldProblem(picture: Picture, database: string): string | undefined {
  const snapshot = parseDatabaseName(database);
  const record = snapshot && picture.records.get(deploymentId(snapshot));
  if (!record) return `room is held for ${database}, and its deployment has no record`;
  if (isActiveState(record.state) || !isDue(picture, record.changedAt)) return undefined;
  return `room is held for ${database}, and ${record.id} is ${record.state} since ${at(record.changedAt)}`;
}
