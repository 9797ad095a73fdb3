import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';

export interface MemoryBrakeOptions {
  /** Undefined brakes never. */
  readonly limitBytes: number | undefined;
  /** Resident bytes of the process and its loaders. */
  readonly measure: () => Promise<number>;
  readonly consumer: { hold(reason: string): Promise<void>; release(): Promise<void> };
  readonly clock: Clock;
  readonly log: Logger;
}

const LOOK_EVERY_MS = 1000;
/** Work is taken up again when this share of the limit is free, so that it does not begin and end all the time. */
const ROOM = 0.1;
const MIB = 1024 * 1024;

/** Lets a worker take nothing new while it is short of memory by its own limit; what runs goes on. */
export class MemoryBrake implements Service {
  readonly #options: MemoryBrakeOptions;
  #cancel: (() => void) | undefined;
  #braking = false;

  constructor(options: MemoryBrakeOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#cancel || this.#options.limitBytes === undefined) return;
    // Before the first look: another start may come while that is under way.
    this.#cancel = this.#options.clock.every(LOOK_EVERY_MS, () => this.look());
    await this.look();
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    // A consumer that is started again takes work: what holds it then is found anew.
    this.#braking = false;
  }

  async look(): Promise<void> {
    const { limitBytes = Number.POSITIVE_INFINITY, measure, consumer, log } = this.#options;
    const bytes = await measure();
    const [used, limit] = [Math.round(bytes / MIB), Math.round(limitBytes / MIB)];
    if (!this.#braking && bytes >= limitBytes) {
      this.#braking = true;
      const reason = `short of memory: ${used} of ${limit} MB are used`;
      log.warn({ memory: bytes }, `worker takes nothing more: ${reason}`);
      await consumer.hold(reason);
    } else if (this.#braking && bytes < limitBytes * (1 - ROOM)) {
      this.#braking = false;
      log.info({ memory: bytes }, `worker takes work again: ${used} of ${limit} MB are used`);
      await consumer.release();
    }
  }
}
