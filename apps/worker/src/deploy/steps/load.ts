import {
  asGraphshiftError,
  databaseName,
  decideCutover,
  GraphshiftError,
  type Load,
  type LoadCertificate,
  type LoadProgress,
  messageOf,
} from '@graphshift/core';
import { Coordinator } from '../../chunks/coordinator.ts';
import type { HeldDeployment } from '../deployment.ts';

/** Progress goes to the log at most this often… */
const LOG_EVERY_MS = 5000;
/** …and to the job and the record this often. */
const REPORT_EVERY_MS = 500;

/**
 * Fills a database of the deployment's own, after dropping what an earlier holder left of it; a store that goes on with
 * builds gets to keep them between runs, and what a deployment that ended left is dropped when it is settled.
 */
export async function load(held: HeldDeployment): Promise<void> {
  const { backend, cutover, retention, checkpoint } = held.context;
  const { record } = held;
  await held.advance('loading');
  // The store learns of the new epoch before anything of an earlier holder is looked at: that one can build no more.
  await cutover.fenceOut(record);
  if (!backend.store.resumesBuilds) await retention.discardLeftovers(record);
  const startedAt = backend.clock.now();
  const progress = reportProgress(held);
  const { customer, timestamp, run, epoch, path } = record;
  const request = { customer, timestamp, run, epoch, path };
  const totals: Totals = { chunks: 0, rows: 0, bytes: 0 };
  const sharing = sharingOf(held, progress.take, totals);
  const options = { signal: held.signal, onProgress: progress.take, ...(sharing && { sharing }) };
  const work = await backend.store.openLoad(request, options).catch((error: unknown) => refuse(held, error));
  try {
    const certificate = await runPhases(work, held, checkpoint, totals);
    await progress.end();
    const rows = sum(certificate.nodes) + sum(certificate.relationships);
    const seconds = Math.max(0.001, (backend.clock.now() - startedAt) / 1000);
    const outcome = await outcomeOf(held, certificate, seconds);
    await held.advance('verifying', {
      database: certificate.database,
      contentHash: certificate.contentHash,
      nodes: sum(certificate.nodes),
      relationships: sum(certificate.relationships),
      bytes: certificate.bytes,
      peakMemory: certificate.peakMemory,
      outcome,
      rows,
      rowsTotal: rows,
      chunks: work.chunks,
      chunksTotal: work.chunks,
      loaders: undefined,
    });
    held.certificate = certificate;
    // What others helped with, or might have, took no time that one worker takes.
    if (work.chunks === undefined) await learn(held, outcome);
    await held.say(`loaded ${rows} rows in ${seconds.toFixed(1)} s (${Math.round(rows / seconds)} rows/s)`, {
      rows,
      seconds,
    });
  } catch (error) {
    await progress.end();
    await work
      .abort({ resumable: asGraphshiftError(error).class === 'retryable' })
      .catch((failure: unknown) => held.log.warn({ err: failure }, `abort: ${messageOf(failure)}`));
    return refuse(held, error);
  }
}

/** Of a load; known once its files were checked. */
interface Totals {
  chunks: number;
  rows: number;
  bytes: number;
}

/** Large snapshots are shared with other workers, where the store can. */
function sharingOf(
  held: HeldDeployment,
  onProgress: (progress: LoadProgress) => void,
  totals: Totals,
): Coordinator | undefined {
  const { backend, ledger } = held.context;
  const leastBytes = backend.settings.orchestrator.chunk_min_bytes;
  if (leastBytes === 0 || !backend.store.chunkLoader) return undefined;
  return new Coordinator({ held, ledger, leastBytes, onProgress, totals: () => totals });
}

/** Stores that were found to share no loads, so that each is told of once. */
const told = new WeakSet<object>();

/** Whether it is shared, and if it could be and is not, why. */
async function saySharing(held: HeldDeployment, work: Load, bytes: number): Promise<void> {
  const { store, settings } = held.context.backend;
  const { chunk_min_bytes: leastBytes } = settings.orchestrator;
  if (work.chunks !== undefined) return held.say(`shared: ${work.chunks} chunks, which any worker may load`);
  if (leastBytes === 0 || bytes < leastBytes || told.has(store)) return;
  told.add(store);
  await held.say(
    'not shared, though as large as chunk_min_bytes: the loader of this store fills a database from one process',
  );
}

/**
 * A holder that Redis forgot, or that is slow to learn that it is over, may complete the database between this load's first
 * look and its seal. It has vouched for it: only the cutover is left, which the next pickup does.
 * @throws ABORTED then, else what was thrown
 */
async function refuse(held: HeldDeployment, thrown: unknown): Promise<never> {
  if (!(thrown instanceof GraphshiftError) || thrown.code !== 'CONFLICT') throw thrown;
  const { store } = held.context.backend;
  const { id, customer } = held.record;
  const name = databaseName(held.record);
  const { databases } = await store.list({ customer });
  const complete = databases.some((database) => database.name === name && database.state === 'complete');
  if (!complete || !(await store.certificate(name))) throw thrown;
  const message = `${name} was completed meanwhile, by a holder of ${id} from before`;
  throw new GraphshiftError('ABORTED', message, { cause: thrown });
}

