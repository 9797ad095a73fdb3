/** One look at everything that concerns one customer. It reads and nothing else. */

import type { DeploymentRecord } from '../deployment/record.ts';
import { closedReason, gateThresholds, limitInWords, roomOf } from '../gate/thresholds.ts';
import type { AliasInfo } from '../graph-store/graph-store.ts';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import { jobId } from '../queue/catalogue.ts';
import type { Instance } from '../queue/instances.ts';
import type { Backend } from '../runtime/backend.ts';
import { aliasName, databaseName, deploymentId } from '../snapshot/names.ts';
import { newestChange } from '../snapshot-source/newest-change.ts';
import { lookAtSnapshot } from '../snapshot-source/readiness.ts';
import { type CustomerOnDisk, readCustomer } from './disk.ts';
import type { ExplainPicture, NewestSnapshot, Standing, Unready } from './picture.ts';

/** What an explanation needs of a backend. */
export type Explained = Pick<
  Backend,
  'clock' | 'deployments' | 'instances' | 'roots' | 'settings' | 'store' | 'wakeUps'
>;

export interface GatherRequest {
  readonly customer: string;
  /** Unix time of the snapshot that is asked for. @default the newest */
  readonly snapshot?: number | undefined;
}

export async function gather(backend: Explained, request: GatherRequest): Promise<ExplainPicture> {
  const { clock, deployments, instances, roots, settings, wakeUps } = backend;
  const customer = aliasName(request.customer);
  const disk = await readCustomer(roots, request.customer, clock.now());
  const stored = await readAlias(backend, customer);
  const newest = await newestOf(backend, customer, disk, stored.alias, request.snapshot);
  const record = await readRecord(backend, customer, newest);
  const living = (await instances.list()).filter((instance) => instance.living);
  const headId = await deployments.headOf(customer);
  const head =
    headId === record.record?.id || headId === undefined ? undefined : await deployments.get(headId);
  const { policy: order, settle_seconds, scan_interval } = settings.orchestrator;
  return {
    customer,
    now: clock.now(),
    limits: { order, settleMs: settle_seconds * 1000, scanMs: scan_interval * 1000 },
    customers: [
      ...new Set([...disk.customers, ...(await deployments.customers()), ...(await aliasesOf(backend))]),
    ],
    hasDirectory: disk.hasDirectory,
    unreadRoots: disk.unread,
    ...(disk.refused && { refused: disk.refused }),
    ...(newest && { newest }),
    ...(record.unreadable !== undefined && { unreadable: record.unreadable }),
    ...(record.record && { standing: await standingOf(backend, record.record, living) }),
    ...(head && { head: await standingOf(backend, head, living) }),
    ...(newest?.path && !record.record && { unready: await lookAt(backend, newest.path, disk) }),
    ...(stored.alias && { alias: stored.alias }),
    ...(stored.unread !== undefined && { unreadAlias: stored.unread }),
    targetComplete: stored.targetComplete,
    producers: living.filter(({ kind }) => kind === 'producer' || kind === 'up').length,
    workers: living.filter(({ capacity, state }) => capacity > 0 && state === 'running').length,
    queuePaused: await wakeUps.queue.isPaused(),
    jobsWaiting: await wakeUps.queue.getWaitingCount(),
    gate: await readGate(backend, newest && databaseName({ customer, timestamp: newest.timestamp })),
  };
}

interface StoredAlias {
  readonly alias?: AliasInfo;
  readonly unread?: string;
  readonly targetComplete: boolean;
}

async function readAlias({ store }: Explained, customer: string): Promise<StoredAlias> {
  try {
    const alias = await store.alias(customer);
    if (!alias) return { targetComplete: false };
    const { databases } = await store.list({ customer });
    const target = databases.find(({ name }) => name === alias.database);
    return { alias, targetComplete: target?.state === 'complete' };
  } catch (error) {
    // A name that the store could not have is no customer's.
    if (error instanceof GraphshiftError && error.code === 'CUSTOMER_NAME') return { targetComplete: false };
    return { unread: messageOf(error), targetComplete: false };
  }
}

async function newestOf(
  { deployments }: Explained,
  customer: string,
  disk: CustomerOnDisk,
  alias: AliasInfo | undefined,
  asked: number | undefined,
): Promise<NewestSnapshot | undefined> {
  const [recorded] = await deployments.list({ customer, limit: 1 });
  const known = [disk.newest?.timestamp, recorded?.timestamp, alias?.properties.snapshot];
  const newest = asked ?? Math.max(...known.filter((timestamp) => timestamp !== undefined));
  if (!Number.isFinite(newest)) return undefined;
  if (disk.newest?.timestamp !== newest) return { timestamp: newest };
  const { path, refused } = disk.newest;
  return { timestamp: newest, path, ...(refused && { refused }) };
}

async function readRecord(
  { deployments }: Explained,
  customer: string,
  newest: NewestSnapshot | undefined,
): Promise<{ record?: DeploymentRecord; unreadable?: string }> {
  if (!newest) return {};
  try {
    const record = await deployments.get(deploymentId({ customer, timestamp: newest.timestamp }));
    return record ? { record } : {};
  } catch (error) {
    if (error instanceof GraphshiftError && error.code === 'CONFLICT') return { unreadable: error.message };
    throw error;
  }
}

async function standingOf(
  { wakeUps }: Explained,
  record: DeploymentRecord,
  living: readonly Instance[],
): Promise<Standing> {
  const job = await wakeUps.queue.getJob(jobId(record.id, record.run));
  const state = await job?.getState();
  const hasJob = state !== undefined && !['completed', 'failed', 'unknown'].includes(state);
  return { record, hasJob, holderLives: living.some(({ id }) => id === record.holder) };
}

async function lookAt({ settings }: Explained, path: string, disk: CustomerOnDisk): Promise<Unready> {
  const look = await lookAtSnapshot(path, disk.newest?.root ?? path, settings.orchestrator.readiness);
  return {
    changedAt: (await newestChange(path)) ?? 0,
    ...(look.awaits !== undefined && { awaits: look.awaits }),
    ...(look.problem && { problem: { code: look.problem.code, message: look.problem.message } }),
  };
}

async function aliasesOf({ store }: Explained): Promise<string[]> {
  return (await store.list()).aliases.map(({ customer }) => customer);
}

/** The reading that a deployment would meet at the gate now. @param database the one that it would fill */
async function readGate(
  { store, settings }: Explained,
  database: string | undefined,
): Promise<ExplainPicture['gate']> {
  const health = await store.health();
  const thresholds = gateThresholds(settings);
  const closed = closedReason(health, thresholds);
  if (closed !== undefined) return { reachable: health.reachable, closed };
  const room = roomOf(health, await store.list(), thresholds.maxDatabases);
  const { length } = room.existing;
  if (length < room.max || (database !== undefined && room.existing.includes(database)))
    return { reachable: true };
  return { reachable: true, closed: `the store has ${length} of ${limitInWords(room)}` };
}
