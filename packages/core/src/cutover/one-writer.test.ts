import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const TOP = fileURLToPath(new URL('../../../../', import.meta.url));

/** Production sources: path from the top, with slashes, and text. */
const SOURCES = ['apps', 'packages/core', 'demo']
  .flatMap((part) => readdirSync(join(TOP, part), { recursive: true, withFileTypes: true }))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((path) => /\/src\/.*\.(ts|lua)$/.test(path) && !/node_modules|\/dist\/|\.test\.ts$/.test(path))
  .map((path) => ({ path: relative(TOP, path), text: readFileSync(path, 'utf8') }));

function filesWith(pattern: RegExp): string[] {
  return SOURCES.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
}

/** What stands behind the port, and the breakers before it, which hand on every call. */
const ADAPTERS = /^packages\/core\/src\/(graph-store\/|resilience\/health\/guarded-store\.ts$)/;
const outsideAdapters = (paths: string[]) => paths.filter((path) => !ADAPTERS.test(path));

describe('what must not happen unfenced happens in one file', () => {
  it.each([
    ['prepareAlias', []],
    ['prepareDrop', []],
    // The recovery of an instance ends what that one has prepared.
    ['store.takeOver', ['packages/core/src/resilience/recovery/steps.ts']],
  ])('only fenced changes call the store to %s', (name, others) => {
    expect(outsideAdapters(filesWith(new RegExp(`\\b${name}\\(`)))).toEqual([
      'packages/core/src/cutover/fenced-changes.ts',
      ...others,
    ]);
  });

  it.each([
    ['switching', ['cutover/cutover.ts']],
    ['live', ['cutover/align-records.ts', 'cutover/cutover.ts']],
    ['replaced', ['cutover/align-records.ts']],
    ['rolled-back', ['cutover/align-records.ts']],
    ['retired', ['retention/retention.ts']],
  ])('only these lead a record to %s', (state, files) => {
    const moves = new RegExp(
      `to: '${state}'|to = .*(?<!== )'${state}'|#move\\([^;]*'${state}'|advance\\('${state}'`,
    );
    expect(outsideAdapters(filesWith(moves))).toEqual(files.map((file) => `packages/core/src/${file}`));
  });

  it("a record's state is written by Lua alone, in one function", () => {
    expect(filesWith(/hset\(\s*this\.#keys\.deployment/)).toEqual([]);
    expect(filesWith(/'HSET', key, 'state'/)).toEqual(['packages/core/src/queue/lua/_record.lua']);
    expect(filesWith(/'transition-3',/)).toContain('packages/core/src/queue/deployment-store.ts');
    expect(filesWith(/\.transition\(\{/).sort()).toEqual([
      'apps/worker/src/deploy/deployment.ts',
      'apps/worker/src/deploy/pipeline.ts',
      'packages/core/src/cutover/align-records.ts',
      'packages/core/src/cutover/cutover.ts',
      'packages/core/src/operations/operations.ts',
      'packages/core/src/queue/dead-letters.ts',
      'packages/core/src/retention/retention.ts',
    ]);
  });

  it('BullMQ is told an outcome in one file', () => {
    expect(filesWith(/throw new (DelayedError|UnrecoverableError)\(/)).toEqual([
      'packages/core/src/queue/consume.ts',
    ]);
  });
});
