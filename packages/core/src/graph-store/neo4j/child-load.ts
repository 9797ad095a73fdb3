/**
 * A load as the store calls it, whichever way its rows go: its phases run in a loading process, and what that has counted
 * is certified, kept and sealed. What a way does differently is in its own class.
 */

import type { ChildCommands } from '../../platform/child-process.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import type { ScratchDirectory } from '../../platform/scratch-directory.ts';
import type { SnapshotManifest } from '../../snapshot/manifest.ts';
import { databaseName } from '../../snapshot/names.ts';
import { certify, type LoadCounts } from '../certify.ts';
import type { AbortOptions, Load, LoadCertificate, LoadOptions, LoadRequest } from '../graph-store.ts';
import { LoadingProcess } from '../loading-process.ts';
import { loadFailure } from './bolt/failures.ts';
import type { BoltLoadContext } from './bolt/settings.ts';
import { sealMark } from './load-mark.ts';

export interface ChildLoadParts {
  readonly context: Pick<BoltLoadContext, 'driver' | 'certificates'>;
  readonly request: LoadRequest;
  readonly options: LoadOptions;
  /** A directory of this load's own, which goes with it. */
  readonly scratch: ScratchDirectory;
  /** Of the loading process. */
  readonly module: URL;
  /** Of the loading process's JavaScript, in MiB. */
  readonly heapMb: number;
}

export abstract class ChildLoad<Commands extends ChildCommands> implements Load {
  protected readonly request: LoadRequest;
  protected readonly database: string;
  protected readonly scratch: ScratchDirectory;
  protected readonly process: LoadingProcess<Commands>;
  readonly #context: ChildLoadParts['context'];

  constructor({ context, request, options, scratch, module, heapMb }: ChildLoadParts) {
    this.#context = context;
    this.request = request;
    this.database = databaseName(request);
    this.scratch = scratch;
    const onAbort = () => this.#stop();
    this.process = new LoadingProcess({ snapshot: request, load: options, module, heapMb, onAbort });
  }

  abstract check(): Promise<SnapshotManifest>;
  abstract nodes(): Promise<void>;
  abstract relationships(): Promise<void>;
  /** The last work of the loading process, or what an earlier one had come to. */
  protected abstract finish(): Promise<LoadCounts>;
  /** What `check` found. */
  protected abstract readonly manifest: SnapshotManifest | undefined;
  /** Drops the build unless a newer holder goes on with it. */
  protected abstract drop(): Promise<void>;
  /** Whether another run can go on with what is built. */
  protected abstract readonly resumable: boolean;
  /** After the mark was sealed. */
  protected async sealed(): Promise<void> {}

  async seal(): Promise<LoadCertificate> {
    this.process.refuseEnded();
    const certificate = certify(this.request, this.manifest, await this.finish());
    await this.process.kill();
    this.process.refuseEnded();
    await this.process.seal(() => talking(`seal ${this.database}`, () => this.#seal(certificate)));
    await this.scratch.remove();
    return certificate;
  }

  async abort(options: AbortOptions = {}): Promise<void> {
    await this.#stop();
    if (this.process.isSealed || (options.resumable && this.resumable)) return;
    await talking(`abort the load of ${this.database}`, () => this.drop()).catch((error: unknown) => {
      // A newer holder decides what becomes of the build.
      if (!(error instanceof GraphshiftError && error.code === 'FENCED')) throw error;
    });
  }

  async #stop(): Promise<void> {
    if (await this.process.stop()) await this.scratch.remove();
  }

  async #seal(certificate: LoadCertificate): Promise<void> {
    const { certificates, driver } = this.#context;
    await certificates.keep(certificate);
    await sealMark(driver, this.database, certificate);
    await this.sealed();
  }
}

export async function talking<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw loadFailure(error, what);
  }
}
