/** A load as its caller sees it: the phases run in a process of their own, and killing that is cancelling. */

import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { siblingModule } from '../../platform/child-process.ts';
import type { SnapshotManifest } from '../../snapshot/manifest.ts';
import { certify } from '../certify.ts';
import type { Load, LoadCertificate, LoadOptions, LoadRequest } from '../graph-store.ts';
import { LoadingProcess, refuseAborted } from '../loading-process.ts';
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
  refuseAborted(request, options);
  const build = await databases.begin(request);
  return new EmbeddedLoad(databases, request, { ...settings, path: request.path, build }, options);
}

class EmbeddedLoad implements Load {
  readonly #databases: Databases;
  readonly #request: LoadRequest;
  readonly #settings: LoadSettings;
  readonly #process: LoadingProcess<LoadCommands>;
  #manifest: SnapshotManifest | undefined;

  constructor(databases: Databases, request: LoadRequest, settings: LoadSettings, options: LoadOptions) {
    this.#databases = databases;
    this.#request = request;
    this.#settings = settings;
    this.#process = new LoadingProcess({
      snapshot: request,
      load: options,
      module: siblingModule(import.meta.url, 'load-child'),
      onAbort: () => this.abort(),
    });
  }

  async check(): Promise<SnapshotManifest> {
    this.#manifest = await this.#process.call('check', this.#settings);
    return this.#manifest;
  }

  async nodes(): Promise<void> {
    await this.#process.call('nodes', undefined);
  }

  async relationships(): Promise<void> {
    await this.#process.call('relationships', undefined);
  }

  async seal(): Promise<LoadCertificate> {
    const sealed = await this.#process.call('seal', undefined);
    await this.#process.kill();
    const certificate = certify(this.#request, this.#manifest, sealed);
    this.#process.refuseEnded();
    await this.#process.seal(() => this.#publish(certificate, sealed));
    return certificate;
  }

  async abort(): Promise<void> {
    if (await this.#process.stop()) await remove(this.#settings.build);
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
  }
}
