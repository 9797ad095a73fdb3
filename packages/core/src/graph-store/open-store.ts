import { resolve } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { GraphshiftError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { createEmbeddedStore } from './embedded/store.ts';
import type { GraphStore } from './graph-store.ts';
import { NEO4J_URL, type Neo4jStoreOptions } from './neo4j/options.ts';

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
export async function openConfiguredStore(
  settings: Settings,
  directory: string,
  log: Logger,
): Promise<GraphStore> {
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
  if (NEO4J_URL.test(url)) {
    const options = neo4jOptions(settings, directory, log);
    // With its driver it takes a quarter of the start of a process, and most never speak to a Neo4j.
    const { createNeo4jStore } = await import('./neo4j/store.ts');
    return createNeo4jStore(options);
  }
  const shown = url.replace(/\/\/.*@/, '//[secret]@');
  throw new GraphshiftError(
    'CONFIG_INVALID',
    `store.url is ${JSON.stringify(shown)}; it must be embedded:DIR, neo4j://HOST or bolt://HOST (with +s or +ssc for TLS)`,
  );
}

function neo4jOptions({ store, orchestrator }: Settings, directory: string, log: Logger): Neo4jStoreOptions {
  return {
    url: store.url,
    username: store.username,
    ...(store.password !== undefined && { password: store.password }),
    ...(store.password_file !== undefined && { passwordFile: resolve(directory, store.password_file) }),
    ...(store.ca_file !== undefined && { caFile: resolve(directory, store.ca_file) }),
    poolSize: store.pool_size,
    acquisitionTimeoutMs: store.acquisition_timeout * 1000,
    connectionTimeoutMs: store.connection_timeout * 1000,
    bookkeepingDatabase: store.bookkeeping_database,
    indexTimeoutMs: store.index_timeout * 1000,
    carryPrivileges: store.carry_privileges,
    loader: store.loader,
    ...(store.arrow_url !== undefined && { arrowUrl: store.arrow_url }),
    idProperty: orchestrator.id_property,
    keepId: store.keep_id,
    indexId: store.index_id,
    sessions: store.sessions,
    batchRows: store.batch_rows,
    decimals: store.decimals,
    unsigned: store.unsigned,
    requireManifest: orchestrator.readiness === 'manifest',
    log,
  };
}
