/** The breakers of one process by name: the graph store's two, and one for each notification channel. */

import { Breaker, type BreakerView } from '../../platform/breaker.ts';
import type { Clock } from '../../platform/clock.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { Service } from '../../platform/service.ts';

export const ADMINISTRATION = 'graph administration';
export const LOAD = 'graph load';

/** @param channel such as `slack` */
export function notificationBreaker(channel: string): string {
  return `notification ${channel}`;
}

export interface BreakersOptions {
  /** Failures in a row that open one. */
  readonly threshold: number;
  /** Milliseconds after which an open one lets a probe through. */
  readonly resetMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Breakers implements Pick<Service, 'stop'> {
  readonly #options: BreakersOptions;
  readonly #breakers = new Map<string, Breaker>();
  readonly #listeners = new Set<() => void>();

  constructor(options: BreakersOptions) {
    this.#options = options;
    for (const name of [ADMINISTRATION, LOAD]) this.get(name);
  }

  /** The breaker of this name, made the first time. */
  get(name: string): Breaker {
    const known = this.#breakers.get(name);
    if (known) return known;
    const { threshold, resetMs, clock } = this.#options;
    const onChange = (view: BreakerView) => this.#changed(view);
    const breaker = new Breaker(name, { threshold, resetMs, clock, counts: isServiceFailure, onChange });
    this.#breakers.set(name, breaker);
    return breaker;
  }

  views(): BreakerView[] {
    return [...this.#breakers.values()].map((breaker) => breaker.view());
  }

  /** Calls the listener after every change of a state, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    for (const breaker of this.#breakers.values()) await breaker.stop();
  }

  #changed(view: BreakerView): void {
    const { name, state, failures, lastError } = view;
    const fields = { breaker: name, state, failures };
    if (state === 'closed') this.#options.log.info(fields, `breaker of ${name}: closed again`);
    else if (state === 'half-open')
      this.#options.log.info(fields, `breaker of ${name}: lets a probe through`);
    else
      this.#options.log.warn(
        fields,
        `breaker of ${name}: open after ${failures} failures in a row: ${lastError}`,
      );
    for (const listener of this.#listeners) listener();
  }
}

/** Retryable, but no failure of the service: work that was ended on purpose, and a loading process that a snapshot killed. */
const NOT_THE_SERVICE: readonly string[] = ['ABORTED', 'FENCED', 'LOADER_DIED', 'ROOT_UNREADABLE'];

/**
 * Whether an error speaks against the service. What is wrong with a snapshot, or lacks room, does not; a password that is
 * not taken does: a server that is asked too often with a wrong one takes the right one from nobody for a while.
 */
export function isServiceFailure(error: unknown): boolean {
  if (!(error instanceof GraphshiftError)) return true;
  if (error.code === 'STORE_LOGIN') return true;
  return error.class === 'retryable' && !NOT_THE_SERVICE.includes(error.code);
}
