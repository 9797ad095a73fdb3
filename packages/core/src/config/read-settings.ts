import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { GraphshiftError } from '../platform/errors.ts';
import { findProfile, type ProfileFile } from './profiles.ts';
import { relationNotes, relationProblems } from './relations.ts';
import { describeSetting, environmentName, environmentNames, settingPaths } from './setting-paths.ts';
import { SECRET_SETTINGS, type Settings, settingsSchema } from './settings.ts';
import { PROFILE_KEY, readSettingsFile, type SettingsFile } from './settings-file.ts';
import { near } from './suggestion.ts';
import { describeProblem } from './wording.ts';

export const CONFIG_FILE = 'graphshift.config.yaml';
export const PROFILE_VARIABLE = 'GRAPHSHIFT_PROFILE';

/** Where a value came from, the strongest first. */
export type SettingSource = 'flag' | 'environment' | 'file' | 'profile' | 'default';

export interface ReadSettings {
  readonly settings: Settings;
  /** By path, such as `orchestrator.scan_interval`. */
  readonly sources: ReadonlyMap<string, SettingSource>;
  readonly profile: ProfileFile | undefined;
  /** One line each, about what is allowed but most likely not meant. */
  readonly notes: readonly string[];
}

export interface SettingsInput {
  /** Values of flags, by path; undefined ones are left out. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A file that must exist; without it `graphshift.config.yaml` in `directory` is read where there is one. */
  readonly file?: string | undefined;
  /** Name of a profile or path to one, from a flag: stronger than GRAPHSHIFT_PROFILE, which is stronger than the file. */
  readonly profile?: string | undefined;
  readonly directory: string;
}

/** Values that came together so far, and what is wrong with them. */
interface Gathered {
  readonly values: Record<string, Record<string, unknown>>;
  readonly sources: Map<string, SettingSource>;
  readonly problems: string[];
}

/**
 * The effective settings, frozen.
 * @throws CONFIG_INVALID with one line for each thing that is wrong: which key, what it was, what it may be
 */
export function readSettings(input: SettingsInput): ReadSettings {
  const sources = new Map<string, SettingSource>(settingPaths().map((path) => [path, 'default']));
  const gathered: Gathered = { values: {}, sources, problems: [] };
  const file = configurationFile(input);
  const profile = chosenProfile(input, file, gathered);
  if (profile) gather(gathered, profileValues(profile, gathered), 'profile');
  gathered.problems.push(...(file?.problems ?? []));
  gather(gathered, file?.values ?? [], 'file');
  const variables = settingPaths().map((path) => [path, variableOf(input, path)?.value] as const);
  gather(
    gathered,
    variables.filter(([, value]) => value !== undefined),
    'environment',
  );
  const flags = Object.entries(input.flags ?? {});
  gather(
    gathered,
    flags.filter(([, value]) => value !== undefined),
    'flag',
  );
  const settings = check(gathered, (path) => variableOf(input, path)?.name ?? environmentName(path));
  const notes = [...relationNotes(settings), ...strangeVariables(input.environment)];
  return { settings: Object.freeze(settings), sources, profile, notes };
}

function gather(
  { values, sources }: Gathered,
  entries: readonly (readonly [path: string, value: unknown])[],
  source: SettingSource,
): void {
  for (const [path, value] of entries) {
    const [section = '', key = ''] = path.split('.');
    values[section] = { ...values[section], [key]: value };
    sources.set(path, source);
  }
}

/** The variable that sets a value; an empty one sets nothing. */
function variableOf(
  { environment }: Pick<SettingsInput, 'environment'>,
  path: string,
): { name: string; value: string } | undefined {
  for (const name of environmentNames(path)) {
    const value = environment[name];
    if (value !== undefined && value !== '') return { name, value };
  }
  return undefined;
}

/** @param variable names the variable that a path's value came from @throws CONFIG_INVALID */
function check({ values, sources, problems }: Gathered, variable: (path: string) => string): Settings {
  const result = settingsSchema.safeParse(values);
  if (result.success) problems.push(...relationProblems(result.data));
  else problems.push(...result.error.issues.map((issue) => describeIssue(issue, values, sources, variable)));
  if (result.success && problems.length === 0) return result.data;
  throw new GraphshiftError('CONFIG_INVALID', problems.join('\n  '));
}

function configurationFile({ file, directory }: SettingsInput): SettingsFile | undefined {
  if (file !== undefined) return readSettingsFile(file);
  const usual = join(directory, CONFIG_FILE);
  return existsSync(usual) ? readSettingsFile(usual) : undefined;
}

function chosenProfile(
  { profile, environment, directory }: SettingsInput,
  file: SettingsFile | undefined,
  { problems }: Gathered,
): ProfileFile | undefined {
  const choices: readonly (readonly [string, unknown])[] = [
    ['--profile', profile],
    [PROFILE_VARIABLE, environment[PROFILE_VARIABLE] || undefined],
    [`the key ${PROFILE_KEY} of the configuration file`, file?.profile],
  ];
  const choice = choices.find(([, name]) => name !== undefined);
  if (!choice) return undefined;
  const found = findProfile(choice[1], directory);
  if (typeof found !== 'string') return found;
  problems.push(`${choice[0]} ${found}`);
  return undefined;
}

function profileValues(profile: ProfileFile, { problems }: Gathered): SettingsFile['values'] {
  const read = readSettingsFile(profile.file);
  problems.push(...read.problems);
  if (read.profile !== undefined)
    problems.push(`${profile.file}: a profile cannot name another one; remove the key ${PROFILE_KEY}`);
  return read.values;
}

/**
 * Variables that look like ours, but set nothing. They are no error: a cluster may set some by itself, such as
 * GRAPHSHIFT_REDIS_SERVICE_HOST for a service of that name.
 */
function strangeVariables(environment: SettingsInput['environment']): string[] {
  const known = [...settingPaths().flatMap(environmentNames), PROFILE_VARIABLE];
  return Object.keys(environment).flatMap((name) => {
    const rest = /^GRAPHSHIFT(_.+)$/.exec(name)?.[1];
    if (rest === undefined || known.includes(name)) return [];
    const meant = known.find((candidate) => candidate.endsWith(rest)) ?? near(name, known, 3);
    return meant === undefined ? [] : [`environment variable ${name} sets nothing; did you mean ${meant}?`];
  });
}

function describeIssue(
  issue: z.core.$ZodIssue,
  values: Gathered['values'],
  sources: ReadonlyMap<string, SettingSource>,
  variable: (path: string) => string,
): string {
  const path = issue.path.slice(0, 2).join('.');
  const [section = '', key = ''] = path.split('.');
  const value = SECRET_SETTINGS.has(path) ? '[secret]' : JSON.stringify(values[section]?.[key]);
  const source = sources.get(path);
  const where = source === 'environment' ? `environment variable ${variable(path)}` : source;
  return `${path} is ${value} (${where}): ${describeProblem(issue)} (${describeSetting(path)})`;
}
