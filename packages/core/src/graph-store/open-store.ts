import { resolve } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { createEmbeddedStore } from './embedded/store.ts';
import type { GraphStore } from './graph-store.ts';

/**
 * The adapter that `store.url` names, not started yet.
 * @param directory from which a relative `embedded:DIR` is taken
 * @throws CONFIG_INVALID for a URL that no adapter takes
 */
export function openConfiguredStore(settings: Settings, directory: string, log: Logger): GraphStore {
  const { url } = settings.store;
  const embedded = /^embedded:(.+)$/.exec(url)?.[1];
  if (embedded !== undefined) {
    return createEmbeddedStore({
      directory: resolve(directory, embedded),
      idProperty: settings.orchestrator.id_property,
      requireManifest: settings.orchestrator.readiness === 'manifest',
      loaderMemoryBytes: settings.orchestrator.loader_memory_mb * 1024 * 1024,
      log,
    });
  }
  const shown = url.replace(/\/\/[^@/]*@/, '//');
  throw new GraphshiftError(
    'CONFIG_INVALID',
    `store.url is ${JSON.stringify(shown)}; it must be embedded:DIR`,
  );
}
