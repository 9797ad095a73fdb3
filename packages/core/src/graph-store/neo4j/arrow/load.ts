/**
 * The loader over Arrow Flight as the store calls it. An import cannot be gone on with: whatever an earlier run left,
 * imported or not, is dropped and loaded again. Until the import ends, a record in the bookkeeping database stands for
 * the database that it will make.
 */

import { siblingModule } from '../../../platform/child-process.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import { makeScratchDirectory } from '../../../platform/scratch-directory.ts';
import type { SnapshotManifest } from '../../../snapshot/manifest.ts';
import { databaseName } from '../../../snapshot/names.ts';
import type { LoadCounts } from '../../certify.ts';
import type { Load, LoadMark, LoadOptions, LoadRequest } from '../../graph-store.ts';
import { refuseAborted } from '../../loading-process.ts';
import { isEmpty } from '../bolt/load.ts';
import type { BoltLoadContext } from '../bolt/settings.ts';
import { ChildLoad, type ChildLoadParts, talking } from '../child-load.ts';
import { fencedOut, readMark } from '../load-mark.ts';
import { forgetImport, importsUnderWay, recordImport } from './import-records.ts';
import type { ArrowCommands, FlightAccess } from './load-commands.ts';

/** Several times what the batches under way hold outside of their buffers. */
const CHILD_HEAP_MB = 256;
/** The ends are looked up while nodes are read. */
const DUCK_BYTES = 96 * 2 ** 20;

export interface ArrowLoadContext extends BoltLoadContext {
  readonly flight: FlightAccess;
  /** The bookkeeping database. */
  readonly bookkeeping: string;
}

/**
 * Records the import, after dropping what an earlier run left.
 * @throws CONFLICT where the database is complete, FENCED when a higher epoch took over
 */
export async function openArrowLoad(
  context: ArrowLoadContext,
  request: LoadRequest,
  options: LoadOptions = {},
): Promise<Load> {
  refuseAborted(request, options);
  const database = databaseName(request);
  const { driver, bookkeeping, databases, settings } = context;
  await talking(`open the load of ${database}`, async () => {
    if (await isInTheWay(context, request, database)) await databases.drop(database);
    await recordImport(driver, bookkeeping, database, markOf(request));
  });
  const scratch = await makeScratchDirectory(settings.scratchDirectory);
  const module = siblingModule(import.meta.url, 'load-child');
  return new ArrowLoad(context, { context, request, scratch, options, module, heapMb: CHILD_HEAP_MB });
}

/** @throws CONFLICT where it is not ours to drop, FENCED */
async function isInTheWay(
  { databases, driver, bookkeeping }: ArrowLoadContext,
  request: LoadRequest,
  database: string,
): Promise<boolean> {
  const [record] = await importsUnderWay(driver, bookkeeping, { database });
  if (record && record.epoch > request.epoch) throw fencedOut(request.customer, request.epoch, record.epoch);
  // The server may still be building one that is not there yet: the drop waits for it.
  if (!(await databases.exists(database))) return record !== undefined;
  const mark = await readMark(driver, database);
  if (mark && mark.epoch > request.epoch) throw fencedOut(request.customer, request.epoch, mark.epoch);
  if (!mark && !(await isEmpty(driver, database)))
    throw new GraphshiftError('CONFLICT', `database ${database} is there already; drop it first`);
  return true;
}

function markOf({ customer, timestamp, run, epoch }: LoadRequest): LoadMark {
  return { customer, timestamp, run, epoch };
}

class ArrowLoad extends ChildLoad<ArrowCommands> {
  protected readonly resumable = false;
  protected manifest: SnapshotManifest | undefined;
  readonly #context: ArrowLoadContext;

  constructor(context: ArrowLoadContext, parts: ChildLoadParts) {
    super(parts);
    this.#context = context;
  }

  async check(): Promise<SnapshotManifest> {
    const { access, settings, flight, bookkeeping } = this.#context;
    this.manifest = await this.process.call('check', {
      access,
      settings: { ...settings, duckBytes: DUCK_BYTES },
      flight,
      bookkeeping,
      path: this.request.path,
      database: this.database,
      mark: markOf(this.request),
      scratch: this.scratch.path,
    });
    return this.manifest;
  }

  async nodes(): Promise<void> {
    await this.process.call('nodes', undefined);
  }

  async relationships(): Promise<void> {
    await this.process.call('relationships', undefined);
  }

  protected finish(): Promise<LoadCounts> {
    return this.process.call('finish', undefined);
  }

  protected override async sealed(): Promise<void> {
    const { driver, bookkeeping } = this.#context;
    await forgetImport(driver, bookkeeping, this.database);
  }

  /** The drop ends the import too, and forgets its record. */
  protected async drop(): Promise<void> {
    const { driver, databases, bookkeeping } = this.#context;
    const { epoch } = this.request;
    const [record] = await importsUnderWay(driver, bookkeeping, { database: this.database });
    if (record && record.epoch > epoch) return;
    const isThere = await databases.exists(this.database);
    const mark = isThere ? await readMark(driver, this.database) : undefined;
    // Of one that is complete nothing is taken back.
    if (isThere && !mark && !(await isEmpty(driver, this.database))) return;
    if (mark ? mark.epoch > epoch : !isThere && !record) return;
    await databases.drop(this.database);
  }
}
