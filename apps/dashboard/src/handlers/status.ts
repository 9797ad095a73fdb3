import { readLiveStatus } from '@graphshift/core';
import { type Handler, ok } from '../http.ts';

/** The same as the status file says, from Redis now. */
export const showStatus: Handler = async ({ backend }) => {
  const { statistics, instances, recoveries, clock, settings } = backend;
  const { max_concurrent_loads: maxLoads, scan_interval: interval, data_path } = settings.orchestrator;
  const roots = data_path;
  const status = await readLiveStatus({
    statistics,
    instances,
    recoveries,
    maxLoads,
    interval,
    roots,
    now: clock.now(),
  });
  // What the processes are and do has a shape of its own below /resilience.
  const { instances: _, recoveries: __, ...rest } = status;
  return ok(rest);
};
