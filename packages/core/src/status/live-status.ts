/** The same as the status file says, read from Redis now, with what a person asks next. */

import type { Instance, Instances } from '../queue/instances.ts';
import type { Statistics } from '../queue/statistics.ts';
import { makeStatus, type Speaker, type Status } from './status.ts';

export interface LiveStatus extends Status {
  /** Jobs of each queue by BullMQ's states. */
  readonly queues: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly instances: readonly Instance[];
  /** One line each; empty when all is well. */
  readonly problems: readonly string[];
}

export interface LiveStatusOptions {
  readonly statistics: Statistics;
  readonly instances: Instances;
  readonly maxLoads?: number | undefined;
  /** What is said of scans while no producer runs: the settings of the one who asks. */
  readonly interval: number;
  readonly roots: readonly string[];
  readonly now: number;
}

export async function readLiveStatus(options: LiveStatusOptions): Promise<LiveStatus> {
  const { statistics, maxLoads, now } = options;
  const [reading, instances, queues, writer] = await Promise.all([
    statistics.read(),
    options.instances.list(),
    statistics.jobs(),
    statistics.statusWriter(),
  ]);
  const speaker = findSpeaker(instances, writer, options);
  const status = makeStatus({ statistics: reading, instances, maxLoads, speaker, now });
  return { ...status, queues, instances, problems: findProblems(status, instances) };
}

/** The producer that writes the status file, else the one that has run longest, else nobody. */
function findSpeaker(
  instances: readonly Instance[],
  writer: string | undefined,
  asked: Pick<LiveStatusOptions, 'interval' | 'roots'>,
): Speaker {
  const producers = instances
    .filter(({ living, scan }) => living && scan)
    .sort((a, b) => Number(b.id === writer) - Number(a.id === writer) || a.startedAt - b.startedAt);
  const running = producers.find(({ state }) => state === 'running');
  const spoken = running ?? producers[0];
  if (!spoken) return { uptimeMs: 0, interval: asked.interval, roots: asked.roots, status: 'stopped' };
  const uptimeMs = spoken.uptimeMs + spoken.silentMs;
  const { interval, roots } = spoken.scan ?? asked;
  return { uptimeMs, interval, roots, status: running ? 'running' : 'stopping' };
}

function findProblems(status: Status, instances: readonly Instance[]): string[] {
  const problems: string[] = [];
  if (status.status === 'stopped')
    problems.push(`no producer runs${lost(instances, ({ scan }) => scan !== undefined)}`);
  if (status.status === 'stopping') problems.push('the producer is stopping');
  if (status.workers === 0) problems.push(`no worker runs${lost(instances, ({ capacity }) => capacity > 0)}`);
  const { dead = 0, quarantined = 0 } = status.deployments;
  if (dead > 0) problems.push(`${dead} dead ${dead === 1 ? 'letter' : 'letters'}: graphshift dead ls`);
  if (quarantined > 0)
    problems.push(`${quarantined} quarantined: graphshift deployments ls --state quarantined`);
  return problems;
}

/** Who went without a goodbye, where nobody of the kind is left. */
function lost(instances: readonly Instance[], kind: (instance: Instance) => boolean): string {
  const silent = instances.filter((instance) => kind(instance) && !instance.living);
  const last = silent.sort((a, b) => a.silentMs - b.silentMs)[0];
  if (!last) return '';
  return `; ${last.id} has been silent for ${Math.round(last.silentMs / 1000)} s`;
}
