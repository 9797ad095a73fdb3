import type { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Clock } from '../platform/clock.ts';
import { within } from '../platform/deadline.ts';

export interface Retirement {
  readonly worker: Worker;
  /** Its connection, which may hang. */
  readonly connection: Redis;
  /** Whether it has something in hand that it was not told to give up. */
  readonly hasWork: () => boolean;
  readonly clock: Clock;
}

const LOOK_EVERY_MS = 1000;
/** A worker whose connection hangs does not close. */
const CLOSE_MS = 2000;

/** A worker that fetches no more, and ends with what it has in hand. */
export class RetiredWorker {
  /** Resolves when it has ended. */
  readonly gone: Promise<void>;
  readonly #retirement: Retirement;
  readonly #cancel: () => void;
  #ending: Promise<void> | undefined;
  #markGone: () => void = () => {};

  constructor(retirement: Retirement) {
    this.#retirement = retirement;
    this.gone = new Promise((resolve) => {
      this.#markGone = resolve;
    });
    this.#cancel = retirement.clock.every(LOOK_EVERY_MS, async () => {
      if (!retirement.hasWork()) await this.end();
    });
  }

  /** Ends it whatever it has in hand. Idempotent. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#cancel();
    const { worker, connection, clock } = this.#retirement;
    await within(clock, CLOSE_MS, worker.close(true)).catch(() => {});
    // Whatever still waits for an answer there gets an error instead of waiting for ever.
    connection.disconnect();
    this.#markGone();
  }
}
