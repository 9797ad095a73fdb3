import type { Clock } from '../platform/clock.ts';

/** How busy one process is with deployments, from when the meter was made. */
export class BusyMeter {
  /** Why the process takes no work up just now; empty when it does. */
  paused = '';
  /** How often its consumer was restarted because it fetched nothing. */
  restarts = 0;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #since = new Map<string, number>();
  readonly #chunks = new Set<string>();
  #endedMs = 0;
  #ended = 0;
  #failed = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /** Deployments in hand. */
  get active(): number {
    return this.#since.size;
  }

  /** Ids of the jobs in hand. */
  get jobs(): string[] {
    return [...this.#since.keys()];
  }

  get uptimeMs(): number {
    return this.#msSince(this.#startedAt);
  }

  /** Milliseconds with a deployment in hand, each slot's own, those still in hand among them. */
  get busyMs(): number {
    return [...this.#since.values()].reduce((sum, since) => sum + this.#msSince(since), this.#endedMs);
  }

  /** Pickups that ended, and those among them that cost an attempt. */
  get pickups(): { readonly ended: number; readonly failed: number } {
    return { ended: this.#ended, failed: this.#failed };
  }

  /** Chunks of shared loads in hand, each as `<deployment>#<number>`. */
  get chunks(): string[] {
    return [...this.#chunks];
  }

  takeChunk(chunk: string): void {
    this.#chunks.add(chunk);
  }

  dropChunk(chunk: string): void {
    this.#chunks.delete(chunk);
  }

  /** The one in hand has failed; it ends next. */
  fail(): void {
    this.#failed++;
  }

  begin(job: string): void {
    this.#since.set(job, this.#clock.now());
  }

  end(job: string): void {
    const since = this.#since.get(job);
    if (since === undefined) return;
    this.#since.delete(job);
    this.#ended++;
    this.#endedMs += this.#msSince(since);
  }

  /** A clock that was set back has nothing run for less than no time. */
  #msSince(at: number): number {
    return Math.max(0, this.#clock.now() - at);
  }
}
