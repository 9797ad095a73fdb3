import { Redis } from 'ioredis';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import { throwIfAny } from '../platform/failures.ts';
import type { Logger } from '../platform/log.ts';

/** `blocking`: for BullMQ workers, which wait in a command for as long as it takes. */
export interface ConnectionOptions {
  readonly url: string;
  readonly blocking?: boolean;
  readonly log?: Logger;
}

/** The host and port of a Redis URL, without what is secret in it. */
export function redactUrl(url: string): string {
  try {
    const parsed = new URL(url);
    return `${parsed.protocol}//${parsed.host}${parsed.pathname === '/' ? '' : parsed.pathname}`;
  } catch {
    return '(not a URL)';
  }
}

/**
 * Connects, and goes on connecting for as long as the client lives: commands wait for a server that restarts.
 * @throws REDIS_UNREACHABLE when the first connection is not made within five seconds
 */
export async function connectRedis(options: ConnectionOptions): Promise<Redis> {
  const redis = new Redis(options.url, {
    lazyConnect: true,
    maxRetriesPerRequest: options.blocking ? null : 20,
    retryStrategy: (times) => Math.min(100 * 2 ** Math.min(times, 5), 2000),
    connectTimeout: 5000,
  });
  let last: unknown;
  redis.on('error', (error: unknown) => {
    if (messageOf(error) !== messageOf(last))
      options.log?.warn({ redis: redactUrl(options.url) }, `redis: ${messageOf(error)}`);
    last = error;
  });
  try {
    await redis.connect();
    return redis;
  } catch (cause) {
    redis.disconnect();
    const reason = messageOf(last ?? cause);
    throw new GraphshiftError(
      'REDIS_UNREACHABLE',
      `redis ${redactUrl(options.url)} cannot be reached: ${reason}`,
      { cause },
    );
  }
}

/** Says a queue's problem once, not every two seconds for as long as Redis is away. */
export function complainOnce(log: Logger, queue: string): (error: Error) => void {
  let last = '';
  return (error) => {
    if (error.message !== last) log.warn({ err: error }, `${queue} queue: ${error.message}`);
    last = error.message;
  };
}

const MINIMUM_VERSION = [6, 2] as const;

/**
 * Refuses a Redis that would lose jobs.
 * @throws REDIS_UNFIT, one for each of: it is too old, may evict keys, keeps nothing on disk
 */
export async function checkRedis(redis: Redis, url: string): Promise<void> {
  const where = `redis ${redactUrl(url)}`;
  const info = await redis.info();
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  const problems: string[] = [];
  const version = field('redis_version');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < MINIMUM_VERSION[0] || (major === MINIMUM_VERSION[0] && minor < MINIMUM_VERSION[1]))
    problems.push(`is version ${version}; it must be ${MINIMUM_VERSION.join('.')} or newer`);
  const policy = field('maxmemory_policy');
  if (policy !== '' && policy !== 'noeviction')
    problems.push(`has maxmemory-policy ${policy}, which drops jobs; it must be noeviction`);
  if (field('aof_enabled') !== '1' && !(await savesSnapshots(redis)))
    problems.push('keeps nothing on disk; set appendonly yes');
  throwIfAny(problems.map((problem) => new GraphshiftError('REDIS_UNFIT', `${where} ${problem}`)));
}

/** Managed servers refuse CONFIG; there the operator is trusted. */
async function savesSnapshots(redis: Redis): Promise<boolean> {
  try {
    const [, save] = (await redis.config('GET', 'save')) as [string, string];
    return save !== '';
  } catch {
    return true;
  }
}

/** Removes everything of one installation, and nothing else, from a Redis that others may use too. */
export async function removeInstallation(url: string, prefix: string): Promise<void> {
  const redis = await connectRedis({ url });
  try {
    const pattern = `${prefix.replace(/[*?[\]\\]/g, '\\$&')}:*`;
    for await (const keys of redis.scanStream({ match: pattern, count: 1000 })) {
      if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]));
    }
  } finally {
    redis.disconnect();
  }
}
