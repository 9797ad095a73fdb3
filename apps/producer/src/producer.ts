/** Scans the roots, decides when a snapshot is ready, records it and enqueues its customer's head. */

import {
  asGraphshiftError,
  type Backend,
  deploymentId,
  GraphshiftError,
  messageOf,
  Scanner,
  type Service,
} from '@graphshift/core';
import { forgetGone } from './forget-gone.ts';
import type { Settled, WatchList } from './watch-list.ts';
import { WatchedRoot } from './watched-root.ts';

export interface ProducerOptions {
  readonly backend: Backend;
  /** Absolute directories. */
  readonly roots: readonly string[];
  /**
   * Makes again what an emptied Redis lost. Awaited at the start, and when Redis was emptied, before anything is
   * recorded; one that throws is tried again at the next scan. @default nothing
   */
  readonly recover?: () => Promise<void>;
}

const LOOK_EVERY_MIN_MS = 100;

export class Producer implements Service {
  readonly #options: ProducerOptions;
  readonly #backend: Backend;
  readonly #roots: ReadonlyMap<string, WatchedRoot>;
  readonly #stopping = new AbortController();
  readonly #scanner: Scanner;
  #loop: Promise<void> | undefined;
  #scans = 0;
  /** Which filling and which run of Redis the records that were looked up belong to. */
  #filling: string | undefined;
  #fullScanAt = 0;
  #scanAt = 0;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#backend = options.backend;
    this.#scanner = new Scanner(this.#stopping.signal);
    const scanner = this.#scanner;
    this.#roots = new Map(
      options.roots.map((root) => [root, new WatchedRoot({ backend: options.backend, scanner, root })]),
    );
  }

  /** @throws CONFIG_INVALID when a root cannot be read (later on that is a warning), and what `recover` throws */
  async start(): Promise<void> {
    if (this.#loop) return;
    try {
      for (const root of this.#roots.keys()) await this.#check(root);
      await this.#recognise();
    } catch (error) {
      await this.#scanner.stop();
      throw error;
    }
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#scanner.stop();
  }

  /** Whether every snapshot found by a whole scan has a record. */
  get settled(): boolean {
    return this.#scans > 0 && [...this.#roots.values()].every(({ list }) => list.size === 0);
  }

  /** Some of the snapshots that are not ready, each with the file it waits for where its writer owes one. */
  unready(most: number): string[] {
    return [...this.#roots.values()]
      .flatMap(({ list }) => list.some(most))
      .slice(0, most)
      .map(({ snapshot, awaits }) => `${deploymentId(snapshot)}${awaits ? ` waits for its ${awaits}` : ''}`);
  }

  async #run(): Promise<void> {
    const { clock, settings, log } = this.#backend;
    const { signal } = this.#stopping;
    const scanMs = settings.orchestrator.scan_interval * 1000;
    const lookMs = Math.max(LOOK_EVERY_MIN_MS, (settings.orchestrator.settle_seconds * 1000) / 2);
    this.#scanAt = clock.now();
    while (!signal.aborted) {
      try {
        if (clock.now() >= this.#scanAt) {
          this.#scanAt = clock.now() + scanMs;
          await this.scan();
        }
        await this.#look();
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, `scan: ${messageOf(error)}`);
      }
      const untilScan = Math.max(0, this.#scanAt - clock.now());
      await clock.sleep(this.settled ? untilScan : Math.min(lookMs, untilScan), signal).catch(() => {});
    }
  }

  /**
   * One scan of every root. A root that cannot be scanned is left to the next one; the others go on.
   * @throws when Redis does not answer, and what `recover` throws
   */
  async scan(): Promise<void> {
    const { clock, settings, log } = this.#backend;
    const emptied = await this.#recognise();
    const full = clock.now() >= this.#fullScanAt;
    if (full) this.#fullScanAt = clock.now() + settings.orchestrator.full_scan_interval * 1000;
    for (const [root, watched] of this.#roots) {
      try {
        // A Redis that lost its last second says nothing about it: a full scan looks up every record again, too.
        await watched.scan({ full, everything: full || emptied });
      } catch (error) {
        if (this.#stopping.signal.aborted) throw error;
        log.warn({ root, err: error }, `scan of ${root}: ${messageOf(error)}`);
      }
    }
    if (full) await this.#forget();
    this.#scans++;
  }

  async #forget(): Promise<void> {
    const forgotten = await forgetGone(this.#backend, this.#stopping.signal);
    if (forgotten > 0)
      this.#backend.log.info(
        `forgot ${forgotten} deployments that ended long ago and whose snapshots are gone`,
      );
  }

  async #check(root: string): Promise<void> {
    await this.#scanner.check(root).catch((cause: unknown) => {
      if (asGraphshiftError(cause).code !== 'ROOT_UNREADABLE') throw cause;
      const message = `orchestrator.data_path: ${messageOf(cause)}; it must be a directory that the producer can read`;
      throw new GraphshiftError('CONFIG_INVALID', message, { cause });
    });
  }

  /** Whether Redis is another filling than the one known so far; what it lost has been made again then. */
  async #recognise(): Promise<boolean> {
    const filling = await this.#fillingNow();
    if (filling === this.#filling) return false;
    if (this.#filling !== undefined)
      this.#backend.log.warn(
        'Redis was emptied or started again: lost records are made again, and every snapshot is looked up',
      );
    await this.#options.recover?.();
    this.#filling = filling;
    return true;
  }

  /** One that was started again may have lost its last second, and with it a record. */
  async #fillingNow(): Promise<string> {
    const { deployments } = this.#backend;
    return `${await deployments.incarnation()} ${await deployments.serverRun()}`;
  }

  async #look(): Promise<void> {
    for (const { list } of this.#roots.values()) {
      for await (const ready of list.look()) {
        await this.#recordAll(list, ready);
        // Thousands that arrive at once must not keep a scan from being made; the next look goes on from here.
        if (this.#stopping.signal.aborted || this.#backend.clock.now() >= this.#scanAt) return;
      }
    }
  }

  async #recordAll(list: WatchList, ready: readonly Settled[]): Promise<void> {
    if (ready.length === 0) return;
    // What Redis lost must come back before anything is added: the next scan sees to it.
    if ((await this.#fillingNow()) !== this.#filling) return;
    for (const settled of ready) {
      if (this.#stopping.signal.aborted) return;
      await this.#record(settled);
      list.remove(settled.snapshot);
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
  }
}
