/**
 * The coordinator of a shared load, which is the worker that holds the deployment: it hands chunks out, loads some itself, and
 * ends a round when the database says that every chunk is whole.
 */

import {
  type ChunkLedger,
  type ChunkPayload,
  chunkJobId,
  GraphshiftError,
  type LedgerOf,
  type LedgerView,
  type LoadChunk,
  type LoadProgress,
  type LoadSharing,
  messageOf,
  type SharedRound,
  type TakenChunk,
} from '@graphshift/core';
import type { HeldDeployment } from '../deploy/deployment.ts';
import { chunkInWords, endOfFailed } from './chunk-end.ts';

/** How often the ledger is looked at. */
const LOOK_EVERY_MS = 250;
/** Jobs of one customer on the queue, for each chunk that all workers can load at one time. */
const JOBS_A_SLOT = 2;
/** How soon it is seen that the last chunk has come in, or that one is free again. */
const WAIT_MS = 100;
/** How often workers are counted and lost jobs are looked for, in looks. */
const LOOKS_A_CENSUS = 20;
/** A ledger that says more than the database does is made again so often. */
const MOST_ROUNDS = 5;

export interface CoordinatorOptions {
  readonly held: HeldDeployment;
  readonly ledger: ChunkLedger;
  readonly leastBytes: number;
  readonly onProgress: (progress: LoadProgress) => void;
  /** Chunks, rows and bytes of the whole load; known once its files were checked. */
  readonly totals: () => { readonly chunks: number; readonly rows: number; readonly bytes: number };
}

export class Coordinator implements LoadSharing {
  readonly leastBytes: number;
  readonly #options: CoordinatorOptions;
  /** Chunks of the rounds before. */
  #before = 0;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.leastBytes = options.leastBytes;
  }

  async run(round: SharedRound): Promise<void> {
    for (let turn = 1; ; turn++) {
      const left = await new Turn(this.#options, round, this.#before).run();
      if (left === 0) break;
      if (turn === MOST_ROUNDS)
        throw new GraphshiftError(
          'LOAD_FAILED',
          `${left} chunks of ${round.kind} were said to be loaded, and are not whole in the database`,
        );
    }
    this.#before += round.chunks.length;
  }
}

/** One ledger's time: from what the database says to what it says when the ledger says that all is done. */
class Turn {
  readonly #options: CoordinatorOptions;
  readonly #round: SharedRound;
  readonly #before: number;
  readonly #load: LedgerOf;
  readonly #chunks: ReadonlyMap<number, LoadChunk>;
  readonly #jobs = new Map<number, string>();
  /** Rows that the database had of chunks when the ledger was made. */
  #kept = 0;
  #looks = 0;
  #limit = JOBS_A_SLOT;
  #ended = false;
  /** The look under way: it may still hand a chunk out. */
  #tended: Promise<void> = Promise.resolve();
  #failed: ((error: unknown) => void) | undefined;

  constructor(options: CoordinatorOptions, round: SharedRound, before: number) {
    const { id: deployment, run, epoch } = options.held.record;
    this.#options = options;
    this.#round = round;
    this.#before = before;
    this.#load = { deployment, run, epoch };
    this.#chunks = new Map(round.chunks.map((chunk) => [chunk.number, chunk]));
  }

  /** @returns chunks that are not whole after all */
  async run(): Promise<number> {
    const { held, ledger } = this.#options;
    const failure = new Promise<never>((_, reject) => {
      this.#failed = reject;
    });
    failure.catch(() => {});
    let tending: (() => void) | undefined;
    try {
      await this.#open();
      const tend = () => {
        this.#tended = this.#tend().catch((error: unknown) => this.#failed?.(error));
        return this.#tended;
      };
      await tend();
      tending = held.context.backend.clock.every(LOOK_EVERY_MS, tend);
      const work = this.#work();
      work.catch(() => {});
      await Promise.race([work, failure]);
    } finally {
      // What is still under way here must make no new ledger.
      this.#ended = true;
      tending?.();
      await this.#tended;
      await this.#removeJobs(() => ledger.close(this.#load));
    }
    const standing = await this.#round.standing();
    return this.#round.chunks.filter(({ number }) => !standing.get(number)?.whole).length;
  }

