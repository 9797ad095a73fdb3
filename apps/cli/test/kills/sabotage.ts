/** Takes something out that the system relies on, in a process of a test: the judges must see that it is gone. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from '@graphshift/core';
import { dropAliases, storeDirectory } from '@graphshift/testkit/processes';
import type { Sabotage } from './plan.ts';

export function sabotage(backend: Backend, what: Sabotage): void {
  if (what === 'alias-dropped') dropAliases(backend);
  if (what === 'no-mark') removeMarks(backend);
  if (what === 'fixed-letter') fixLetters(backend);
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
