import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { HEALTH_RULES } from './rules.ts';
import { SCORE_PARTS } from './score.ts';

const DOCUMENT = new URL('../../../../../docs/resilience.md', import.meta.url);

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const rules = () =>
  table(
    ['level', 'rule', 'holds when'],
    HEALTH_RULES.map(({ level, name, when }) => [level, `\`${name}\``, when]),
  );
const score = () =>
  table(
    ['part', 'points', 'how'],
    SCORE_PARTS.map(({ name, most, how }) => [name, String(most), how]),
  );

function replaced(document: string, part: string, text: string): string {
  const between = new RegExp(`(<!-- ${part}: .* -->\n)[\\s\\S]*?(<!-- end -->)`);
  expect(document, `the part ${part} has its marks`).toMatch(between);
  return document.replace(between, (_, begin: string, end: string) => `${begin}\n${text}\n\n${end}`);
}

it('the document has every rule and every part of the score as they are', () => {
  const document = readFileSync(DOCUMENT, 'utf8');
  const wanted = replaced(replaced(document, 'rules', rules()), 'score', score());
  if (process.env.UPDATE_DOCS) writeFileSync(DOCUMENT, wanted);
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(wanted);
});
