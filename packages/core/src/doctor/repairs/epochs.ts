import { type Repair, SETTLED } from './repair.ts';

/** Redis comes to the epoch that the store has seen. */
export const mendEpoch: Repair = async ({ changes, backend, by }, { customer = '' }) => {
  const before = await backend.deployments.currentEpoch(customer);
  const epoch = await changes.upkeepEpoch(customer);
  if (epoch === before) return SETTLED;
  const action = `doctor: brought the epoch of ${customer} from ${before} to ${epoch}`;
  await backend.deployments.recordAction({ by, action, target: customer });
  return { kind: 'mended', did: `brought the epoch of ${customer} from ${before} to ${epoch}` };
};
