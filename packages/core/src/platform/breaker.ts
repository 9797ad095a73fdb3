import CircuitBreaker from 'opossum';
import { GraphshiftError, messageOf } from './errors.ts';
import type { Service } from './service.ts';

export interface BreakerOptions {
  /** Failures in a row that open it. @default 5 */
  readonly threshold?: number;
  /** After this long one call is let through as a probe. @default 60_000 */
  readonly resetMs?: number;
}

/** A circuit breaker around short calls to one service. */
export class Breaker implements Pick<Service, 'stop'> {
  readonly #circuit: CircuitBreaker<[() => Promise<unknown>], unknown>;
  readonly #name: string;
  readonly #threshold: number;
  #failures = 0;
  #last: unknown;

  constructor(name: string, options: BreakerOptions = {}) {
    this.#name = name;
    this.#threshold = options.threshold ?? 5;
    this.#circuit = new CircuitBreaker((call: () => Promise<unknown>) => call(), {
      name,
      // opossum's own time-out rejects a call that is merely slow (its default is 10 s), and its thresholds are
      // percentages of a rolling window, which failures a minute apart never reach: both are off.
      timeout: false,
      errorThresholdPercentage: 101,
      resetTimeout: options.resetMs ?? 60_000,
    });
  }

  get open(): boolean {
    return this.#circuit.opened;
  }

  /** @throws what the call throws, or BREAKER_OPEN, without calling, while the breaker is open */
  async run<Result>(call: () => Promise<Result>): Promise<Result> {
    try {
      const result = (await this.#circuit.fire(call)) as Result;
      this.#failures = 0;
      return result;
    } catch (error) {
      if ((error as { code?: string }).code === 'EOPENBREAKER') {
        const message = `${this.#name} failed ${this.#failures} times in a row and is left alone for a while; the last time: ${messageOf(this.#last)}`;
        throw new GraphshiftError('BREAKER_OPEN', message, { cause: this.#last });
      }
      this.#last = error;
      if (++this.#failures >= this.#threshold) this.#circuit.open();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#circuit.shutdown();
  }
}
