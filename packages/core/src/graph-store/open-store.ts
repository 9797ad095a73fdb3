import { resolve } from 'node:path';
import { GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { createEmbeddedStore } from './embedded/store.ts';
import type { GraphStore } from './graph-store.ts';

export interface OpenStoreOptions {
  /** `embedded:DIR`; a relative directory is taken from `directory`. */
  readonly url: string;
  readonly directory: string;
  readonly idProperty: string;
  readonly loaderMemoryBytes: number;
  readonly log: Logger;
}

/** The adapter that a store URL names, not started yet. @throws CONFIG_INVALID for a URL that no adapter takes */
export function openStore(options: OpenStoreOptions): GraphStore {
  const { url, directory, idProperty, loaderMemoryBytes, log } = options;
  const embedded = /^embedded:(.+)$/.exec(url)?.[1];
  if (embedded !== undefined) {
    return createEmbeddedStore({
      directory: resolve(directory, embedded),
      idProperty,
      loaderMemoryBytes,
      log,
    });
  }
  const shown = url.replace(/\/\/[^@/]*@/, '//');
  throw new GraphshiftError(
    'CONFIG_INVALID',
    `store.url is ${JSON.stringify(shown)}; it must be embedded:DIR`,
  );
}
