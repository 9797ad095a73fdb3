import { type Repair, SETTLED } from './repair.ts';

/** Room that nobody holds is given back. */
export const mendRoom: Repair = async ({ mending }, { subject = '' }) => {
  const done = await mending.room(subject);
  if (done === undefined) return SETTLED;
  return {
    kind: 'mended',
    did: `${done === 'released' ? 'gave back' : 'forgot'} the room for ${subject}`,
  };
};
