/** The health check of the graph store that every load passes first. It fails closed. */

import type { StoreHealth } from '../graph-store/graph-store.ts';
import type { Logger } from '../platform/log.ts';
import type { StoreReadings } from './readings.ts';
import { closedReason, type GateThresholds, MEASURES, type Room, roomOf } from './thresholds.ts';

export type GateReading =
  | {
      readonly open: true;
      readonly health: StoreHealth;
      readonly room: Room;
      /** Redis server time in ms just before the listing began. */
      readonly listedAt: number;
    }
  | { readonly open: false; readonly reason: string; readonly health: StoreHealth };

export interface GateOptions {
  readonly readings: StoreReadings;
  readonly thresholds: GateThresholds;
  readonly log: Logger;
}

export class Gate {
  readonly #options: GateOptions;
  /** Measures that were said not to be there. */
  readonly #missing = new Set<string>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /**
   * Whatever keeps the store from answering closes the gate.
   * @param needs `newerThan`: Redis server time in ms after which the listing must have begun
   * @throws when Redis does not answer
   */
  async read(needs: { readonly newerThan?: number } = {}): Promise<GateReading> {
    const { readings, thresholds } = this.#options;
    const { health, listing, listedAt } = await readings.read(needs);
    const reason = closedReason(health, thresholds);
    if (reason !== undefined) return { open: false, reason, health };
    if (!listing) return { open: false, reason: 'the store does not say what it holds', health };
    this.#nameMissing(health);
    return { open: true, health, room: roomOf(health, listing, thresholds.maxDatabases), listedAt };
  }

  /** A threshold that can never close the gate must not look as if it could. */
  #nameMissing(health: StoreHealth): void {
    for (const { key, name, setting } of MEASURES) {
      if (health.percent[key] !== undefined || this.#missing.has(key)) continue;
      this.#missing.add(key);
      const why = health.missing?.[key];
      this.#options.log.info(
        `gate: this store offers no ${name} measure${why === undefined ? '' : `: ${why}`}; ${setting} is left out`,
      );
    }
    const why = health.missing?.databases;
    if (why === undefined || this.#missing.has('databases')) return;
    this.#missing.add('databases');
    this.#options.log.info(`gate: the store's own limit on databases is left out: ${why}`);
  }
}
