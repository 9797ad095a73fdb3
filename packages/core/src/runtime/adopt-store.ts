import { GraphshiftError } from '../platform/errors.ts';
import type { Backend } from './backend.ts';
import type { KnownStore } from './store-identity.ts';

export interface Adoption {
  readonly before: KnownStore | undefined;
  readonly now: KnownStore | undefined;
}

/** Customers named in a message; the rest are counted. */
const NAMED = 5;

/**
 * Makes this process's store the one that the records in Redis are about, once everything that is live has been moved there.
 * @throws CONFLICT while a process runs, or where a customer that is live has no alias in this store
 */
export async function adoptStore(
  { identity, instances, deployments, store }: Backend,
  by: string,
): Promise<Adoption> {
  const [before, own] = [await identity.known(), await identity.own()];
  if (before?.id === own?.id) return { before, now: own };
  const running = (await instances.list()).filter(({ living }) => living);
  if (running.length > 0) {
    const names = running.map(({ id }) => id).join(', ');
    throw new GraphshiftError('CONFLICT', `processes run: ${names}; stop them before the store is changed`);
  }
  const aliases = new Set((await store.list()).aliases.map(({ customer }) => customer));
  const live = (await deployments.inState('live')).map((id) => id.slice(0, id.lastIndexOf('@')));
  const missing = [...new Set(live)].filter((customer) => !aliases.has(customer)).sort();
  if (missing.length > 0) {
    const more = missing.length > NAMED ? ` and ${missing.length - NAMED} more` : '';
    throw new GraphshiftError(
      'CONFLICT',
      `${own?.url} has no alias of customers that are live: ${missing.slice(0, NAMED).join(', ')}${more}; move them there first, or begin anew under another redis.prefix`,
    );
  }
  await identity.adopt();
  await deployments.recordAction({
    by,
    action: `${own?.url} instead of ${before?.url ?? 'none'}`,
    target: 'store',
  });
  return { before, now: own };
}
