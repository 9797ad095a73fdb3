/** Scans the roots, decides when a snapshot is ready, records it and enqueues its customer's head. */

import {
  asGraphshiftError,
  type Backend,
  deploymentId,
  type FoundSnapshot,
  findSnapshots,
  GraphshiftError,
  messageOf,
  observeSnapshot,
  type Service,
} from '@graphshift/core';
import { type Settled, WatchList } from './watch-list.ts';

export interface ProducerOptions {
  readonly backend: Backend;
  /** Absolute directories. */
  readonly roots: readonly string[];
}

/** Every so many scans nothing is taken as known: what Redis lost is found again. */
const FULL_CHECK_EVERY = 20;
const LOOK_EVERY_MIN_MS = 100;

export class Producer implements Service {
  readonly #backend: Backend;
  readonly #roots: readonly string[];
  readonly #watchLists = new Map<string, WatchList>();
  /** Snapshots that have a record; they need no look at their files. */
  readonly #known = new Set<string>();
  readonly #refused = new Map<string, string>();
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #scans = 0;

  constructor(options: ProducerOptions) {
    this.#backend = options.backend;
    this.#roots = options.roots;
    const { clock, settings } = options.backend;
    for (const root of options.roots) {
      const list = new WatchList({
        clock,
        settleMs: settings.orchestrator.settle_seconds * 1000,
        observe: (snapshot) => observeSnapshot(snapshot.path, { root }),
      });
      this.#watchLists.set(root, list);
    }
  }

  /** @throws CONFIG_INVALID when a root cannot be read; later on that is a warning a scan */
  async start(): Promise<void> {
    if (this.#loop) return;
    for (const root of this.#roots) await this.#find(root);
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  /** Whether every snapshot found by a whole scan has a record. */
  get settled(): boolean {
    return this.#scans > 0 && [...this.#watchLists.values()].every((list) => list.size === 0);
  }

  async #run(): Promise<void> {
    const { clock, settings, log } = this.#backend;
    const scanMs = settings.orchestrator.scan_interval * 1000;
    const lookMs = Math.max(LOOK_EVERY_MIN_MS, (settings.orchestrator.settle_seconds * 1000) / 2);
    let scanAt = clock.now();
    while (!this.#stopping.signal.aborted) {
      try {
        if (clock.now() >= scanAt) {
          scanAt = clock.now() + scanMs;
          await this.scan();
        }
        await this.#look();
      } catch (error) {
        log.warn({ err: error }, `scan: ${messageOf(error)}`);
      }
      const untilScan = Math.max(0, scanAt - clock.now());
      await clock
        .sleep(this.settled ? untilScan : Math.min(lookMs, untilScan), this.#stopping.signal)
        .catch(() => {});
    }
  }

  /** One scan of every root. A root that cannot be read is left to the next scan; the others go on. */
  async scan(): Promise<void> {
    if (this.#scans % FULL_CHECK_EVERY === 0) this.#known.clear();
    for (const [root, list] of this.#watchLists) {
      try {
        list.update(await this.#withoutRecord(await this.#find(root)));
      } catch (error) {
        this.#backend.log.warn({ root }, messageOf(error));
      }
    }
    this.#scans++;
  }

  async #find(root: string): Promise<readonly FoundSnapshot[]> {
    const { clock, deployments, log } = this.#backend;
    const found = await findSnapshots(root, { now: clock.now() }).catch((cause: unknown) => {
      const message = `orchestrator.data_path: ${messageOf(cause)}; it must be a directory that the producer can read`;
      throw new GraphshiftError('CONFIG_INVALID', message, { cause });
    });
    for (const { path, error } of found.refused) {
      if (this.#refused.get(path) === error.message) continue;
      this.#refused.set(path, error.message);
      log.error({ code: error.code, path }, `refused: ${error.message}. ${error.action}`);
    }
    await deployments.setRefusals(
      root,
      found.refused.map(({ path, error }) => ({ path, error: error.toRecord() })),
    );
    return found.snapshots;
  }

  async #withoutRecord(snapshots: readonly FoundSnapshot[]): Promise<FoundSnapshot[]> {
    const fresh = snapshots.filter((snapshot) => !this.#known.has(deploymentId(snapshot)));
    const recorded = await this.#backend.deployments.known(fresh.map(deploymentId));
    for (const id of recorded) this.#known.add(id);
    return fresh.filter((snapshot) => !recorded.has(deploymentId(snapshot)));
  }

  async #look(): Promise<void> {
    for (const list of this.#watchLists.values()) {
      for (const settled of await list.look()) {
        if (this.#stopping.signal.aborted) return;
        await this.#record(settled);
        list.forget(settled.snapshot);
        this.#known.add(deploymentId(settled.snapshot));
      }
    }
  }

  async #record({ snapshot, files, bytes, problem }: Settled): Promise<void> {
    const { deployments, letters, wakeUps, log } = this.#backend;
    const id = deploymentId(snapshot);
    const error = problem && asGraphshiftError(problem).toRecord();
    const { created, head } = await deployments.discover({ ...snapshot, ...(error && { error }) });
    if (created) {
      log.info(
        { deploymentId: id, files, bytes, path: snapshot.path },
        `discovered ${id}: ${files} files, ${bytes} bytes`,
      );
    }
    if (problem) {
      const record = await deployments.get(id);
      if (record) await letters.ensure(record);
      if (created)
        log.error(
          { deploymentId: id, code: problem.code },
          `${id}: dead: ${problem.message}. ${problem.action}`,
        );
    }
    await wakeUps.ensureHead(deployments, head);
    if (created && head === id) log.info({ deploymentId: id }, `enqueued ${id}`);
  }
}
