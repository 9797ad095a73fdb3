import { parseJobId } from '../../queue/catalogue.ts';
import { takenAway } from './jobs.ts';
import { type Repair, SETTLED } from './repair.ts';

/** A dead deployment has its letter, and a letter its dead deployment. */
export const mendLetter: Repair = async ({ backend, mending, by }, { subject = '' }) => {
  const { deployments, letters } = backend;
  const named = parseJobId(subject);
  const record = await deployments.get(named?.deployment ?? subject);
  if (named && !(record?.state === 'dead' && record.run === named.run))
    return takenAway(await mending.job(letters.queue, subject), `letter ${subject}`);
  if (record?.state !== 'dead' || !(await letters.ensure(record))) return SETTLED;
  await deployments.recordAction({ by, action: 'doctor: wrote its dead letter', target: record.id });
  return { kind: 'mended', did: `wrote the letter of ${record.id}` };
};
