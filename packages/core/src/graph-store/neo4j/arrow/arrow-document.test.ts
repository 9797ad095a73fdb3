import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SUPPORTED_TYPES } from '../../../snapshot-source/column-types.ts';
import { OTHER_TYPES, TYPE_RULES, wireType } from './wire-types.ts';

const DOCUMENT = new URL('../../../../../../docs/arrow.md', import.meta.url);
const BETWEEN = /(<!-- made from .*wire-types.ts -->\n)[\s\S]*?(<!-- end -->)/;

test('docs/arrow.md has every type as it is sent', () => {
  const rows = TYPE_RULES.map(({ arrow, scalar, neo4j }) => `| ${arrow} | ${scalar} | ${neo4j} |`);
  const others = OTHER_TYPES.map(({ arrow, what }) => `| ${arrow} | ${what} |`);
  const tables = `| in the file | on the wire | in the graph |\n|---|---|---|\n${rows.join('\n')}\n\n| in the file | what becomes of it |\n|---|---|\n${others.join('\n')}`;
  const document = readFileSync(DOCUMENT, 'utf8');
  expect(document).toMatch(BETWEEN);
  const wanted = document.replace(BETWEEN, (_, begin: string, end: string) => `${begin}${tables}\n${end}`);
  if (process.env.UPDATE_DOCS) writeFileSync(DOCUMENT, wanted);
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(wanted);
});

test('every type of a snapshot is cast or not, in lists too', () => {
  const not = SUPPORTED_TYPES.map(({ type }) => type).filter((type) => wireType(type) === undefined);
  // Timestamps of seconds and milliseconds are TIMESTAMP to the check; these are what their storage is called.
  expect(not).toEqual(['DECIMAL', 'BLOB', 'TIME', 'TIME_NS', 'TIMESTAMP_S', 'TIMESTAMP_MS']);
  for (const { type } of SUPPORTED_TYPES) {
    expect(wireType(`${type}[]`)?.scalar).toBe(wireType(type)?.scalar);
    expect(wireType(`${type}[][]`)).toBeUndefined();
  }
});