type Outcome = NonNullable<HeldDeployment['record']['outcome']>;

/** What the load took, as far as the store tells. */
async function outcomeOf(
  held: HeldDeployment,
  certificate: LoadCertificate,
  seconds: number,
): Promise<Outcome> {
  const { store } = held.context.backend;
  const disk = await store.databaseBytes?.(certificate.database).catch((error: unknown) => {
    held.log.debug({ err: error }, `size of ${certificate.database}: ${messageOf(error)}`);
    return undefined;
  });
  const { peakMemory: memory } = certificate;
  return { memory, seconds: Math.round(seconds * 1000) / 1000, ...(disk !== undefined && { disk }) };
}

/** A load that went on with what an earlier one built took less than the whole, and teaches nothing. */
async function learn(held: HeldDeployment, outcome: Outcome): Promise<void> {
  const { estimate, attempts, crashes, recoveries = 0 } = held.record;
  const { backend, capacity } = held.context;
  const resumed = backend.store.resumesBuilds && attempts + crashes + recoveries > 0;
  if (estimate && !resumed) await capacity.learn(estimate, outcome);
}

async function runPhases(
  work: Load,
  held: HeldDeployment,
  checkpoint: (point: string) => Promise<void>,
  totals: Totals,
) {
  const manifest = await work.check();
  Object.assign(totals, { chunks: work.chunks ?? 0, rows: manifest.rows, bytes: manifest.bytes });
  await held.say(`checked ${manifest.rows} rows in ${manifest.bytes} bytes of files`, {
    rows: manifest.rows,
  });
  if (work.kept !== undefined)
    await held.say(`goes on with ${work.kept} rows that an earlier run has loaded`, { kept: work.kept });
  await saySharing(held, work, manifest.bytes);
  await refuseHeld(held, manifest.contentHash);
  await checkpoint('load.checked');
  await work.nodes();
  await checkpoint('load.nodes');
  await work.relationships();
  await checkpoint('load.relationships');
  held.throwIfAborted();
  const certificate = await work.seal();
  await checkpoint('load.sealed');
  return certificate;
}

/** @throws SNAPSHOT_HELD before a row is stored, when a rollback left this content under whatever timestamp */
async function refuseHeld(held: HeldDeployment, contentHash: string): Promise<void> {
  const { customer, timestamp } = held.record;
  const alias = await held.context.backend.store.alias(customer);
  const decision = decideCutover(alias, { database: databaseName(held.record), timestamp, contentHash });
  if (decision.kind !== 'held') return;
  // Kept, so that a person who starts it over lifts the hold on this content.
  await held.context.backend.deployments.note(held.record, { contentHash });
  throw new GraphshiftError('SNAPSHOT_HELD', `${held.record.id}: ${decision.reason}`);
}

/** Spreads the loader's progress to log, job and record, each at its own pace. */
function reportProgress(held: HeldDeployment) {
  const { clock, deployments } = held.context.backend;
  let loggedAt = clock.now();
  // What takes less than a report's pace reports nothing.
  let reportedAt = clock.now();
  let pending: Promise<unknown> = Promise.resolve();
  const report = async (progress: LoadProgress) => {
    const { phase: stage, rows, rowsTotal, bytes, bytesTotal } = progress;
    const { shared } = progress;
    const chunks = shared && { chunks: shared.chunks, chunksTotal: shared.chunksTotal };
    await held.pickup.progress({
      deployment: held.record.id,
      ...{ stage, rows, rowsTotal, bytes, bytesTotal, ...chunks },
    });
    const loaders = shared && { loaders: shared.loaders.join(' ') };
    await deployments.note(held.record, { rows, rowsTotal, ...chunks, ...loaders });
  };
  return {
    take: (progress: LoadProgress): void => {
      const now = clock.now();
      if (now - reportedAt >= REPORT_EVERY_MS) {
        reportedAt = now;
        pending = pending
          .then(() => report(progress))
          .catch((error: unknown) => held.log.debug({ err: error }, 'progress'));
      }
      if (now - loggedAt >= LOG_EVERY_MS) {
        loggedAt = now;
        const { phase, rows, rowsTotal, shared } = progress;
        const chunks = shared
          ? `, ${shared.chunks} of ${shared.chunksTotal} chunks, by ${shared.loaders.length} workers`
          : '';
        held.log.info({ ...progress }, `${held.record.id}: ${phase}, ${rows} of ${rowsTotal} rows${chunks}`);
      }
    },
    end: async (): Promise<void> => void (await pending),
  };
}

function sum(counts: readonly { counted: number }[]): number {
  return counts.reduce((total, { counted }) => total + counted, 0);
}
