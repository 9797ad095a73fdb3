import { type Backend, type DeploymentRecord, isEndState, type State } from '@graphshift/core';
import type { DemoSnapshot } from './flights.ts';
import type { DemoState } from './live-view.ts';

/** Over how long the rate of rows is taken. */
const RATE_MS = 4000;

/** Follows the system from outside: reads records, notices what moved, and makes the view's state. */
export class Watch {
  readonly #backend: Backend;
  readonly #plan: ReadonlyMap<string, readonly DemoSnapshot[]>;
  readonly #title: string;
  readonly #startedAt: number;
  readonly #samples: { at: number; rows: number }[] = [];
  readonly #live = new Map<string, DemoSnapshot>();
  readonly moves: string[] = [];
  records = new Map<string, DeploymentRecord>();

  constructor(backend: Backend, plan: ReadonlyMap<string, readonly DemoSnapshot[]>, title: string) {
    this.#backend = backend;
    this.#plan = plan;
    this.#title = title;
    this.#startedAt = backend.clock.now();
  }

  get elapsedSeconds(): number {
    return (this.#backend.clock.now() - this.#startedAt) / 1000;
  }

  /** Rows that all loads put into the store so far. */
  get rows(): number {
    return [...this.records.values()].reduce((sum, { rows }) => sum + (rows ?? 0), 0);
  }

  async look(): Promise<void> {
    const ids = [...this.#plan.values()].flat().map(({ customer, timestamp }) => `${customer}@${timestamp}`);
    const records = await this.#backend.deployments.getMany(ids);
    this.records = new Map(records.map((record) => [record.id, record]));
    for (const [customer, snapshots] of this.#plan) {
      const live = snapshots.findLast(({ timestamp }) => this.stateOf(customer, timestamp) === 'live');
      const before = this.#live.get(customer);
      if (!live || before === live) continue;
      this.#live.set(customer, live);
      const time = new Date(this.#backend.clock.now()).toTimeString().slice(0, 8);
      const from = before ? `${customer}-${before.timestamp} → ` : '';
      this.moves.unshift(`${time}  ${customer}  ${from}${customer}-${live.timestamp}`);
    }
    const now = this.#backend.clock.now();
    this.#samples.push({ at: now, rows: this.rows });
    while ((this.#samples[0]?.at ?? now) < now - RATE_MS) this.#samples.shift();
  }

  stateOf(customer: string, timestamp: number): State | undefined {
    return this.records.get(`${customer}@${timestamp}`)?.state;
  }

  /** It is live, or will not be. */
  ended(customer: string, timestamp: number): boolean {
    const state = this.stateOf(customer, timestamp);
    return state !== undefined && isEndState(state);
  }

  state(): DemoState {
    const counts: Partial<Record<State, number>> = {};
    for (const { state } of this.records.values()) counts[state] = (counts[state] ?? 0) + 1;
    const all = [...this.#plan.values()].flat();
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    const seconds = first && last ? (last.at - first.at) / 1000 : 0;
    const records = [...this.records.values()];
    return {
      title: this.#title,
      elapsedSeconds: this.elapsedSeconds,
      counts,
      planned: all.length,
      rows: this.rows,
      rowsPlanned: all.reduce((sum, { airports, flights }) => sum + airports + flights, 0),
      rowsPerSecond: seconds > 0 && first && last ? Math.max(0, (last.rows - first.rows) / seconds) : 0,
      loading: records
        .filter(({ state }) => state === 'loading')
        .map(({ id, rows, rowsTotal }) => ({ id, rows: rows ?? 0, rowsTotal: rowsTotal ?? 0 })),
      live: [...this.#live.values()].map(({ customer, month, flights }) => ({
        customer,
        month,
        months: this.#plan.get(customer)?.at(-1)?.month ?? month,
        flights,
      })),
      moves: this.moves,
      dead: records
        .filter(({ state }) => state === 'dead')
        .map(({ id, error }) => `${id}: ${error?.message ?? ''}`),
    };
  }
}
