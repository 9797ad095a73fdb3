import { defineConfig } from 'vitest/config';
import LongestFirst from './scripts/longest-first.mjs';

/**
 * `npm test`, which builds first, says so: the programs that tests start run from the builds then, and so does what apps
 * use of other packages. A process from its sources costs twice the CPU. A single file run by hand takes the sources.
 */
const fromBuilds = process.env.GRAPHSHIFT_TEST_BUILDS === 'true';
const sources = ['graphshift-source'];

function resolving(conditions: string[]) {
  return {
    ssr: { resolve: { conditions } },
    resolve: {
      conditions,
      alias: { '@graphshift/testkit': new URL('./packages/testkit/src/index.ts', import.meta.url).pathname },
    },
  };
}

export default defineConfig({
  test: {
    // Real servers and child processes share two cores with the tests, most of which wait more than they compute.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        ...resolving(sources),
        test: {
          name: 'packages',
          include: [
            'packages/*/{src,test}/**/*.test.ts',
            'tools/*/test/**/*.test.ts',
            'scripts/**/*.test.mjs',
          ],
          testTimeout: 150_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...resolving(fromBuilds ? [] : sources),
        test: {
          name: 'programs',
          include: ['apps/*/{src,test}/**/*.test.ts', '{demo,bench,chaos}/{src,test}/**/*.test.ts'],
          testTimeout: 150_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
