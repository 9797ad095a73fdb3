/**
 * The Bolt loader as the store calls it. The phases run in a process of their own with a driver of its own, and killing that
 * is cancelling. What is in the database stays there for the next run of the deployment, which goes on with it.
 */

import { siblingModule } from '../../../platform/child-process.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import { makeScratchDirectory, type ScratchDirectory } from '../../../platform/scratch-directory.ts';
import type { SnapshotManifest } from '../../../snapshot/manifest.ts';
import { databaseName } from '../../../snapshot/names.ts';
import { certify } from '../../certify.ts';
import type { AbortOptions, Load, LoadCertificate, LoadOptions, LoadRequest } from '../../graph-store.ts';
import { LoadingProcess, refuseAborted } from '../../loading-process.ts';
import { fencedOut, readMark, rowsIn, type StoredMark, sealMark, writeMark } from '../load-mark.ts';
import { loadFailure } from './failures.ts';
import type { BoltCommands, BoltJob } from './load-commands.ts';
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
  return new BoltLoad(context, request, mark, scratch, options);
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

async function isEmpty(driver: BoltLoadContext['driver'], database: string): Promise<boolean> {
  const { records } = await driver.executeQuery('MATCH (n) RETURN count(n) AS rows', {}, { database });
  return Number(records[0]?.get('rows')) === 0;
}

class BoltLoad implements Load {
  readonly #context: BoltLoadContext;
  readonly #request: LoadRequest;
  readonly #database: string;
  readonly #mark: StoredMark;
  readonly #scratch: ScratchDirectory;
  readonly #process: LoadingProcess<BoltCommands>;
  /** Of an earlier run that had loaded the same files. */
  #loaded: LoadCertificate | undefined;
  #kept: number | undefined;
  #manifest: SnapshotManifest | undefined;

  constructor(
    context: BoltLoadContext,
    request: LoadRequest,
    mark: StoredMark,
    scratch: ScratchDirectory,
    options: LoadOptions,
  ) {
    this.#context = context;
    this.#request = request;
    this.#database = databaseName(request);
    this.#mark = mark;
    this.#scratch = scratch;
    this.#process = new LoadingProcess({
      snapshot: request,
      load: options,
      module: siblingModule(import.meta.url, 'load-child'),
      heapMb: CHILD_HEAP_MB,
      onAbort: () => this.#stop(),
    });
  }

  get kept(): number | undefined {
    return this.#kept;
  }

  async check(): Promise<SnapshotManifest> {
    const { access, settings } = this.#context;
    const { path, customer, epoch } = this.#request;
    const job: BoltJob = {
      access,
      settings,
      path,
      customer,
      epoch,
      database: this.#database,
      scratch: this.#scratch.path,
    };
    const { manifest, fingerprint } = await this.#process.call('check', job);
    this.#manifest = manifest;
    if (this.#mark.plan === fingerprint) {
      this.#loaded = this.#mark.certificate;
      const rows = this.#loaded
        ? manifest.rows
        : await talking(`count ${this.#database}`, () => rowsIn(this.#context.driver, this.#database));
      if (rows > 0) this.#kept = rows;
    } else {
      // Rows of other files, or cut another way: nothing of it can be gone on with.
      if (this.#mark.plan !== undefined)
        await talking(`begin ${this.#database} again`, () => this.#beginAgain());
      await this.#process.call('place', undefined);
    }
    return manifest;
  }

  async nodes(): Promise<void> {
    this.#process.refuseEnded();
    if (!this.#loaded) await this.#process.call('nodes', undefined);
  }

  async relationships(): Promise<void> {
    this.#process.refuseEnded();
    if (!this.#loaded) await this.#process.call('relationships', undefined);
  }

  async seal(): Promise<LoadCertificate> {
    this.#process.refuseEnded();
    const filled = this.#loaded ?? (await this.#process.call('finish', undefined));
    const certificate = certify(this.#request, this.#manifest, filled);
    await this.#process.kill();
    this.#process.refuseEnded();
    await this.#process.seal(() => talking(`seal ${this.#database}`, () => this.#seal(certificate)));
    await this.#scratch.remove();
    return certificate;
  }

  async abort(options: AbortOptions = {}): Promise<void> {
    await this.#stop();
    if (this.#process.isSealed || options.resumable) return;
    await talking(`abort the load of ${this.#database}`, () => this.#drop()).catch((error: unknown) => {
      // A newer holder decides what becomes of the build.
      if (!(error instanceof GraphshiftError && error.code === 'FENCED')) throw error;
    });
  }

  async #stop(): Promise<void> {
    if (await this.#process.stop()) await this.#scratch.remove();
  }

  /** Drops the build unless a newer holder goes on with it. */
  async #drop(): Promise<void> {
    const { databases, driver } = this.#context;
    if (!(await databases.exists(this.#database))) return;
    const mark = await readMark(driver, this.#database);
    if (mark && mark.epoch > this.#request.epoch) return;
    // Of one that is complete, or that this very load has sealed, nothing is taken back.
    if (!mark && !(await isEmpty(driver, this.#database))) return;
    await databases.drop(this.#database);
  }

  async #beginAgain(): Promise<void> {
    const { databases, driver } = this.#context;
    await this.#drop();
    await databases.create(this.#database);
    await writeMark(driver, this.#database, this.#request);
  }

  async #seal(certificate: LoadCertificate): Promise<void> {
    const { certificates, driver } = this.#context;
    await certificates.keep(certificate);
    await sealMark(driver, this.#database, certificate);
  }
}

async function talking<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw loadFailure(error, what);
  }
}
