import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ERRORS, type ErrorCode, GraphshiftError } from '@graphshift/core';
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../src/exit-codes.ts';

const TOP = new URL('../../../', import.meta.url);
const DOCUMENT = new URL('docs/errors.md', TOP);
const CODES = Object.keys(ERRORS) as ErrorCode[];

function row(code: ErrorCode, meaning: string): string {
  const { class: kind, status, action } = ERRORS[code];
  const exit = exitCodeOf(new GraphshiftError(code, ''));
  return `| \`${code}\` | ${kind} | ${status} | ${exit} | ${meaning} | ${action.replace(/[|<]/g, '\\$&')} |`;
}

const document = readFileSync(DOCUMENT, 'utf8');
const documented = document.split('\n').filter((line) => line.startsWith('| `'));
const meanings = new Map(
  documented.map((line) => [/^\| `(\w+)`/.exec(line)?.[1] ?? '', (line.split(' | ')[4] ?? '').trim()]),
);
const rows = CODES.map((code) => row(code, meanings.get(code) ?? ''));

if (process.env.UPDATE_DOCS) {
  const before = document.split('\n').filter((line) => !line.startsWith('| `'));
  const head = before.findIndex((line) => line.startsWith('|---'));
  before.splice(head + 1, 0, ...rows);
  writeFileSync(DOCUMENT, before.join('\n'));
}

describe('docs/errors.md', () => {
  it('has each code of the catalogue, with its class, status, exit code and what to do, and no other', () => {
    expect(
      readFileSync(DOCUMENT, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('| `')),
    ).toEqual(rows);
  });

  it('says what each code means', () => {
    const silent = CODES.filter((code) => !/^\S.*\.$/.test(meanings.get(code) ?? ''));
    expect(silent, 'write the meaning of these into docs/errors.md').toEqual([]);
  });
});

/** Where a code is looked at or listed, but not raised. */
const ELSEWHERE = /(platform\/errors|snapshot-source\/simulate|exit-codes)\.ts$|\.test\.ts$/;

function sources(): string {
  return ['packages/core/src', 'apps/producer/src', 'apps/worker/src', 'apps/dashboard/src', 'apps/cli/src']
    .flatMap((folder) => {
      const directory = fileURLToPath(new URL(`${folder}/`, TOP));
      return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map(
        (name) => `${directory}${name}`,
      );
    })
    .filter((path) => path.endsWith('.ts') && !ELSEWHERE.test(path))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
}

describe('the catalogue', () => {
  it('has no code that nothing raises', () => {
    const text = sources();
    // A comparison or a member of a type raises nothing.
    const raised = (code: string) => new RegExp(`(?<![!=]== )(?<!\\| )'${code}'(?! \\|)`).test(text);
    expect(CODES.filter((code) => !raised(code))).toEqual([]);
    expect(raised('NO_SUCH_CODE')).toBe(false);
  });
});
