/** Takes something out that the system relies on, in a process of a test: the judges must see that it is gone. */

import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Backend } from '@graphshift/core';

/** Long enough for a reader to come by. */
const GAP_MS = 400;

/** The directory of an embedded store. */
export function storeDirectory({ settings }: Pick<Backend, 'settings'>): string {
  return settings.store.url.replace(/^embedded:/, '');
}

/** The alias is moved by drop and create, as a database's own statement for it does. */
export function dropAliases(backend: Backend): void {
  const { store } = backend;
  const prepareAlias = store.prepareAlias.bind(store);
  store.prepareAlias = async (change) => {
    const prepared = await prepareAlias(change);
    const link = join(storeDirectory(backend), 'aliases', change.customer);
    const fire = async () => {
      await unlink(link).catch(() => {});
      await wait(GAP_MS);
      await prepared.fire();
    };
    return { fire, cancel: () => prepared.cancel() };
  };
}

/** Takes every check of the epoch out, Redis's and the store's. */
export function removeFences({ deployments, store }: Backend): void {
  const claimed = new Map<string, number>();
  const claim = deployments.claim.bind(deployments);
  deployments.claim = async (...values) => {
    const result = await claim(...values);
    if (result.kind === 'claimed') claimed.set(result.record.customer, result.record.epoch);
    return result;
  };
  const currentEpoch = deployments.currentEpoch.bind(deployments);
  deployments.currentEpoch = async (customer) => claimed.get(customer) ?? currentEpoch(customer);
  const prepareAlias = store.prepareAlias.bind(store);
  store.prepareAlias = async (change) => {
    const epoch = (await store.epochFloor(change.customer)) + 1;
    return prepareAlias({ ...change, properties: { ...change.properties, epoch } });
  };
}
