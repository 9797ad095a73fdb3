/**
 * Watches whether a consumer of a worker still fetches. A connection that came back may leave a fetch waiting for ever; then
 * the consumer is restarted over a new one, and where that does not help the process ends, for its orchestrator to
 * start it again.
 */

import type { Clock } from '../platform/clock.ts';
import { within } from '../platform/deadline.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';

export interface WatchdogOptions {
  /** What the jobs are, for people, such as `deployments`. */
  readonly what: string;
  readonly consumer: {
    /** It has a free slot, and nothing keeps it from taking a job. */
    readonly takes: boolean;
    /** Jobs that it fetched since it started. */
    readonly fetched: number;
  };
  /** Jobs that could be taken, asked over another connection than the consumer's. */
  readonly ready: () => Promise<number>;
  readonly restart: () => Promise<void>;
  /** Called once, when a restart has not helped. */
  readonly onHopeless: (reason: string) => void;
  /** How long jobs may wait beside a free slot. */
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A Redis that takes longer than this to count is away, and nobody can fetch from it. */
const ANSWER_MS = 5000;
const RESTART_MS = 10_000;

export class Watchdog implements Service {
  readonly #options: WatchdogOptions;
  #cancel: (() => void) | undefined;
  #look: Promise<void> = Promise.resolve();
  /** Since when jobs wait and nothing was fetched. */
  #since: number | undefined;
  #seen = 0;
  #restarted = false;
  #hopeless = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#cancel) return;
    const { clock, patienceMs } = this.#options;
    this.#since = undefined;
    this.#cancel = clock.every(Math.max(100, patienceMs / 6), () => {
      this.#look = this.look();
      return this.#look;
    });
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#look;
  }

  /** One look; a restart or an end comes of it where the time is over. */
  async look(): Promise<void> {
    const { consumer, clock, patienceMs, onHopeless } = this.#options;
    if (this.#hopeless) return;
    if (consumer.fetched !== this.#seen) this.#restarted = false;
    if (consumer.fetched !== this.#seen || !consumer.takes || (await this.#nothingReady())) {
      this.#seen = consumer.fetched;
      this.#since = undefined;
      return;
    }
    this.#since ??= clock.now();
    if (clock.now() - this.#since < patienceMs) return;
    this.#since = undefined;
    const seconds = patienceMs / 1000;
    if (this.#restarted) {
      this.#hopeless = true;
      onHopeless(
        `it takes no ${this.#options.what} from the queue, though some wait, for ${seconds} s after its consumer was restarted`,
      );
      return;
    }
    this.#restarted = true;
    await this.#restart(seconds);
  }

  async #nothingReady(): Promise<boolean> {
    try {
      const ready = await within(this.#options.clock, ANSWER_MS, this.#options.ready());
      return ready === 'late' || ready.value === 0;
    } catch {
      return true;
    }
  }

  async #restart(seconds: number): Promise<void> {
    const { log, restart, clock, patienceMs, what } = this.#options;
    log.warn(`watchdog: ${what} wait, and none was taken for ${seconds} s; the consumer is restarted`);
    try {
      // A new connection may hang like the one before.
      if ((await within(clock, Math.min(patienceMs, RESTART_MS), restart())) === 'late')
        log.warn('watchdog: the new connection does not answer yet');
    } catch (error) {
      log.warn({ err: error }, `watchdog: the consumer cannot be restarted: ${messageOf(error)}`);
    }
  }
}
