import { existsSync, readFileSync } from 'node:fs';
import { closest, distance } from 'fastest-levenshtein';
import { parse, YAMLParseError } from 'yaml';
import type { z } from 'zod';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import { SECRET_SETTINGS, SECTIONS, type SectionName, type Settings, settingsSchema } from './settings.ts';

export const CONFIG_FILE = 'graphshift.config.yaml';

/** Where a value came from. */
export type SettingSource = 'flag' | 'environment' | 'file' | 'default';

export interface ReadSettings {
  readonly settings: Settings;
  /** By path, such as `orchestrator.scan_interval`. */
  readonly sources: ReadonlyMap<string, SettingSource>;
}

export interface SettingsInput {
  /** Values of flags, by path; undefined ones are left out. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A file that must exist; without it `graphshift.config.yaml` in `directory` is read where there is one. */
  readonly file?: string | undefined;
  readonly directory: string;
}

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

/**
 * The effective settings, frozen.
 * @throws CONFIG_INVALID with one line a complaint: which key, what it was, what it may be
 */
export function readSettings(input: SettingsInput): ReadSettings {
  const raw: Record<string, Record<string, unknown>> = {};
  const sources = new Map<string, SettingSource>();
  const set = (path: string, value: unknown, source: SettingSource) => {
    const [section = '', key = ''] = path.split('.');
    raw[section] = { ...raw[section], [key]: value };
    sources.set(path, source);
  };
  for (const path of settingPaths()) sources.set(path, 'default');
  for (const [path, value] of fileValues(input)) set(path, value, 'file');
  for (const path of settingPaths()) {
    const value = input.environment[environmentName(path)];
    if (value !== undefined && value !== '') set(path, value, 'environment');
  }
  for (const [path, value] of Object.entries(input.flags ?? {}))
    if (value !== undefined) set(path, value, 'flag');
  const result = settingsSchema.safeParse(raw);
  if (!result.success) {
    const lines = result.error.issues.map((issue) => describeIssue(issue, raw, sources));
    throw new GraphshiftError('CONFIG_INVALID', lines.join('\n  '));
  }
  return { settings: Object.freeze(result.data), sources };
}

function fileValues(input: SettingsInput): [string, unknown][] {
  const file = input.file ?? `${input.directory}/${CONFIG_FILE}`;
  if (!existsSync(file)) {
    if (input.file === undefined) return [];
    throw new GraphshiftError('CONFIG_INVALID', `the configuration file ${file} does not exist`);
  }
  return Object.entries(parseYaml(file)).flatMap(([section, content]) =>
    sectionValues(file, section, content),
  );
}

function sectionValues(file: string, section: string, content: unknown): [string, unknown][] {
  if (!(section in SECTIONS)) {
    const known = Object.keys(SECTIONS);
    throw new GraphshiftError(
      'CONFIG_INVALID',
      `${file}: unknown section ${section}${suggestion(section, known)}`,
    );
  }
  if (content === null) return [];
  if (typeof content !== 'object' || Array.isArray(content)) {
    const found = JSON.stringify(content);
    throw new GraphshiftError('CONFIG_INVALID', `${file}: section ${section} is ${found}; it must hold keys`);
  }
  const known = Object.keys(SECTIONS[section as SectionName].shape);
  return Object.entries(content as Record<string, unknown>).map(([key, value]) => {
    if (known.includes(key)) return [`${section}.${key}`, value];
    throw new GraphshiftError(
      'CONFIG_INVALID',
      `${file}: unknown key ${section}.${key}${suggestion(key, known)}`,
    );
  });
}

function parseYaml(file: string): Record<string, unknown> {
  try {
    const document: unknown = parse(readFileSync(file, 'utf8')) ?? {};
    if (typeof document !== 'object' || document === null || Array.isArray(document)) {
      throw new GraphshiftError(
        'CONFIG_INVALID',
        `${file}: it must hold sections: ${Object.keys(SECTIONS).join(', ')}`,
      );
    }
    return document as Record<string, unknown>;
  } catch (cause) {
    if (cause instanceof GraphshiftError) throw cause;
    const where = cause instanceof YAMLParseError && cause.linePos ? ` line ${cause.linePos[0].line}` : '';
    const reason = messageOf(cause).split('\n')[0];
    throw new GraphshiftError('CONFIG_INVALID', `${file}${where}: ${reason}`, { cause });
  }
}

/** ` (did you mean …?)` where something close is known, else the list of what is. */
function suggestion(name: string, known: readonly string[]): string {
  const nearest = closest(name, [...known]);
  return distance(name, nearest) <= 4 ? `; did you mean ${nearest}?` : `; known are ${known.join(', ')}`;
}

function describeIssue(
  issue: z.core.$ZodIssue,
  raw: Record<string, Record<string, unknown>>,
  sources: ReadonlyMap<string, SettingSource>,
): string {
  const path = issue.path.slice(0, 2).join('.');
  const [section = '', key = ''] = path.split('.');
  const value = SECRET_SETTINGS.has(path) ? '[secret]' : JSON.stringify(raw[section]?.[key]);
  const source = sources.get(path);
  const where =
    source === 'environment'
      ? ` (environment variable ${environmentName(path)})`
      : source === 'flag'
        ? ' (flag)'
        : '';
  return `${path} is ${value}${where}: ${issue.message} (${describeSetting(path)})`;
}

/** The sentence that describes a setting, from its schema. */
export function describeSetting(path: string): string {
  const [section = '', key = ''] = path.split('.');
  const shape = SECTIONS[section as SectionName]?.shape as Record<string, z.ZodType> | undefined;
  return shape?.[key]?.description ?? path;
}

/** A commented sample file with every key at its default. */
export function sampleConfig(): string {
  const defaults = settingsSchema.parse({}) as unknown as Record<string, Record<string, unknown>>;
  const lines = ['# Graphshift: every key at its default. Environment variables win over this file.'];
  for (const section of Object.keys(SECTIONS)) {
    lines.push('', `${section}:`);
    for (const path of settingPaths().filter((candidate) => candidate.startsWith(`${section}.`))) {
      const key = path.slice(section.length + 1);
      const value = defaults[section]?.[key];
      const setting = value === undefined ? `  # ${key}:` : `  ${key}: ${JSON.stringify(value)}`;
      lines.push(`  # ${describeSetting(path)} (${environmentName(path)})`, setting);
    }
  }
  return `${lines.join('\n')}\n`;
}