  /** Makes the ledger by what the database says. @throws FENCED */
  async #open(): Promise<void> {
    const standing = await this.#round.standing();
    const { chunks, plan } = this.#round;
    this.#kept = chunks.reduce((sum, { number }) => sum + (standing.get(number)?.rows ?? 0), 0);
    const missing = chunks.filter(({ number }) => !standing.get(number)?.whole);
    // The large ones first, so that the last to end are small.
    const todo = [...missing].sort((one, other) => other.rows - one.rows);
    await this.#removeJobs(() => this.#options.ledger.offered(this.#load));
    const done = chunks.length - missing.length;
    if (this.#ended || !(await this.#options.ledger.open(this.#load, plan, done, todo))) throw this.#over();
  }

  /** Takes chunks until there are none left that this or another process has. */
  async #work(): Promise<void> {
    const { held, ledger } = this.#options;
    const { clock } = held.context.backend;
    while (!this.#ended) {
      held.throwIfAborted();
      const taken = await this.#asked(() => ledger.take(this.#load, held.context.holder));
      if (!taken) await clock.sleep(LOOK_EVERY_MS, held.signal);
      else if (taken.kind === 'taken') await this.#loadOwn(taken);
      else if (taken.kind === 'missing') await this.#open();
      else if (taken.kind === 'over') await this.#refuseOver();
      else {
        const view = await this.#asked(() => ledger.look(this.#load));
        if (view?.kind === 'ok' && view.todo + view.taken === 0 && !view.fatal) return;
        await clock.sleep(WAIT_MS, held.signal);
      }
    }
  }

  /** @throws why nothing can be taken any more */
  async #refuseOver(): Promise<void> {
    const view = await this.#asked(() => this.#options.ledger.look(this.#load));
    if (view) throw view.kind === 'ok' && view.fatal ? view.fatal : this.#over();
  }

  #over(): GraphshiftError {
    return new GraphshiftError('FENCED', `${this.#load.deployment} was ended or taken over`);
  }

  async #loadOwn(taken: TakenChunk): Promise<void> {
    const { held, ledger } = this.#options;
    const { backend } = held.context;
    const chunk = this.#chunks.get(taken.chunk);
    if (!chunk) throw new GraphshiftError('INTERNAL', `the load has no chunk ${taken.chunk}`);
    const job = this.#jobs.get(taken.chunk);
    if (job !== undefined) await backend.chunkJobs.remove(job);
    let rows = 0;
    const onRows = (more: number) => {
      rows += more;
    };
    const stop = backend.clock.every(ledger.tellEveryMs, async () => {
      await ledger.keep(taken, rows).catch(() => 'ok');
    });
    const failure = await this.#round.load(chunk, { onRows }).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    stop();
    // What cannot be told is found out again: the chunk is free after a while, and whole.
    if (!failure) await this.#asked(() => ledger.end(taken, { kind: 'done', rows }));
    else await this.#settle(taken, chunk, failure.error);
  }

  /** @throws what ends the load */
  async #settle(taken: TakenChunk, { kind, name }: LoadChunk, error: unknown): Promise<void> {
    const { held, ledger, totals } = this.#options;
    held.throwIfAborted();
    const { max_retries: maxRetries, retry_backoff_base: base } = held.context.backend.settings.orchestrator;
    const what = chunkInWords({ chunk: taken.chunk, kind, name }, totals().chunks);
    const end = endOfFailed(error, taken.tries, what, { maxRetries, base });
    const answer = await this.#asked(() => ledger.end(taken, end));
    if (end.kind === 'fatal' && answer === 'ok') throw GraphshiftError.fromRecord(end.error);
    held.log.warn({ err: error }, `${this.#load.deployment}: ${what}: ${messageOf(error)}`);
  }

  /** While Redis does not answer the load goes on, until the job's lock is lost. @returns undefined then */
  async #asked<Answer>(ask: () => Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await ask();
    } catch (error) {
      this.#options.held.log.debug({ err: error }, `ledger: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Hands out, tells how far it is, and ends the turn when a chunk has failed for good. */
  async #tend(): Promise<void> {
    const { ledger } = this.#options;
    const view = await this.#asked(() => ledger.look(this.#load));
    // Whoever takes the next chunk makes it again, or learns that the load is over.
    if (view?.kind !== 'ok') return;
    if (view.fatal) throw view.fatal;
    this.#report(view);
    await this.#asked(() => this.#handOut());
  }

  async #handOut(): Promise<void> {
    const { ledger, held } = this.#options;
    if (this.#looks++ % LOOKS_A_CENSUS === 0) await this.#census();
    for (const { chunk, offer } of await ledger.offer(this.#load, this.#limit, held.context.holder))
      await this.#offer(chunk, offer);
  }

  async #offer(number: number, offer: number): Promise<void> {
    const { held, totals } = this.#options;
    const chunk = this.#chunks.get(number);
    if (!chunk) return;
    const { customer, timestamp } = held.record;
    const { kind, name, rows, bytes } = chunk;
    const payload: ChunkPayload = {
      v: 1,
      ...{ ...this.#load, customer, timestamp, chunk: number, chunks: totals().chunks },
      ...{ kind, name, rows, bytes, files: filesInWords(chunk) },
    };
    this.#jobs.set(number, chunkJobId(payload, offer));
    await held.context.backend.chunkJobs.add(payload, offer);
  }

  /** Counts what all workers can load at one time, and gives chunks whose jobs were lost to be offered again. */
  async #census(): Promise<void> {
    const { held, ledger } = this.#options;
    const { instances, chunkJobs } = held.context.backend;
    const workers = (await instances.list()).filter(
      ({ living, state, capacity }) => living && state === 'running' && capacity > 0,
    );
    const slots = workers.reduce((sum, { capacity }) => sum + capacity, 0);
    this.#limit = JOBS_A_SLOT * Math.max(1, slots);
    for (const chunk of await ledger.offered(this.#load)) {
      const job = this.#jobs.get(chunk);
      if (job !== undefined && !(await chunkJobs.exists(job))) await ledger.withdraw(this.#load, chunk);
    }
  }

  #report({ done, rows, holders }: LedgerView): void {
    const { onProgress, totals } = this.#options;
    const { rows: rowsTotal, bytes: bytesTotal, chunks: chunksTotal } = totals();
    const { kind, before, chunks } = this.#round;
    const all = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
    const share = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0) * (done / Math.max(1, chunks.length));
    onProgress({
      phase: kind,
      rows: before.rows + Math.min(all, this.#kept + rows),
      rowsTotal,
      bytes: before.bytes + Math.round(share),
      bytesTotal,
      shared: { chunks: this.#before + done, chunksTotal, loaders: holders },
    });
  }

  /** Jobs of chunks that nobody has taken. What fails here does nothing when it is taken up. */
  async #removeJobs(offered: () => Promise<readonly number[]>): Promise<void> {
    const { chunkJobs } = this.#options.held.context.backend;
    for (const chunk of (await this.#asked(offered)) ?? []) {
      const job = this.#jobs.get(chunk);
      if (job !== undefined) await chunkJobs.remove(job);
    }
  }
}

function filesInWords({ files }: LoadChunk): string[] {
  return files.map(({ path, rows, from }) =>
    from === undefined ? path : `${path}, rows ${from + 1} to ${from + rows}`,
  );
}
