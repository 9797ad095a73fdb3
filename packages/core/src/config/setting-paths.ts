import type { z } from 'zod';
import { SECTIONS, type SectionName } from './settings.ts';

/** Short names that people expect, before `GRAPHSHIFT_<SECTION>_<KEY>`. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  'redis.url': 'REDIS_URL',
  'store.url': 'GRAPHSHIFT_STORE',
  'orchestrator.data_path': 'GRAPHSHIFT_DATA',
  'health.port': 'HEALTH_PORT',
};

/** These are known by their bare names, and by the long ones too. */
const BARE_NAMES: ReadonlySet<string> = new Set(
  [
    'heartbeat_interval',
    'heartbeat_timeout',
    'heartbeat_warning_threshold',
    'heartbeat_check_interval',
    'emergency_threshold',
    'max_retry_attempts',
    'retry_delay_seconds',
    'exponential_backoff',
    'circuit_breaker_threshold',
    'circuit_breaker_timeout',
    'emergency_recovery_enabled',
  ].map((key) => `resilience.${key}`),
);

/** The variable that sets a value, and is named in messages and documents. */
export function environmentName(path: string): string {
  return environmentNames(path)[0];
}

/** Every variable that sets a value; the first of them that is set counts. */
export function environmentNames(path: string): readonly [string, ...string[]] {
  const long = `GRAPHSHIFT_${path.replace('.', '_').toUpperCase()}`;
  const short = SHORT_NAMES[path];
  if (short !== undefined) return [short, long];
  if (BARE_NAMES.has(path)) return [path.slice(path.indexOf('.') + 1).toUpperCase(), long];
  return [long];
}

/** All paths of settings, in the order of the schema. */
export function settingPaths(): string[] {
  return Object.entries(SECTIONS).flatMap(([section, schema]) =>
    Object.keys(schema.shape).map((key) => `${section}.${key}`),
  );
}

/** The sentence that describes a setting, from its schema. */
export function describeSetting(path: string): string {
  const [section = '', key = ''] = path.split('.');
  const shape = SECTIONS[section as SectionName]?.shape as Record<string, z.ZodType> | undefined;
  return shape?.[key]?.description ?? path;
}
