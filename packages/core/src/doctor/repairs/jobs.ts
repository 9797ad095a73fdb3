/** Deployments without jobs, and jobs without deployments. */

import type { JobMended } from '../../queue/mending.ts';
import { left, type Outcome, type Repair, SETTLED } from './repair.ts';

/** The deployment gets the job that wakes a worker up. */
export const mendJob: Repair = async ({ backend, by }, { subject = '' }) => {
  const { deployments, wakeUps } = backend;
  const record = await deployments.get(subject);
  if (!record || !(await wakeUps.ensure(record))) return SETTLED;
  await deployments.recordAction({
    by,
    action: `doctor: added the job of run ${record.run}`,
    target: subject,
  });
  return { kind: 'mended', did: `added the job of ${subject}, run ${record.run}` };
};

/** A job of no deployment, or of a run that is over, goes. */
export const mendStrayJob: Repair = async ({ backend, mending }, { subject = '' }) =>
  takenAway(await mending.job(backend.wakeUps.queue, subject), `job ${subject}`);

/** @param what names the job or letter */
export function takenAway(result: JobMended, what: string): Outcome {
  switch (result) {
    case 'removed':
      return { kind: 'mended', did: `took ${what} away` };
    case 'held':
      return left('a worker has it in hand and ends it', 'Nothing: it goes by itself.');
    case 'newer':
      return left('a newer version of Graphshift made it', 'Leave it to a worker of that version.');
    case 'gone':
    case 'needed':
      return SETTLED;
  }
}
