import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { defineConfig, type Plugin } from 'vitest/config';
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
      alias: [
        {
          find: /^@graphshift\/testkit$/,
          replacement: new URL('./packages/testkit/src/index.ts', import.meta.url).pathname,
        },
      ],
    },
  };
}

/** The build of a module of a package, where it is to be taken and there is one; tests have none. */
function takeBuilds(): Plugin {
  return {
    name: 'graphshift-builds',
    enforce: 'pre',
    resolveId(source, importer) {
      if (!importer || !/^\.{1,2}\/.*\.ts$/.test(source)) return undefined;
      const path = resolve(dirname(importer), source);
      const built = path.replace(/\/packages\/(core|flight)\/src\/(.*)\.ts$/, '/packages/$1/dist/$2.js');
      return built !== path && existsSync(built) ? { id: built, external: false } : undefined;
    },
  };
}

/** Where nothing goes on for so long, on a machine with other things to do too, something is wrong. */
const PATIENCE = { testTimeout: 300_000, hookTimeout: 300_000 };

export default defineConfig({
  test: {
    // Real servers and child processes share two cores with the tests, most of which wait more than they compute.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        ...resolving(fromBuilds ? [] : sources),
        plugins: fromBuilds ? [takeBuilds()] : [],
        test: {
          name: 'packages',
          server: { deps: { external: fromBuilds ? [/\/packages\/(core|flight)\/dist\//] : [] } },
          include: [
            'packages/*/{src,test}/**/*.test.ts',
            'tools/*/test/**/*.test.ts',
            'scripts/**/*.test.mjs',
          ],
          ...PATIENCE,
        },
      },
      {
        ...resolving(fromBuilds ? [] : sources),
        test: {
          name: 'programs',
          include: ['apps/*/{src,test}/**/*.test.ts', '{demo,bench,chaos}/{src,test}/**/*.test.ts'],
          ...PATIENCE,
        },
      },
    ],
  },
});
