/** Sample files with every setting at its default. */

import { describeSetting, environmentName, settingPaths } from './setting-paths.ts';
import { SECTIONS, settingsSchema } from './settings.ts';
import { PROFILE_KEY } from './settings-file.ts';

/** A commented sample file with every key at its default. */
export function sampleConfig(): string {
  const defaults = settingsSchema.parse({}) as unknown as Record<string, Record<string, unknown>>;
  const lines = [
    '# Graphshift: every key at its default. Flags and environment variables win over this file, this file over the',
    '# profile that it names.',
    `# ${PROFILE_KEY}: production`,
  ];
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

/** The same as variables of the environment, in the format of a `.env` file. */
export function sampleEnvironment(): string {
  const defaults = settingsSchema.parse({}) as unknown as Record<string, Record<string, unknown>>;
  const lines = [
    '# Graphshift: every variable at its default. They win over the configuration file and its profile.',
  ];
  for (const section of Object.keys(SECTIONS)) {
    lines.push('', `# ${section}`);
    for (const path of settingPaths().filter((candidate) => candidate.startsWith(`${section}.`))) {
      const value = defaults[section]?.[path.slice(section.length + 1)];
      // A list cannot stand in a variable; the defaults have none of more than one.
      const text = String(Array.isArray(value) ? value[0] : value);
      const setting =
        value === undefined ? `# ${environmentName(path)}=` : `${environmentName(path)}=${text}`;
      lines.push(`# ${describeSetting(path)}`, setting);
    }
  }
  return `${lines.join('\n')}\n`;
}
