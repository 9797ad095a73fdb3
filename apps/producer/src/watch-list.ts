import type { Clock, ErrorCode, FoundSnapshot, GraphshiftError, Look } from '@graphshift/core';

export interface WatchListOptions {
  readonly clock: Clock;
  /** A snapshot that nobody declared whole is ready when unchanged for this long. */
  readonly settleMs: number;
  /** Looks at snapshots, in their order. */
  readonly look: (snapshots: readonly FoundSnapshot[]) => Promise<readonly Look[]>;
  /**
   * The oldest of a customer first: a ready one is kept back while an older one is still arriving, for as long as that
   * one's files move and a while after. @default false: the newest first
   */
  readonly inOrder?: boolean;
  /** Called once for a snapshot that is still without the file that says it is whole after `settleMs`. */
  readonly onAwaits?: (snapshot: FoundSnapshot, file: string) => void;
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
  fingerprint: string | undefined;
  /** Since when our own looks found it unchanged; file times tell nothing, since a copy keeps old ones. */
  unchangedSince: number;
  awaits: string | undefined;
  awaitsTold: boolean;
  /** The round of `add` that named it last. */
  round: number;
}

/** What a snapshot looks like that is still being written; it gets longer to come to rest. */
const ARRIVING: ReadonlySet<ErrorCode> = new Set([
  'SNAPSHOT_EMPTY',
  'FILE_TRUNCATED',
  'FILE_FORMAT',
  'FILE_UNREADABLE',
  'MANIFEST_INVALID',
  'MANIFEST_MISMATCH',
]);
const ARRIVING_PATIENCE = 6;

/** Snapshots looked at before anything is done with the ready ones among them; a customer's stay together. */
const BATCH = 64;

/** Snapshots without a record, looked at until they are ready. */
export class WatchList {
  readonly #options: WatchListOptions;
  /** By customer, then by timestamp. */
  readonly #watched = new Map<string, Map<number, Watched>>();
  #size = 0;
  #round = 0;

  constructor(options: WatchListOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** Some of what is on the list, each with what it waits for where that is a file. */
  some(most: number): { readonly snapshot: FoundSnapshot; readonly awaits: string | undefined }[] {
    const found: { snapshot: FoundSnapshot; awaits: string | undefined }[] = [];
    for (const { snapshot, awaits } of this.#all()) {
      if (found.length === most) break;
      found.push({ snapshot, awaits });
    }
    return found;
  }

  /** Everything on the list in pieces; what comes and goes between two pieces does no harm. */
  *pages(size: number): Generator<FoundSnapshot[]> {
    let page: FoundSnapshot[] = [];
    for (const { snapshot } of this.#all()) {
      page.push(snapshot);
      if (page.length < size) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  /** Begins to name everything that is there; `endRound` forgets what was not added since. */
  beginRound(): void {
    this.#round += 1;
  }

  endRound(): void {
    for (const { snapshot, round } of this.#all()) if (round !== this.#round) this.remove(snapshot);
  }

  add(snapshot: FoundSnapshot): void {
    const { customer, timestamp } = snapshot;
    const ofCustomer = this.#watched.get(customer) ?? new Map<number, Watched>();
    this.#watched.set(customer, ofCustomer);
    const known = ofCustomer.get(timestamp);
    if (known?.snapshot.path === snapshot.path) known.round = this.#round;
    else {
      if (!known) this.#size += 1;
      const fresh = { fingerprint: undefined, unchangedSince: 0, awaits: undefined, awaitsTold: false };
      ofCustomer.set(timestamp, { snapshot, ...fresh, round: this.#round });
    }
  }

  remove({ customer, timestamp }: Pick<FoundSnapshot, 'customer' | 'timestamp'>): void {
    const ofCustomer = this.#watched.get(customer);
    if (!ofCustomer?.delete(timestamp)) return;
    this.#size -= 1;
    if (ofCustomer.size === 0) this.#watched.delete(customer);
  }

  /**
   * Looks at each once and yields, batch by batch, those that are ready, each customer's in the order in which they
   * shall be loaded, so that the head of a backlog that arrives at once is right from the start. They stay on the list
   * until they are removed.
   * Broken off half-way, the next call goes on with those that were left.
   */
  async *look(): AsyncGenerator<readonly Settled[]> {
    for (let left = this.#watched.size; left > 0; ) {
      const batch: Watched[] = [];
      for (; left > 0 && batch.length < BATCH; left -= 1) batch.push(...this.#nextCustomer());
      const direction = this.#options.inOrder ? -1 : 1;
      const settled = await this.#lookAt(batch);
      yield settled.sort((a, b) => direction * (b.snapshot.timestamp - a.snapshot.timestamp));
    }
  }

  /** The customer whose turn it is; it goes to the end of the line. */
  #nextCustomer(): Watched[] {
    const [next] = this.#watched;
    if (!next) return [];
    const [customer, ofCustomer] = next;
    this.#watched.delete(customer);
    this.#watched.set(customer, ofCustomer);
    return [...ofCustomer.values()];
  }

  async #lookAt(batch: readonly Watched[]): Promise<Settled[]> {
    // One time for the whole batch: of one customer's snapshots the newer ones are not ready later by milliseconds.
    const startedAt = this.#options.clock.now();
    const looks = await this.#options.look(batch.map(({ snapshot }) => snapshot));
    const endedAt = this.#options.clock.now();
    /** For each customer, the oldest snapshot that is still arriving. */
    const arriving = new Map<string, number>();
    const ready = batch.flatMap((watched, index) => {
      const look = looks[index];
      if (look && this.#isReady(watched, look, startedAt, endedAt)) return [settledBy(watched, look)];
      const { customer, timestamp } = watched.snapshot;
      if (endedAt - watched.unchangedSince <= this.#options.settleMs * ARRIVING_PATIENCE)
        arriving.set(customer, Math.min(timestamp, arriving.get(customer) ?? timestamp));
      return [];
    });
    if (!this.#options.inOrder) return ready;
    return ready.filter(
      ({ snapshot: { customer, timestamp } }) => timestamp < (arriving.get(customer) ?? Infinity),
    );
  }

  #isReady(watched: Watched, look: Look, startedAt: number, endedAt: number): boolean {
    const { settleMs } = this.#options;
    // What is gone comes off the list by the scan, which also knows when it is back.
    const gone = look.problem?.code === 'SNAPSHOT_GONE';
    const print = gone ? undefined : look.fingerprint;
    const moved = print === undefined || print !== watched.fingerprint || look.awaits !== watched.awaits;
    if (moved) Object.assign(watched, { fingerprint: print, unchangedSince: endedAt, awaits: look.awaits });
    if (gone) return false;
    const quietMs = moved ? 0 : startedAt - watched.unchangedSince;
    if (look.awaits !== undefined) {
      if (!watched.awaitsTold && quietMs >= settleMs && !moved) {
        watched.awaitsTold = true;
        this.#options.onAwaits?.(watched.snapshot, look.awaits);
      }
      return false;
    }
    if (look.declared && !look.problem) return true;
    if (moved && settleMs > 0) return false;
    return quietMs >= settleMs * (look.problem && ARRIVING.has(look.problem.code) ? ARRIVING_PATIENCE : 1);
  }

  *#all(): Generator<Watched> {
    for (const ofCustomer of this.#watched.values()) yield* ofCustomer.values();
  }
}

function settledBy({ snapshot }: Watched, { files, bytes, problem }: Look): Settled {
  return { snapshot, files, bytes, ...(problem && { problem }) };
}
