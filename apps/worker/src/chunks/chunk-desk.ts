/** Loads chunks of loads that other workers coordinate: takes one from the ledger, loads it, tells of it, and ends it there. */

import {
  type Backend,
  type ChunkLedger,
  type ChunkLoader,
  type ChunkOutcome,
  type ChunkPickup,
  GraphshiftError,
  messageOf,
  type Service,
  type TakenChunk,
} from '@graphshift/core';
import { chunkInWords, endOfFailed } from './chunk-end.ts';

export interface ChunkDeskOptions {
  readonly backend: Backend;
  readonly ledger: ChunkLedger;
  /** Name of this process. */
  readonly holder: string;
}

/** A loading process without a chunk is ended after so long. */
const IDLE_MS = 20_000;

interface IdleLoader {
  readonly loader: ChunkLoader;
  readonly since: number;
}

export class ChunkDesk implements Service {
  readonly #options: ChunkDeskOptions;
  readonly #idle: IdleLoader[] = [];
  #cancel: (() => void) | undefined;

  constructor(options: ChunkDeskOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { clock } = this.#options.backend;
    this.#cancel ??= clock.every(IDLE_MS / 4, () => this.#closeIdle(clock.now() - IDLE_MS));
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#closeIdle(Number.POSITIVE_INFINITY);
  }

  async handle(pickup: ChunkPickup): Promise<ChunkOutcome> {
    const { ledger, holder, backend } = this.#options;
    const { deployment, run, epoch, chunk, chunks } = pickup.payload;
    const load = { deployment, run, epoch };
    const taken = await ledger.take(load, holder, chunk);
    if (taken.kind === 'early') return { kind: 'later', delayMs: taken.delayMs };
    if (taken.kind !== 'taken') return { kind: 'done', note: `nothing was done: ${REFUSED[taken.kind]}` };
    const what = chunkInWords(pickup.payload, chunks);
    try {
      const answer = await this.#load(taken, pickup);
      backend.log.info({ deploymentId: deployment }, `${deployment}: loaded ${what}: ${answer}`);
      return { kind: 'done', note: `loaded: ${answer}` };
    } catch (error) {
      return await this.#settle(taken, what, error);
    }
  }

  async #load(taken: TakenChunk, pickup: ChunkPickup): Promise<string> {
    const { ledger, backend } = this.#options;
    const record = await backend.deployments.get(taken.deployment);
    if (!record) throw new GraphshiftError('FENCED', `${taken.deployment} is gone`);
    const lost = new AbortController();
    const signal = AbortSignal.any([pickup.signal, lost.signal]);
    const { deployment, chunk, rows: rowsTotal } = pickup.payload;
    let rows = 0;
    const tell = async () => {
      // What cannot be asked is not lost: the database's marks decide.
      const answer = await ledger.keep(taken, rows).catch(() => 'ok' as const);
      if (answer !== 'ok') lost.abort(new GraphshiftError('ABORTED', `the chunk is ${answer}`));
      await pickup.progress({ deployment, chunk, rows, rowsTotal }).catch(() => {});
    };
    const stop = backend.clock.every(ledger.tellEveryMs, tell);
    const loader = this.#idle.pop()?.loader ?? this.#makeLoader();
    try {
      const { customer, timestamp, path } = record;
      const { run, epoch, plan, work } = taken;
      const onRows = (more: number) => {
        rows += more;
      };
      await loader.load({ customer, timestamp, run, epoch, path, plan, work }, { signal, onRows });
      return await ledger.end(taken, { kind: 'done', rows });
    } finally {
      stop();
      this.#idle.push({ loader, since: backend.clock.now() });
    }
  }

  async #settle(taken: TakenChunk, what: string, error: unknown): Promise<ChunkOutcome> {
    const { ledger, backend } = this.#options;
    const { max_retries: maxRetries, retry_backoff_base: base } = backend.settings.orchestrator;
    const end = endOfFailed(error, taken.tries, what, { maxRetries, base });
    const answer = await ledger.end(taken, end);
    const message = messageOf(error);
    // The load went on without this process: whatever went wrong by that is nobody's concern.
    if (answer !== 'ok') return { kind: 'done', note: `given up: ${REFUSED[answer]}` };
    if (end.kind === 'back') return { kind: 'done', note: `given back: ${message}` };
    const known = error instanceof GraphshiftError ? error : new GraphshiftError('INTERNAL', message);
    backend.log.warn(
      { deploymentId: taken.deployment, code: known.code },
      `${taken.deployment}: ${what}: ${message}`,
    );
    return { kind: 'failed', error: known };
  }

  #makeLoader(): ChunkLoader {
    const loader = this.#options.backend.store.chunkLoader?.();
    if (!loader) throw new GraphshiftError('INTERNAL', 'the store of this process shares no loads');
    return loader;
  }

  async #closeIdle(before: number): Promise<void> {
    const late = this.#idle.filter(({ since }) => since <= before);
    for (const one of late) this.#idle.splice(this.#idle.indexOf(one), 1);
    for (const { loader } of late) await loader.close().catch(() => {});
  }
}

const REFUSED = {
  over: 'its load has ended, or goes on under another holder',
  missing: 'its load has no ledger; whoever coordinates it makes another one',
  none: 'it is in no round of its load',
  done: 'it is loaded already',
  busy: 'another process has it',
  lost: 'another process may have it by now',
} as const;
