/** What a reading process is asked, and what it answers. */

import type { Counts, QueryResult } from '../graph-store.ts';
import type { Parameters } from './session.ts';

export type QueryCommands = {
  /** Once, before anything else. */
  open: { input: { directory: string; memoryBytes: number }; output: undefined };
  /** Progress is a `MemoryExceeded`, the last word of the process. */
  query: { input: { cypher: string; parameters: Parameters; maxRows: number }; output: QueryResult };
  counts: { input: undefined; output: Counts };
};

export interface MemoryExceeded {
  readonly residentBytes: number;
}
