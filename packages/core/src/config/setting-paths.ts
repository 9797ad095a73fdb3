import type { z } from 'zod';
import { SECTIONS, type SectionName } from './settings.ts';

/** Short names that people expect, beside `GRAPHSHIFT_<SECTION>_<KEY>`. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  'redis.url': 'REDIS_URL',
  'store.url': 'GRAPHSHIFT_STORE',
  'orchestrator.data_path': 'GRAPHSHIFT_DATA',
  'health.port': 'HEALTH_PORT',
};

export function environmentName(path: string): string {
  return SHORT_NAMES[path] ?? `GRAPHSHIFT_${path.replace('.', '_').toUpperCase()}`;
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
