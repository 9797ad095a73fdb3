import type { Clock } from '../platform/clock.ts';

/** What of a BullMQ job a log needs. */
interface Loggable {
  log(text: string): Promise<unknown>;
}

const FLUSH_EVERY_MS = 1000;

/**
 * Lines for a job's log in Bull Board, sent together: a short deployment has six, each of which would cost a round trip
 * to Redis. They are for people to read; one that cannot be sent must not cost an attempt.
 */
export class JobLog {
  readonly #job: Loggable;
  readonly #stop: () => void;
  #lines: string[] = [];

  constructor(job: Loggable, clock: Clock) {
    this.#job = job;
    this.#stop = clock.every(FLUSH_EVERY_MS, () => this.#flush());
  }

  add(line: string): void {
    this.#lines.push(line);
  }

  /** Sends what is left. */
  async end(): Promise<void> {
    this.#stop();
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const lines = this.#lines.splice(0);
    if (lines.length > 0) await this.#job.log(lines.join('\n')).catch(() => {});
  }
}
