import { defineConfig } from 'vitest/config';

export default defineConfig({
  ssr: { resolve: { conditions: ['graphshift-source'] } },
  resolve: {
    conditions: ['graphshift-source'],
    alias: { '@graphshift/testkit': new URL('./packages/testkit/src/index.ts', import.meta.url).pathname },
  },
  test: {
    include: [
      '{apps,packages}/*/{src,test}/**/*.test.ts',
      '{demo,bench,chaos}/{src,test}/**/*.test.ts',
      'tools/*/test/**/*.test.ts',
      'scripts/**/*.test.mjs',
    ],
    // Real servers and child processes share two cores with the tests.
    maxWorkers: 2,
    testTimeout: 150_000,
    hookTimeout: 120_000,
  },
});
