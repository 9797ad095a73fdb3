/** What crashes and retention left in the store goes, by the same judgement as a worker's upkeep, under the customer's epoch. */

import { left, type Repair, SETTLED } from './repair.ts';

/** A database that nothing living will finish or publish is dropped. */
export const mendLeftover: Repair = async ({ backend, retention, by }, { customer, subject = '' }) => {
  const { store, deployments } = backend;
  const listing = await store.list(customer === undefined ? {} : { customer });
  const databases = listing.databases.filter(({ name }) => name === subject);
  if (databases.length === 0) return SETTLED;
  await retention.sweepLeftovers({ databases, aliases: listing.aliases });
  const after = await store.list(customer === undefined ? {} : { customer });
  if (after.databases.some(({ name }) => name === subject))
    return left('something living may still need it, or nothing says whom it belongs to');
  await deployments.recordAction({ by, action: `doctor: dropped ${subject}`, target: subject });
  return { kind: 'mended', did: `dropped ${subject}` };
};

/** What retention no longer keeps, or a rollback gave up, is dropped once it is drained. */
export const mendKept: Repair = async ({ backend, retention, by }, { customer = '', subject = '' }) => {
  const { store, deployments } = backend;
  const { databases } = await store.list({ customer });
  if (!databases.some(({ name }) => name === subject)) return SETTLED;
  const dropped = await retention.retire(customer);
  for (const name of dropped)
    await deployments.recordAction({ by, action: `doctor: dropped ${name}`, target: name });
  if (!dropped.includes(subject)) return left('retention still keeps it, or it is not drained');
  return { kind: 'mended', did: `dropped ${dropped.join(' and ')}` };
};

/** A deployment whose database is gone is no longer called replaced. */
export const mendGone: Repair = async ({ backend, retention, by }, { customer = '', subject = '' }) => {
  const { deployments, store } = backend;
  await retention.markGone(await store.list({ customer }), [subject]);
  const record = await deployments.get(subject);
  if (record?.state !== 'retired') return left('its database is there and cannot be judged');
  await deployments.recordAction({
    by,
    action: 'doctor: marked retired, its database is gone',
    target: subject,
  });
  return { kind: 'mended', did: `${subject} is retired: no rollback can go there` };
};
