/**
 * A load that goes over Arrow Flight where it can. Which columns a snapshot has shows in the check: where one does not go
 * over Arrow Flight and does over Bolt, the load goes over Bolt, and says so.
 */

import { GraphshiftError } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import type { SnapshotManifest } from '../../../snapshot/manifest.ts';
import type { AbortOptions, Load, LoadCertificate } from '../../graph-store.ts';

export class EitherLoad implements Load {
  readonly #openBolt: () => Promise<Load>;
  readonly #log: Logger;
  #load: Load;
  #aborted = false;

  /** @param arrow begun already */
  constructor(arrow: Load, openBolt: () => Promise<Load>, log: Logger) {
    this.#load = arrow;
    this.#openBolt = openBolt;
    this.#log = log;
  }

  get kept(): number | undefined {
    return this.#load.kept;
  }

  get chunks(): number | undefined {
    return this.#load.chunks;
  }

  async check(): Promise<SnapshotManifest> {
    try {
      return await this.#load.check();
    } catch (error) {
      if (!(error instanceof GraphshiftError && error.details.boltTakesIt === true)) throw error;
      this.#log.info({ code: error.code }, `rows go over Bolt, not over Arrow Flight: ${error.message}`);
      await this.#load.abort();
      this.#load = await this.#openBolt();
      if (this.#aborted) await this.#load.abort();
      return this.#load.check();
    }
  }

  nodes(): Promise<void> {
    return this.#load.nodes();
  }

  relationships(): Promise<void> {
    return this.#load.relationships();
  }

  seal(): Promise<LoadCertificate> {
    return this.#load.seal();
  }

  abort(options?: AbortOptions): Promise<void> {
    this.#aborted = true;
    return this.#load.abort(options);
  }
}
