/**
 * A load as the store calls it, whichever way its rows go: the phases run in a process of their own, and killing that is
 * cancelling. What a way does differently is in its own class.
 */

import { rm } from 'node:fs/promises';
import { type ChildCommands, ChildProcess } from '../../platform/child-process.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import type { SnapshotManifest } from '../../snapshot/manifest.ts';
import { databaseName } from '../../snapshot/names.ts';
import type {
  AbortOptions,
  CertifiedCount,
  Load,
  LoadCertificate,
  LoadOptions,
  LoadProgress,
  LoadRequest,
} from '../graph-store.ts';
import { loadFailure } from './bolt/failures.ts';
import type { FilledDatabase } from './bolt/load-commands.ts';
import type { BoltLoadContext } from './bolt/settings.ts';
import { sealMark } from './load-mark.ts';

export interface ChildLoadParts {
  readonly context: Pick<BoltLoadContext, 'driver' | 'certificates'>;
  readonly request: LoadRequest;
  readonly options: LoadOptions;
  /** A directory of this load's own, which goes with it. */
  readonly scratch: string;
  /** Of the loading process. */
  readonly module: URL;
}

export abstract class ChildLoad<Commands extends ChildCommands> implements Load {
  protected readonly request: LoadRequest;
  protected readonly database: string;
  protected readonly scratch: string;
  readonly #context: ChildLoadParts['context'];
  readonly #options: LoadOptions;
  readonly #module: URL;
  readonly #onAbort = () => void this.#stop().catch(() => {});
  #child: ChildProcess<Commands> | undefined;
  #ended: 'sealed' | 'aborted' | undefined;
  /** Set while seal must not be cut in two by an abort. */
  #sealing: Promise<unknown> | undefined;

  constructor({ context, request, options, scratch, module }: ChildLoadParts) {
    this.#context = context;
    this.request = request;
    this.database = databaseName(request);
    this.scratch = scratch;
    this.#options = options;
    this.#module = module;
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  abstract check(): Promise<SnapshotManifest>;
  abstract nodes(): Promise<void>;
  abstract relationships(): Promise<void>;
  /** The last work of the loading process, or what an earlier one had come to. */
  protected abstract finish(): Promise<FilledDatabase>;
  /** What `check` found. */
  protected abstract readonly manifest: SnapshotManifest | undefined;
  /** Drops the build unless a newer holder goes on with it. */
  protected abstract drop(): Promise<void>;
  /** Whether another run can go on with what is built. */
  protected abstract readonly resumable: boolean;
  /** After the mark was sealed. */
  protected async sealed(): Promise<void> {}

  async seal(): Promise<LoadCertificate> {
    this.refuseEnded();
    const certificate = this.#certify(await this.finish());
    await this.#child?.kill();
    this.refuseEnded();
    const sealed = talking(`seal ${this.database}`, () => this.#seal(certificate));
    this.#sealing = sealed.catch(() => {});
    try {
      await sealed;
    } finally {
      this.#sealing = undefined;
    }
    return certificate;
  }

  async abort(options: AbortOptions = {}): Promise<void> {
    await this.#stop();
    if (this.#ended === 'sealed' || (options.resumable && this.resumable)) return;
    await talking(`abort the load of ${this.database}`, () => this.drop()).catch((error: unknown) => {
      // A newer holder decides what becomes of the build.
      if (!(error instanceof GraphshiftError && error.code === 'FENCED')) throw error;
    });
  }

  async #stop(): Promise<void> {
    await this.#sealing;
    if (this.#ended === 'sealed') return;
    this.#ended = 'aborted';
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    await this.#child?.kill();
    await rm(this.scratch, { recursive: true, force: true });
  }

  async #seal(certificate: LoadCertificate): Promise<void> {
    const { certificates, driver } = this.#context;
    await certificates.keep(certificate);
    await sealMark(driver, this.database, certificate);
    this.#ended = 'sealed';
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    await rm(this.scratch, { recursive: true, force: true });
    await this.sealed();
  }

  #certify({ nodes, relationships, labels, peakMemory }: FilledDatabase): LoadCertificate {
    refuseMismatch([...nodes, ...relationships]);
    const { customer, timestamp, run, epoch } = this.request;
    return {
      customer,
      timestamp,
      run,
      epoch,
      database: this.database,
      contentHash: this.manifest?.contentHash ?? '',
      nodes,
      relationships,
      ...(labels && { labels }),
      bytes: this.manifest?.bytes ?? 0,
      peakMemory,
    };
  }

  protected async call<K extends keyof Commands & string>(
    command: K,
    input: Commands[K]['input'],
  ): Promise<Commands[K]['output']> {
    this.refuseEnded();
    this.#child ??= new ChildProcess<Commands>(this.#module, { name: 'loader' });
    const { onProgress } = this.#options;
    try {
      return await this.#child.call(command, input, {
        ...(onProgress && { onProgress: (progress) => onProgress(progress as LoadProgress) }),
      });
    } catch (error) {
      // A loader that was killed on purpose did not die.
      this.refuseEnded(error);
      throw error;
    }
  }

  protected refuseEnded(cause?: unknown): void {
    if (this.#ended === 'aborted') throw aborted(this.request, this.#options.signal, cause);
    if (this.#ended === 'sealed')
      throw new GraphshiftError('CONFLICT', `the load of ${this.database} is sealed`);
  }
}

export function aborted(
  request: LoadRequest,
  signal: AbortSignal | undefined,
  cause?: unknown,
): GraphshiftError {
  return new GraphshiftError('ABORTED', `the load of ${databaseName(request)} was stopped`, {
    cause: signal?.reason ?? cause,
  });
}

export async function talking<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw loadFailure(error, what);
  }
}

/** @throws CERTIFICATE naming the first label or type whose rows do not match at every station */
function refuseMismatch(counts: readonly CertifiedCount[]): void {
  for (const count of counts) {
    const { name, footers, read, sent, acknowledged, counted } = count;
    if ([read, sent, acknowledged, counted].every((rows) => rows === footers)) continue;
    throw new GraphshiftError(
      'CERTIFICATE',
      `rows of ${name} do not match: ${footers} in the footers, ${read} read, ${sent} sent, ${acknowledged} acknowledged, ${counted} counted`,
      { details: { ...count } },
    );
  }
}
