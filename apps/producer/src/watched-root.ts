import {
  asGraphshiftError,
  type Backend,
  deploymentId,
  type FoundSnapshot,
  GraphshiftError,
  messageOf,
  type Refusal,
  type Scanner,
  type ScanPage,
  snapshotsOf,
} from '@graphshift/core';
import { WatchList } from './watch-list.ts';

export interface WatchedRootOptions {
  readonly backend: Backend;
  readonly scanner: Scanner;
  /** Absolute. */
  readonly root: string;
}

/** Ids looked up between two turns of the event loop. */
const LOOK_UP = 200;

/** One root: what its scans find, and the snapshots in it that have no record yet. */
export class WatchedRoot {
  readonly #backend: Backend;
  readonly #scanner: Scanner;
  readonly #root: string;
  readonly #list: WatchList;
  /** Refusals that were told, by path. */
  readonly #refused = new Map<string, string>();
  /** What keeps the root from being read, told once. */
  #trouble = '';
  /** A scan broke off, and its differences are lost: the next one takes up everything. */
  #unsure = true;

  constructor(options: WatchedRootOptions) {
    this.#backend = options.backend;
    this.#scanner = options.scanner;
    this.#root = options.root;
    const { clock, settings, log } = options.backend;
    this.#list = new WatchList({
      clock,
      settleMs: settings.orchestrator.settle_seconds * 1000,
      inOrder: settings.orchestrator.policy === 'in-order',
      look: (snapshots) =>
        this.#scanner.look(
          this.#root,
          settings.orchestrator.readiness,
          snapshots.map(({ path }) => path),
        ),
      onAwaits: (snapshot, file) =>
        log.info(
          { deploymentId: deploymentId(snapshot), path: snapshot.path },
          `${deploymentId(snapshot)} waits for its ${file} (orchestrator.readiness)`,
        ),
    });
  }

  get list(): WatchList {
    return this.#list;
  }

  /**
   * Scans the root. One that cannot be read is told once, and keeps what is watched in it.
   * @param options `full`: read every directory, whatever its times say; `everything`: look up every record again
   */
  async scan(options: { readonly full: boolean; readonly everything: boolean }): Promise<void> {
    const everything = options.everything || this.#unsure;
    this.#unsure = true;
    const request = { root: this.#root, now: this.#backend.clock.now(), full: options.full, everything };
    const summary = await this.#scanner.scan(request).catch((error: unknown) => {
      if (asGraphshiftError(error).code !== 'ROOT_UNREADABLE') throw error;
      this.#tell(messageOf(error));
    });
    if (!summary) return;
    this.#tell('');
    if (summary.emptied !== undefined) this.#warnEmptied(summary.emptied);
    if (summary.everything) this.#list.beginRound();
    const refused: Refusal[] = [];
    for await (const page of this.#scanner.pages(this.#root)) {
      await this.#takeUp(page);
      refused.push(...page.refused);
    }
    if (summary.everything) this.#list.endRound();
    else await this.#dropRecorded();
    if (summary.everything || summary.refusalsMoved) await this.#refuse(refused);
    this.#unsure = false;
  }

  #warnEmptied(customers: number): void {
    const message = `${this.#root} had ${customers} customers and has none now; is it still mounted?`;
    this.#backend.log.warn({ root: this.#root }, message);
  }

  #tell(trouble: string): void {
    if (trouble === this.#trouble) return;
    const { log } = this.#backend;
    if (trouble !== '') log.warn({ root: this.#root }, trouble);
    else log.info({ root: this.#root }, `${this.#root} can be read again`);
    this.#trouble = trouble;
  }

  async #takeUp({ gone, found }: ScanPage): Promise<void> {
    for (const snapshot of gone.flatMap((times) => snapshotsOf(this.#root, times)))
      this.#list.remove(snapshot);
    const snapshots = found.flatMap((times) => snapshotsOf(this.#root, times));
    for (let start = 0; start < snapshots.length; start += LOOK_UP) {
      const page = snapshots.slice(start, start + LOOK_UP);
      const recorded = await this.#recorded(page);
      for (const snapshot of page) {
        if (recorded.has(deploymentId(snapshot))) this.#list.remove(snapshot);
        else this.#list.add(snapshot);
      }
    }
  }

  /** Another producer may have recorded what this one still watches. */
  async #dropRecorded(): Promise<void> {
    for (const page of this.#list.pages(LOOK_UP)) {
      const recorded = await this.#recorded(page);
      for (const snapshot of page) if (recorded.has(deploymentId(snapshot))) this.#list.remove(snapshot);
    }
  }

  #recorded(snapshots: readonly FoundSnapshot[]): Promise<Set<string>> {
    return this.#backend.deployments.known(snapshots.map(deploymentId));
  }

  async #refuse(refused: readonly Refusal[]): Promise<void> {
    const told = new Map(this.#refused);
    this.#refused.clear();
    for (const { path, error } of refused) {
      this.#refused.set(path, error.message);
      if (told.get(path) === error.message) continue;
      const { code, action } = GraphshiftError.fromRecord(error);
      this.#backend.log.error({ code, path }, `refused: ${error.message}. ${action}`);
    }
    await this.#backend.deployments.setRefusals(this.#root, refused);
  }
}
