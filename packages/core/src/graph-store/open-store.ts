import { resolve } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { createEmbeddedStore } from './embedded/store.ts';
import type { GraphStore } from './graph-store.ts';

/** Absolute directory of the embedded store, or undefined where the settings name another one. */
export function embeddedDirectory(settings: Settings, directory: string): string | undefined {
  const embedded = /^embedded:(.+)$/.exec(settings.store.url)?.[1];
  return embedded === undefined ? undefined : resolve(directory, embedded);
}

/**
 * The adapter that `store.url` names, not started yet.
 * @param directory from which a relative `embedded:DIR` is taken
 * @throws CONFIG_INVALID for a URL that no adapter takes
 */
export function openConfiguredStore(settings: Settings, directory: string, log: Logger): GraphStore {
  const { url } = settings.store;
  const embedded = embeddedDirectory(settings, directory);
  if (embedded !== undefined) {
    return createEmbeddedStore({
      directory: embedded,
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
