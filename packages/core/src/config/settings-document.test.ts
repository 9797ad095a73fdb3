import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { findProfile, profileNames } from './profiles.ts';
import { describeSetting, environmentName, settingPaths } from './setting-paths.ts';
import { SECTIONS, settingsSchema } from './settings.ts';
import { readSettingsFile } from './settings-file.ts';

const DOCUMENT = new URL('../../../../docs/settings.md', import.meta.url);

const cell = (text: string) => text.replace(/[|<]/g, '\\$&');
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const defaults = settingsSchema.parse({}) as unknown as Record<string, Record<string, unknown>>;

function defaultOf(path: string): string {
  const [section = '', key = ''] = path.split('.');
  const value = defaults[section]?.[key];
  if (value === undefined) return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function settingsTables(): string {
  const sections = Object.keys(SECTIONS).map((section) => {
    const paths = settingPaths().filter((path) => path.startsWith(`${section}.`));
    const rows = paths.map((path) => [
      `\`${path.slice(section.length + 1)}\``,
      defaultOf(path),
      cell(describeSetting(path)),
      `\`${environmentName(path)}\``,
    ]);
    return `### ${section}\n\n${table(['key', 'default', 'what it is', 'environment'], rows)}`;
  });
  return sections.join('\n\n');
}

function profilesTable(): string {
  const values = profileNames().map((name) => {
    const profile = findProfile(name, '');
    return new Map(typeof profile === 'string' ? [] : readSettingsFile(profile.file).values);
  });
  const set = settingPaths().filter((path) => values.some((profile) => profile.has(path)));
  const rows = set.map((path) => [
    `\`${path}\``,
    defaultOf(path),
    ...values.map((profile) => (profile.has(path) ? `\`${JSON.stringify(profile.get(path))}\`` : '')),
  ]);
  return table(['setting', 'default', ...profileNames()], rows);
}

function replaced(document: string, part: string, text: string): string {
  const between = new RegExp(`(<!-- ${part}: .* -->\n)[\\s\\S]*?(<!-- end -->)`);
  expect(document, `the part ${part} has its marks`).toMatch(between);
  return document.replace(between, (_, begin: string, end: string) => `${begin}\n${text}\n\n${end}`);
}

it('docs/settings.md has every setting and every profile as they are', () => {
  const document = readFileSync(DOCUMENT, 'utf8');
  const wanted = replaced(replaced(document, 'settings', settingsTables()), 'profiles', profilesTable());
  if (process.env.UPDATE_DOCS) writeFileSync(DOCUMENT, wanted);
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(wanted);
});
