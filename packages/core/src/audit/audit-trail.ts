/** The audit trail as people read it: the stream, and from the files what the stream has no longer. */

import { resolve } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';
import {
  type AuditEntry,
  type AuditFilter,
  AuditStream,
  addedAt,
  compareStreamIds,
  matchesAudit,
} from '../queue/audit-stream.ts';
import { connectRedis } from '../queue/connection.ts';
import { makeKeys } from '../queue/keys.ts';
import type { Backend } from '../runtime/backend.ts';
import { AuditExport } from './audit-export.ts';
import { AuditFiles, entryKey } from './audit-files.ts';

export interface AuditTrailOptions {
  readonly settings: Settings;
  /** Relative paths in the settings are taken from here. */
  readonly directory: string;
  readonly log: Logger;
  readonly clock?: Clock;
}

/**
 * The newest entries that match, oldest first. Needs Redis alone, so that the trail can be read while the store is
 * down; the files that count are those of this machine.
 * @throws REDIS_UNREACHABLE
 */
export async function readAuditTrail(options: AuditTrailOptions, filter: AuditFilter): Promise<AuditEntry[]> {
  const { settings, log } = options;
  const redis = await connectRedis({ url: settings.redis.url, log });
  try {
    const stream = new AuditStream(redis, makeKeys(settings.redis.prefix));
    return await mergeTrail(stream, auditFiles(options), filter);
  } finally {
    redis.disconnect();
  }
}

/**
 * The service that keeps a backend's audit stream as files; any number of processes may run it.
 * @param instance the process, by whose name others see who does it
 */
export function makeAuditExport(backend: Backend, directory: string, instance?: string): AuditExport {
  const { settings, clock, log, redis, keys, deployments } = backend;
  return new AuditExport({
    ...(instance !== undefined && { holder: instance }),
    stream: new AuditStream(redis, keys),
    files: auditFiles({ settings, directory, clock }),
    incarnation: () => deployments.incarnation(),
    clock,
    log,
  });
}

function auditFiles(options: Omit<AuditTrailOptions, 'log'>): AuditFiles {
  const { directory, max_days: maxDays } = options.settings.audit;
  const clock = options.clock ?? systemClock;
  return new AuditFiles({ directory: resolve(options.directory, directory), maxDays, clock });
}

/** @returns entries of both, each once; the files are read only where the stream has not enough */
export async function mergeTrail(
  stream: AuditStream,
  files: AuditFiles,
  filter: AuditFilter,
): Promise<AuditEntry[]> {
  const { limit = 1000, since = 0 } = filter;
  const found = new Map((await stream.read({ ...filter, limit })).map((entry) => [entryKey(entry), entry]));
  if (found.size < limit) {
    for await (const day of files.daysSince(since)) {
      for await (const entry of day)
        if (addedAt(entry.id) >= since && matchesAudit(entry, filter)) found.set(entryKey(entry), entry);
      if (found.size >= limit) break;
    }
  }
  return [...found.values()].sort((a, b) => compareStreamIds(a.id, b.id)).slice(-limit);
}
