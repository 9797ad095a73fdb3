/** A load as its caller sees it: the phases run in a process of their own, and killing that is cancelling. */

import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ChildProcess, siblingModule } from '../../platform/child-process.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import type { SnapshotManifest } from '../../snapshot/manifest.ts';
import { databaseName } from '../../snapshot/names.ts';
import type {
  CertifiedCount,
  Load,
  LoadCertificate,
  LoadOptions,
  LoadProgress,
  LoadRequest,
} from '../graph-store.ts';
import type { Databases } from './databases.ts';
import { remove } from './drops.ts';
import { unlessMissing, writeDurably } from './durable-file.ts';
import { CERTIFICATE_FILE, GRAPH_FILE, TYPES_FILE } from './layout.ts';
import type { LoadCommands, LoadSettings, SealedBuild } from './load-commands.ts';

export interface LoaderSettings {
  readonly memoryBytes: number;
  readonly threads: number;
  readonly idProperty: string;
  readonly requireManifest: boolean;
}

/** Makes the build's directory with its mark, and the process that fills it. */
export async function openEmbeddedLoad(
  databases: Databases,
  request: LoadRequest,
  settings: LoaderSettings,
  options: LoadOptions,
): Promise<Load> {
  if (options.signal?.aborted) throw aborted(request, options.signal);
  const build = await databases.begin(request);
  return new EmbeddedLoad(databases, request, { ...settings, path: request.path, build }, options);
}

class EmbeddedLoad implements Load {
  readonly #databases: Databases;
  readonly #request: LoadRequest;
  readonly #settings: LoadSettings;
  readonly #options: LoadOptions;
  readonly #onAbort = () => void this.abort().catch(() => {});
  #child: ChildProcess<LoadCommands> | undefined;
  #manifest: SnapshotManifest | undefined;
  #ended: 'sealed' | 'aborted' | undefined;
  /** Set while seal must not be cut in two by an abort. */
  #publishing: Promise<void> | undefined;

  constructor(databases: Databases, request: LoadRequest, settings: LoadSettings, options: LoadOptions) {
    this.#databases = databases;
    this.#request = request;
    this.#settings = settings;
    this.#options = options;
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  async check(): Promise<SnapshotManifest> {
    this.#manifest = await this.#call('check', this.#settings);
    return this.#manifest;
  }

  async nodes(): Promise<void> {
    await this.#call('nodes', undefined);
  }

  async relationships(): Promise<void> {
    await this.#call('relationships', undefined);
  }

  async seal(): Promise<LoadCertificate> {
    const sealed = await this.#call('seal', undefined);
    await this.#child?.kill();
    const certificate = this.#certify(sealed);
    this.#refuseEnded();
    const published = this.#publish(certificate, sealed);
    this.#publishing = published.catch(() => {});
    try {
      await published;
    } finally {
      this.#publishing = undefined;
    }
    return certificate;
  }

  async abort(): Promise<void> {
    await this.#publishing;
    if (this.#ended === 'sealed') return;
    this.#ended = 'aborted';
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    await this.#child?.kill();
    await remove(this.#settings.build);
  }

  async #publish(certificate: LoadCertificate, sealed: SealedBuild): Promise<void> {
    const { build } = this.#settings;
    // Gone where a newer holder dropped the build; publishing says so.
    if (await unlessMissing(stat(build))) {
      const graph = await open(join(build, GRAPH_FILE), 'r');
      await graph.sync().finally(() => graph.close());
      await writeDurably(join(build, TYPES_FILE), `${JSON.stringify(sealed.stored, null, 2)}\n`);
      await writeDurably(join(build, CERTIFICATE_FILE), `${JSON.stringify(certificate, null, 2)}\n`);
    }
    await this.#databases.publish(this.#request, build, certificate.database);
    this.#ended = 'sealed';
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  #certify(sealed: SealedBuild): LoadCertificate {
    const { nodes, relationships, peakMemory } = sealed;
    refuseMismatch([...nodes, ...relationships]);
    const { customer, timestamp, run, epoch } = this.#request;
    return {
      customer,
      timestamp,
      run,
      epoch,
      database: databaseName(this.#request),
      contentHash: this.#manifest?.contentHash ?? '',
      nodes,
      relationships,
      bytes: this.#manifest?.bytes ?? 0,
      peakMemory,
    };
  }

  async #call<K extends keyof LoadCommands>(
    command: K,
    input: LoadCommands[K]['input'],
  ): Promise<LoadCommands[K]['output']> {
    this.#refuseEnded();
    this.#child ??= new ChildProcess<LoadCommands>(siblingModule(import.meta.url, 'load-child'), {
      name: 'loader',
    });
    const { onProgress } = this.#options;
    try {
      return await this.#child.call(command, input, {
        ...(onProgress && { onProgress: (progress) => onProgress(progress as LoadProgress) }),
      });
    } catch (error) {
      // A loader that was killed on purpose did not die.
      this.#refuseEnded(error);
      throw error;
    }
  }

  #refuseEnded(cause?: unknown): void {
    if (this.#ended === 'aborted') throw aborted(this.#request, this.#options.signal, cause);
    if (this.#ended === 'sealed')
      throw new GraphshiftError('CONFLICT', `the load of ${databaseName(this.#request)} is sealed`);
  }
}

function aborted(request: LoadRequest, signal: AbortSignal | undefined, cause?: unknown): GraphshiftError {
  return new GraphshiftError('ABORTED', `the load of ${databaseName(request)} was stopped`, {
    cause: signal?.reason ?? cause,
  });
}

/** @throws CERTIFICATE naming the first label or type whose rows do not match at every station */
export function refuseMismatch(counts: readonly CertifiedCount[]): void {
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
