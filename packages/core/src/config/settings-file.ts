/** A YAML file with sections of settings: the configuration, or a profile. */

import { existsSync, readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { messageOf } from '../platform/errors.ts';
import { SECTIONS, type SectionName } from './settings.ts';
import { suggestion } from './suggestion.ts';

/** Names the profile of a configuration file, beside its sections. */
export const PROFILE_KEY = 'profile';

export interface SettingsFile {
  /** By path of the setting. */
  readonly values: readonly (readonly [path: string, value: unknown])[];
  /** What stands at the key `profile`; undefined where it is not there. */
  readonly profile: unknown;
  /** One line each: which file, which key, what it may be. */
  readonly problems: readonly string[];
}

export function readSettingsFile(file: string): SettingsFile {
  const values: [string, unknown][] = [];
  const problems: string[] = [];
  const nothing = { values, profile: undefined, problems };
  if (!existsSync(file)) {
    problems.push(`the configuration file ${file} does not exist`);
    return nothing;
  }
  const document = parseYaml(file);
  if (typeof document === 'string') {
    problems.push(document);
    return nothing;
  }
  const { [PROFILE_KEY]: profile, ...sections } = document;
  for (const [section, content] of Object.entries(sections)) {
    const complain = (problem: string) => problems.push(`${file}: ${problem}`);
    for (const entry of sectionValues(section, content, complain)) values.push(entry);
  }
  return { values, profile, problems };
}

function sectionValues(
  section: string,
  content: unknown,
  complain: (problem: string) => void,
): [string, unknown][] {
  const sections = Object.keys(SECTIONS);
  if (!sections.includes(section)) {
    complain(`unknown section ${section}${suggestion(section, [...sections, PROFILE_KEY])}`);
    return [];
  }
  if (content === null) return [];
  if (typeof content !== 'object' || Array.isArray(content)) {
    complain(`section ${section} is ${JSON.stringify(content)}; it must hold keys`);
    return [];
  }
  const known = Object.keys(SECTIONS[section as SectionName].shape);
  return Object.entries(content as Record<string, unknown>).flatMap(([key, value]) => {
    if (known.includes(key)) return [[`${section}.${key}`, value] as [string, unknown]];
    complain(`unknown key ${section}.${key}${suggestion(key, known)}`);
    return [];
  });
}

/** The document, or one line about what is wrong with it. */
function parseYaml(file: string): Record<string, unknown> | string {
  try {
    const document: unknown = parse(readFileSync(file, 'utf8')) ?? {};
    if (typeof document === 'object' && document !== null && !Array.isArray(document))
      return document as Record<string, unknown>;
    return `${file}: it must hold sections: ${Object.keys(SECTIONS).join(', ')}`;
  } catch (error) {
    const where = error instanceof YAMLParseError && error.linePos ? ` line ${error.linePos[0].line}` : '';
    return `${file}${where}: ${messageOf(error).split('\n')[0]}`;
  }
}
