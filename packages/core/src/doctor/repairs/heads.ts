import { HEAD_STATES, type State } from '../../deployment/states.ts';
import { left, outcomeOf, type Repair } from './repair.ts';

/** One deployment of a customer is its head, and what its older snapshots are measured by is the live one. */
export const mendHead: Repair = async ({ backend, mending }, { customer = '' }) => {
  const { deployments, wakeUps } = backend;
  const records = await deployments.list({ customer, limit: Number.MAX_SAFE_INTEGER });
  const underWay = records.filter(({ state }) => (HEAD_STATES as readonly State[]).includes(state));
  const live = records.filter(({ state }) => state === 'live');
  const { head, busy, done } = await mending.customer(
    customer,
    underWay.map(({ id }) => id),
    live.length === 1 ? live[0]?.timestamp : undefined,
  );
  if (busy) return left('several are in the hands of workers, and only a person knows which shall go on');
  await wakeUps.ensureHead(deployments, head);
  return outcomeOf(done);
};
