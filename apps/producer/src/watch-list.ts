import type { Clock, ErrorCode, FoundSnapshot, GraphshiftError, Observation } from '@graphshift/core';
import { deploymentId } from '@graphshift/core';

export interface WatchListOptions {
  readonly clock: Clock;
  /** A snapshot is ready when unchanged for this long. */
  readonly settleMs: number;
  readonly observe: (snapshot: FoundSnapshot) => Promise<Observation>;
}

/** A snapshot that came to rest. `problem` is what keeps it from being loaded. */
export interface Settled {
  readonly snapshot: FoundSnapshot;
  readonly files: number;
  readonly bytes: number;
  readonly problem?: GraphshiftError;
}

interface Watched {
  readonly snapshot: FoundSnapshot;
  fingerprint: string;
  /** Since when our own observations found it unchanged; file times tell nothing, since a copy keeps old ones. */
  unchangedSince: number;
}

/** What a snapshot looks like that is still being written; it gets longer to come to rest. */
const ARRIVING: ReadonlySet<ErrorCode> = new Set([
  'SNAPSHOT_EMPTY',
  'SNAPSHOT_GONE',
  'FILE_TRUNCATED',
  'FILE_FORMAT',
]);
const ARRIVING_PATIENCE = 6;

/** Snapshots without a record, observed until they have settled. */
export class WatchList {
  readonly #options: WatchListOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: WatchListOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#watched.size;
  }

  /** Takes up what is new, and forgets what is no longer among `snapshots`. */
  update(snapshots: readonly FoundSnapshot[]): void {
    const present = new Set<string>(snapshots.map(deploymentId));
    for (const id of this.#watched.keys()) if (!present.has(id)) this.#watched.delete(id);
    for (const snapshot of snapshots) {
      const id = deploymentId(snapshot);
      if (!this.#watched.has(id)) this.#watched.set(id, { snapshot, fingerprint: '', unchangedSince: 0 });
    }
  }

  forget(snapshot: FoundSnapshot): void {
    this.#watched.delete(deploymentId(snapshot));
  }

  /**
   * Looks at each once; returns those at rest, the newest of each customer first, so that the head of a backlog that
   * arrives at once is right from the start. They stay on the list until `forget`.
   */
  async look(): Promise<Settled[]> {
    const settled: Settled[] = [];
    for (const watched of [...this.#watched.values()]) {
      const observation = await this.#options.observe(watched.snapshot);
      const now = this.#options.clock.now();
      if (observation.fingerprint !== watched.fingerprint) {
        watched.fingerprint = observation.fingerprint;
        watched.unchangedSince = now;
      }
      const { problem, files, bytes } = observation;
      const patience = problem && ARRIVING.has(problem.code) ? ARRIVING_PATIENCE : 1;
      if (watched.unchangedSince === now && this.#options.settleMs > 0) continue;
      if (now - watched.unchangedSince < this.#options.settleMs * patience) continue;
      settled.push({ snapshot: watched.snapshot, files: files.length, bytes, ...(problem && { problem }) });
    }
    return settled.sort((a, b) => b.snapshot.timestamp - a.snapshot.timestamp);
  }
}
