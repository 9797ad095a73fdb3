import CircuitBreaker from 'opossum';
import { type Clock, systemClock } from './clock.ts';
import { GraphshiftError, messageOf } from './errors.ts';
import type { Service } from './service.ts';

/** `half-open` lets a probe through, and is not trusted before something has proved that the service works again. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** A breaker as people and other instances see it. */
export interface BreakerView {
  readonly name: string;
  readonly state: BreakerState;
  /** Failures in a row. */
  readonly failures: number;
  /** How often it opened since its process began. */
  readonly opened: number;
  /** Milliseconds since 1970 at which it opened last; null before the first time. */
  readonly openedAt: number | null;
  /** What failed last; null before the first failure. */
  readonly lastError: string | null;
}

export interface BreakerOptions {
  /** Failures in a row that open it. @default 5 */
  readonly threshold?: number;
  /** After this long one call is let through as a probe. @default 60_000 */
  readonly resetMs?: number;
  /** Whether an error is the service's failure; others say nothing about it. @default every error */
  readonly counts?: (error: unknown) => boolean;
  /** Told after each change of its state. */
  readonly onChange?: (view: BreakerView) => void;
  /** @default the system's */
  readonly clock?: Clock;
}

export interface RunOptions {
  /** Whether a success shows that the service works; false where the work itself is still to come. @default true */
  readonly proves?: boolean;
}

/**
 * A circuit breaker around short calls to one service. It counts failures in a row; an error that is not the service's
 * neither adds to them nor ends them.
 */
export class Breaker implements Pick<Service, 'stop'> {
  readonly name: string;
  readonly #circuit: CircuitBreaker<[() => Promise<unknown>], unknown>;
  readonly #threshold: number;
  readonly #resetMs: number;
  readonly #counts: (error: unknown) => boolean;
  readonly #onChange: (view: BreakerView) => void;
  readonly #clock: Clock;
  #failures = 0;
  #last: unknown;
  #opened = 0;
  #openedAt: number | null = null;
  #probedAt: number | undefined;
  #told: BreakerState = 'closed';

  constructor(name: string, options: BreakerOptions = {}) {
    this.name = name;
    this.#threshold = options.threshold ?? 5;
    this.#resetMs = options.resetMs ?? 60_000;
    this.#counts = options.counts ?? (() => true);
    this.#onChange = options.onChange ?? (() => {});
    this.#clock = options.clock ?? systemClock;
    this.#circuit = new CircuitBreaker((call: () => Promise<unknown>) => call(), {
      name,
      // opossum's own time-out rejects a call that is merely slow (its default is 10 s), and its thresholds are
      // percentages of a rolling window, which failures a minute apart never reach: both are off.
      timeout: false,
      errorThresholdPercentage: 101,
      resetTimeout: this.#resetMs,
      errorFilter: (error: unknown) => !this.#counts(error),
    });
    const tell = () => this.#tell();
    this.#circuit.on('open', tell).on('halfOpen', tell).on('close', tell);
  }

  get open(): boolean {
    return this.#circuit.opened;
  }

  get state(): BreakerState {
    if (this.#circuit.opened) return 'open';
    return this.#circuit.halfOpen || this.#failures >= this.#threshold ? 'half-open' : 'closed';
  }

  view(): BreakerView {
    return {
      name: this.name,
      state: this.state,
      failures: this.#failures,
      opened: this.#opened,
      openedAt: this.#openedAt,
      lastError: this.#last === undefined ? null : messageOf(this.#last),
    };
  }

  /**
   * @throws what the call throws, or BREAKER_OPEN: without calling while the breaker is open, and where a probe failed,
   * which was the breaker's question and shall cost nobody an attempt
   */
  async run<Result>(call: () => Promise<Result>, { proves = true }: RunOptions = {}): Promise<Result> {
    this.#giveUpProbe();
    if (this.#circuit.halfOpen) this.#probedAt ??= this.#clock.now();
    const probing = this.state === 'half-open';
    try {
      const result = (await this.#circuit.fire(call)) as Result;
      if (proves) this.succeeded();
      return result;
    } catch (error) {
      if ((error as { code?: string }).code === 'EOPENBREAKER') throw this.#refusal();
      this.failed(error);
      throw probing && this.#counts(error) ? this.#refusal() : error;
    }
  }

  /** Work that the breaker did not start, such as a phase of a load that it let begin, has shown that the service works. */
  succeeded(): void {
    this.#failures = 0;
    this.#circuit.close();
    this.#tell();
  }

  /** Such work has failed. */
  failed(error: unknown): void {
    if (!this.#counts(error)) return;
    this.#last = error;
    if (++this.#failures >= this.#threshold) this.#circuit.open();
    this.#tell();
  }

  async stop(): Promise<void> {
    this.#circuit.shutdown();
  }

  /** A probe that gets no answer must not keep everybody out for ever. */
  #giveUpProbe(): void {
    if (this.#probedAt === undefined || this.#clock.now() - this.#probedAt <= this.#resetMs) return;
    this.#circuit.open();
  }

  #refusal(): GraphshiftError {
    const message = `${this.name} failed ${this.#failures} times in a row and is left alone for a while; the last time: ${messageOf(this.#last)}`;
    return new GraphshiftError('BREAKER_OPEN', message, { cause: this.#last });
  }

  #tell(): void {
    const { state } = this;
    if (!this.#circuit.halfOpen) this.#probedAt = undefined;
    if (state === this.#told) return;
    if (state === 'open') {
      this.#opened++;
      this.#openedAt = this.#clock.now();
    }
    this.#told = state;
    this.#onChange(this.view());
  }
}
