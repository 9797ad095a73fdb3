/**
 * The rows of one load on their way to the server: the import, what is sent of each label and type, and what came back.
 * Where memory allows, nodes go while the ends of relationships are still looked up: the server stores nothing until it has everything, and
 * what turns out wrong aborts the import.
 */

import type { FlightClient } from '@graphshift/flight';
import { systemClock } from '../../../platform/clock.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { GroupKind } from '../../../snapshot-source/layout.ts';
import type { Stations } from '../bolt/finishing.ts';
import type { GroupPlan } from '../bolt/plan.ts';
import type { Build } from '../bolt/progress-marks.ts';
import type { PlannedFiles } from '../load-files.ts';
import { GdsImport, type ImportedCount } from './gds-import.ts';
import type { EntityType } from './gds-protocol.ts';
import { type GroupRows, openGroup } from './group-rows.ts';
import { refuseLate } from './import-records.ts';
import type { ArrowJob } from './load-commands.ts';

const NOTHING: Stations = { read: 0, sent: 0, acknowledged: 0 };

export class Sending {
  readonly #job: ArrowJob;
  readonly #client: FlightClient;
  readonly #build: Build;
  readonly #groups = new Map<GroupPlan, GroupRows>();
  readonly #stations = new Map<GroupPlan, Stations>();
  readonly #stop = new AbortController();
  #import: GdsImport | undefined;
  #nodes: Promise<void> | undefined;
  /** Acknowledged so far. */
  rows = 0;
  /** Of the files whose rows are all acknowledged. */
  bytes = 0;
  /** Called when more rows are acknowledged. */
  onRows: () => void = () => {};

  /** @param build of this process, for asking who holds the customer */
  constructor(job: ArrowJob, client: FlightClient, build: Build) {
    this.#job = job;
    this.#client = client;
    this.#build = build;
  }

  /**
   * Looks at all groups, so that what cannot be sent is said before anything is; then begins to send nodes, and does not
   * wait for that; where memory is for one thing at a time, they are sent when they are waited for.
   * @throws what `openGroup` throws
   */
  async begin({ groups, both, ...files }: PlannedFiles): Promise<void> {
    const { scratch } = this.#job;
    for (const group of groups) this.#groups.set(group, await openGroup({ ...files, scratch }, group));
    if (!both) return;
    this.#nodes = this.#sendNodes();
    // Whoever waits for them is told.
    this.#nodes.catch(() => {});
  }

  /** @throws what went wrong since `begin`, CERTIFICATE where the server has other nodes */
  async nodes(): Promise<void> {
    this.#nodes ??= this.#sendNodes();
    await this.#nodes;
    refuseCounts('nodes', await this.#begun().nodesDone());
  }

  /** Sends relationships, the end of what is read. */
  relationships(): Promise<void> {
    return this.#put('relationships');
  }

  /** The server builds the database. @throws CERTIFICATE where it has other relationships */
  async build(): Promise<void> {
    const { relationships } = await this.#begun().build();
    refuseCounts('relationships', relationships);
    this.#client.close();
  }

  stationsOf(group: GroupPlan): Stations {
    return this.#stations.get(group) ?? NOTHING;
  }

  /** Ends what is under way. Never throws. */
  async abort(): Promise<void> {
    this.#stop.abort();
    await this.#nodes?.catch(() => {});
    await this.#import?.abort();
    this.#client.close();
  }

  async #sendNodes(): Promise<void> {
    const { database, mark, settings, bookkeeping } = this.#job;
    this.#import = await GdsImport.begin(this.#client, {
      database,
      mark,
      settings: { idType: 'STRING', idProperty: settings.idProperty },
      mayGoOn: () => refuseLate(this.#build.driver, bookkeeping, database, mark),
      clock: systemClock,
      signal: this.#stop.signal,
    });
    await this.#put('nodes');
  }

  async #put(kind: GroupKind): Promise<void> {
    const entity: EntityType = kind === 'nodes' ? 'node' : 'relationship';
    for (const [group, { puts }] of this.#groups) {
      if (group.kind !== kind) continue;
      let [read, sent, acknowledged] = [0, 0, 0];
      const onAcknowledged = (more: number) => {
        acknowledged += more;
        this.rows += more;
        this.onRows();
      };
      for (const put of puts) {
        const messages = put((more) => {
          read += more;
        });
        sent += (await this.#begun().put(entity, messages, onAcknowledged)).rows;
      }
      this.#stations.set(group, { read, sent, acknowledged });
      this.bytes += group.bytes;
    }
  }

  #begun(): GdsImport {
    if (!this.#import) throw new GraphshiftError('INTERNAL', 'the import has not begun yet');
    return this.#import;
  }
}

/** What another process has put into this import is in the server's counts, and not in ours. */
function refuseCounts(what: GroupKind, { acknowledged, counted }: ImportedCount): void {
  if (acknowledged === counted) return;
  const message = `rows of ${what} do not match: ${acknowledged} acknowledged, and the import has ${counted}`;
  throw new GraphshiftError('CERTIFICATE', message, { details: { acknowledged, counted } });
}
