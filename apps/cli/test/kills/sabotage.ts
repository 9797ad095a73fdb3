/** Takes something out that the system relies on, in a process of a test: the judges must see that it is gone. */

import { rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from '@graphshift/core';
import type { Sabotage } from './plan.ts';

/** Long enough for a reader to come by. */
const PAUSE_MS = 400;

export function sabotage(backend: Backend, what: Sabotage): void {
  if (what === 'alias-dropped') dropAliases(backend);
  if (what === 'no-mark') removeMarks(backend);
  if (what === 'fixed-letter') fixLetters(backend);
}

function storeDirectory({ settings }: Backend): string {
  return settings.store.url.replace(/^embedded:/, '');
}

/** Drop and create, as the database's own statement for it does. */
function dropAliases(backend: Backend): void {
  const { store, clock } = backend;
  const prepareAlias = store.prepareAlias.bind(store);
  store.prepareAlias = async (change) => {
    const prepared = await prepareAlias(change);
    const link = join(storeDirectory(backend), 'aliases', change.customer);
    const fire = async () => {
      await unlink(link).catch(() => {});
      await new Promise<void>((resolve) => {
        const stop = clock.every(PAUSE_MS, () => {
          stop();
          resolve();
        });
      });
      await prepared.fire();
    };
    return { fire, cancel: () => prepared.cancel() };
  };
}

function removeMarks(backend: Backend): void {
  const { store } = backend;
  const openLoad = store.openLoad.bind(store);
  store.openLoad = async (request, options) => {
    const load = await openLoad(request, options);
    const { customer, timestamp, run, epoch } = request;
    const build = `${customer}-${timestamp}.r${run}.e${epoch}.building`;
    await rm(join(storeDirectory(backend), 'databases', build, `LOADING.${epoch}.json`));
    return load;
  };
}

/** One id for all runs of a deployment. */
function fixLetters({ letters: { queue } }: Backend): void {
  const fixed = (id: string) => id.replace(/~\d+$/, '');
  const [add, getJob, remove] = [queue.add.bind(queue), queue.getJob.bind(queue), queue.remove.bind(queue)];
  queue.add = (name, data, options) => add(name, data, { ...options, jobId: fixed(options?.jobId ?? '') });
  queue.getJob = (id) => getJob(fixed(id));
  queue.remove = (id, options) => remove(fixed(id), options);
}
