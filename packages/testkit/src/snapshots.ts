/** Small snapshots for tests, whole or broken in one known way, in a directory that goes with the test. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SnapshotContent, writeSnapshot } from '@graphshift/core';

export {
  BROKEN_CODES,
  BROKEN_KINDS,
  type BrokenKind,
  breakSnapshot,
  type SnapshotContent,
  simulateSnapshot,
  writeSnapshot,
} from '@graphshift/core';

export interface SnapshotRoot {
  readonly path: string;
  /** Writes one snapshot and returns its directory. */
  write(content: SnapshotContent): Promise<string>;
  remove(): Promise<void>;
}

/** A fresh, empty snapshot root under the system's temporary directory. */
export async function makeSnapshotRoot(): Promise<SnapshotRoot> {
  const path = await mkdtemp(join(tmpdir(), 'graphshift-root-'));
  return {
    path,
    write: (content) => writeSnapshot(path, content),
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** Two people who know each other and a company where one works: every kind of group, in a few kilobytes. */
export function smallContent(customer: string, timestamp: number): SnapshotContent {
  return {
    customer,
    timestamp,
    nodes: {
      Person: [
        { id: 1, labels: 'Person', name: 'Ada', born: new Date('1815-12-10T00:00:00Z') },
        { id: 2, labels: 'Person,Employee', name: 'Grace', born: new Date('1906-12-09T00:00:00Z') },
      ],
      Company: [{ id: 3, labels: ['Company'], name: 'Analytical Engines', founded: 1834 }],
    },
    relationships: {
      KNOWS: [{ source: 1, target: 2, type: 'KNOWS', since: 1930 }],
      WORKS_AT: [{ source: 2, target: 3, type: 'WORKS_AT', title: 'Engineer' }],
    },
  };
}
