/**
 * The Bolt loader as the store calls it. The phases run in a process of their own with a driver of its own, and killing that
 * is cancelling. What is in the database stays there for the next run of the deployment, which goes on with it.
 */

import { siblingModule } from '../../../platform/child-process.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import { makeScratchDirectory } from '../../../platform/scratch-directory.ts';
import type { SnapshotManifest } from '../../../snapshot/manifest.ts';
import { databaseName } from '../../../snapshot/names.ts';
import type { LoadCounts } from '../../certify.ts';
import type { Load, LoadCertificate, LoadOptions, LoadRequest } from '../../graph-store.ts';
import { refuseAborted } from '../../loading-process.ts';
import type { LoadChunk, SharedRound } from '../../sharing.ts';
import { ChildLoad, type ChildLoadParts, talking } from '../child-load.ts';
import { fencedOut, readMark, rowsIn, type StoredMark, writeMark } from '../load-mark.ts';
import type { BoltCommands, BoltJob, SharedJob } from './load-commands.ts';
import type { BoltLoadContext } from './settings.ts';

/** Several times what the batches of all sessions hold. */
const CHILD_HEAP_MB = 256;

/**
 * Makes the database with its mark, or takes over what an earlier run left of it. Of the same files it goes on with: with
 * the rows that are missing, or, where the load had ended and its database was not verified, with the certificate. What
 * holds rows of other files is dropped and begun again, in `check`.
 * @throws CONFLICT where the database is complete, FENCED when a higher epoch took over
 */
export async function openBoltLoad(
  context: BoltLoadContext,
  request: LoadRequest,
  options: LoadOptions = {},
): Promise<Load> {
  refuseAborted(request, options);
  const database = databaseName(request);
  const mark = await talking(`open the load of ${database}`, () => markBuild(context, request, database));
  const scratch = await makeScratchDirectory(context.settings.scratchDirectory);
  const module = siblingModule(import.meta.url, 'load-child');
  return new BoltLoad(context, mark, { context, request, scratch, options, module, heapMb: CHILD_HEAP_MB });
}

/** @throws CONFLICT, FENCED */
async function markBuild(
  { databases, driver }: BoltLoadContext,
  request: LoadRequest,
  database: string,
): Promise<StoredMark> {
  if (await databases.exists(database)) {
    const mark = await readMark(driver, database);
    if (mark && mark.epoch > request.epoch) throw fencedOut(request.customer, request.epoch, mark.epoch);
    if (!mark && !(await isEmpty(driver, database)))
      throw new GraphshiftError('CONFLICT', `database ${database} is there already; drop it first`);
  } else {
    await databases.create(database);
  }
  return writeMark(driver, database, request);
}

export async function isEmpty(driver: BoltLoadContext['driver'], database: string): Promise<boolean> {
  const { records } = await driver.executeQuery('MATCH (n) RETURN count(n) AS rows', {}, { database });
  return Number(records[0]?.get('rows')) === 0;
}

class BoltLoad extends ChildLoad<BoltCommands> {
  protected readonly resumable = true;
  protected manifest: SnapshotManifest | undefined;
  readonly #context: BoltLoadContext;
  readonly #mark: StoredMark;
  /** Of an earlier run that had loaded the same files. */
  #loaded: LoadCertificate | undefined;
  #kept: number | undefined;
  readonly #sharing: LoadOptions['sharing'];
  #shared: SharedJob | undefined;

  constructor(context: BoltLoadContext, mark: StoredMark, parts: ChildLoadParts) {
    super(parts);
    this.#context = context;
    this.#mark = mark;
    this.#sharing = parts.options.sharing;
  }

  get kept(): number | undefined {
    return this.#kept;
  }

  get chunks(): number | undefined {
    return this.#shared?.chunks.length;
  }

  async check(): Promise<SnapshotManifest> {
    const { access, settings } = this.#context;
    const { path, customer, epoch } = this.request;
    const job: BoltJob = {
      access,
      settings,
      path,
      customer,
      epoch,
      database: this.database,
      scratch: this.scratch.path,
      ...(this.#sharing && { shareFrom: this.#sharing.leastBytes }),
    };
    const { manifest, fingerprint, shared } = await this.process.call('check', job);
    this.manifest = manifest;
    this.#shared = shared;
    if (this.#mark.plan === fingerprint) {
      this.#loaded = this.#mark.certificate;
      const rows = this.#loaded
        ? manifest.rows
        : await talking(`count ${this.database}`, () => rowsIn(this.#context.driver, this.database));
      if (rows > 0) this.#kept = rows;
    } else {
      // Rows of other files, or cut another way: nothing of it can be gone on with.
      if (this.#mark.plan !== undefined)
        await talking(`begin ${this.database} again`, () => this.#beginAgain());
      await this.process.call('place', undefined);
    }
    return manifest;
  }

  async nodes(): Promise<void> {
    this.process.refuseEnded();
    if (this.#loaded) return;
    if (!this.#shared) return this.process.call('nodes', undefined);
    await this.#share('nodes', this.#shared);
    await this.process.call('index', undefined);
  }

  async relationships(): Promise<void> {
    this.process.refuseEnded();
    if (this.#loaded) return;
    if (!this.#shared) return this.process.call('relationships', undefined);
    await this.#share('relationships', this.#shared);
  }

  async #share(kind: LoadChunk['kind'], { plan, chunks }: SharedJob): Promise<void> {
    const before = { rows: 0, bytes: 0 };
    // Nodes are the first round.
    for (const chunk of chunks)
      if (kind === 'relationships' && chunk.kind === 'nodes') {
        before.rows += chunk.rows;
        before.bytes += chunk.bytes;
      }
    const round: SharedRound = {
      kind,
      chunks: chunks.filter((chunk) => chunk.kind === kind),
      plan,
      before,
      standing: () => this.process.call('standing', undefined),
      load: ({ number }, { onRows } = {}) =>
        this.process.call('piece', number, onRows && ((rows) => onRows(Number(rows)))),
    };
    await this.#sharing?.run(round);
  }

  protected async finish(): Promise<LoadCounts> {
    return this.#loaded ?? (await this.process.call('finish', undefined));
  }

  protected async drop(): Promise<void> {
    const { databases, driver } = this.#context;
    if (!(await databases.exists(this.database))) return;
    const mark = await readMark(driver, this.database);
    if (mark && mark.epoch > this.request.epoch) return;
    // Of one that is complete, or that this very load has sealed, nothing is taken back.
    if (!mark && !(await isEmpty(driver, this.database))) return;
    await databases.drop(this.database);
  }

  async #beginAgain(): Promise<void> {
    const { databases, driver } = this.#context;
    await this.drop();
    await databases.create(this.database);
    await writeMark(driver, this.database, this.request);
  }
}
