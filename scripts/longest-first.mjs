// The order in which vitest runs the files: the longest first, of both projects, so that none of them is what everything
// waits for in the end. Most of them wait more than they compute, for servers, leases and processes.
import { relative } from 'node:path';
import { BaseSequencer } from 'vitest/node';
import { ROOT } from './project.mjs';

/** Files of more than some twenty seconds, the longest first; those that are not named come after them. */
export const LONGEST = [
  'apps/cli/test/neo4j-kills/server.test.ts',
  'packages/core/src/graph-store/neo4j/store.test.ts',
  'chaos/test/sins.test.ts',
  'chaos/test/suite.test.ts',
  'apps/cli/test/kills/redis-loss.test.ts',
  'apps/cli/test/neo4j-kills/workers.test.ts',
  'apps/cli/test/kills/edges.test.ts',
  'packages/core/test/neo4j/cutovers.test.ts',
  'packages/core/src/graph-store/embedded/store.test.ts',
  'apps/worker/test/rollback.test.ts',
  'chaos/test/neo4j.test.ts',
  'apps/cli/test/cli.test.ts',
  'packages/core/test/bolt/resume.test.ts',
  'apps/worker/test/worker.test.ts',
  'apps/cli/test/kills/chaos.test.ts',
  'tools/neo4j-dev/test/durability.test.ts',
  'packages/core/src/graph-store/neo4j/arrow/gds-import.test.ts',
  'packages/core/src/graph-store/neo4j/changes.test.ts',
  'packages/core/src/graph-store/neo4j/parity/carry-over.test.ts',
  'bench/test/bench.test.ts',
  'apps/cli/test/kills/mutants.test.ts',
  'apps/worker/test/neo4j-parity.test.ts',
  'apps/cli/test/resilience.test.ts',
  'apps/worker/test/races.test.ts',
  'packages/core/test/formats/formats.test.ts',
  'packages/core/test/bolt/parallel.test.ts',
  'packages/core/test/bolt/values.test.ts',
  'tools/neo4j-dev/test/statements.test.ts',
  'apps/worker/test/policies.test.ts',
  'apps/cli/test/kills/processes.test.ts',
  'apps/cli/test/dev.test.ts',
];

/** @returns the files in their new order; those that are not named keep theirs */
export function longestFirst(files, nameOf) {
  const place = (file) => {
    const index = LONGEST.indexOf(nameOf(file));
    return index < 0 ? LONGEST.length : index;
  };
  return [...files].sort((a, b) => place(a) - place(b));
}

export default class LongestFirst extends BaseSequencer {
  async sort(specifications) {
    return longestFirst(await super.sort(specifications), ({ moduleId }) =>
      relative(ROOT, moduleId).replaceAll('\\', '/'),
    );
  }
}
