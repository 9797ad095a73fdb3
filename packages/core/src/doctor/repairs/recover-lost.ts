import { recoverCustomer } from '../../recovery/recover-records.ts';
import type { Bench } from './repair.ts';

/** What the store knows of a customer becomes records again; those that are there stay. @returns a line for each */
export async function recoverLost({ backend, by }: Bench, customer: string): Promise<string[]> {
  const { deployments, store } = backend;
  const { databases, aliases } = await store.list({ customer });
  const [alias] = aliases;
  if (!alias) return [];
  const made = await recoverCustomer(backend, alias, databases);
  for (const id of made)
    await deployments.recordAction({
      by,
      action: 'doctor: made its record again from the store',
      target: id,
    });
  return made.map((id) => `made the record of ${id} again from the store`);
}
