/** Profiles: settings for one kind of use, as files in `config/profiles` at the top of the repository. */

import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suggestion } from './suggestion.ts';

/**
 * In a checkout the folder itself, whether this module runs from its source or compiled; where the package stands
 * alone, the copy that its build made.
 */
const DIRECTORIES = ['../../../../config/profiles', './profiles'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);
const ENDING = '.yaml';

export interface ProfileFile {
  /** As it was asked for. */
  readonly name: string;
  /** Absolute. */
  readonly file: string;
}

export function profileNames(): string[] {
  const directory = DIRECTORIES.find(existsSync);
  if (directory === undefined) return [];
  return readdirSync(directory)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .sort();
}

/**
 * @param name a profile, or a path to a file like one: what has a slash or ends in .yaml or .yml
 * @param directory from which a relative path is taken
 * @returns the file, or what is wrong with the name
 */
export function findProfile(name: unknown, directory: string): ProfileFile | string {
  if (typeof name !== 'string' || name === '')
    return `is ${JSON.stringify(name)}; it must be ${profileNames().join(', ')} or a path to a file`;
  if (/[/\\]|\.ya?ml$/.test(name)) {
    const file = resolve(directory, name);
    return existsSync(file) ? { name, file } : `is ${JSON.stringify(name)}: the file ${file} does not exist`;
  }
  const known = profileNames();
  if (!known.includes(name))
    return `is ${JSON.stringify(name)}, an unknown profile${suggestion(name, known)}`;
  const path = DIRECTORIES.map((candidate) => join(candidate, `${name}${ENDING}`)).find(existsSync);
  return { name, file: path ?? '' };
}
