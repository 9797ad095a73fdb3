import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LONGEST, longestFirst } from './longest-first.mjs';
import { ROOT } from './project.mjs';

it('names files that are there, each once', () => {
  expect(LONGEST.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  expect(new Set(LONGEST).size).toBe(LONGEST.length);
});

it('puts them first, and leaves the others in their order', () => {
  const [first, second] = LONGEST;
  const files = ['b.test.ts', second, 'a.test.ts', first].map((name) => ({ name }));
  const sorted = longestFirst(files, ({ name }) => name).map(({ name }) => name);
  expect(sorted).toEqual([first, second, 'b.test.ts', 'a.test.ts']);
});
