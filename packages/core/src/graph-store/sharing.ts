/**
 * A load that several processes share. Its coordinator has opened it, and hands chunks of it out: parts of the files that
 * whoever reaches the store and the snapshot can load with nothing but what stands here. What is loaded is said by the
 * database itself, so that a chunk may be begun by one process and ended by another.
 */

import type { SnapshotName } from '../snapshot/names.ts';

export interface ChunkFile {
  /** Relative to the snapshot's directory. */
  readonly path: string;
  /** Rows of it that belong to the chunk. */
  readonly rows: number;
  /** Rows before those, where the chunk is a part of the file. */
  readonly from?: number;
}

/** Whole files, or some row groups of one. */
export interface LoadChunk {
  /** Its place among all chunks of the load, from 0. */
  readonly number: number;
  readonly kind: 'nodes' | 'relationships';
  /** The label or type. */
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly files: readonly ChunkFile[];
  /** What only the store that made it understands. */
  readonly work: string;
}

/** What the database says of a chunk. */
export interface ChunkStanding {
  /** That are in. */
  readonly rows: number;
  /** Nothing of it is missing. */
  readonly whole: boolean;
}

export interface ChunkOptions {
  /** Aborting ends it; what is in stays. */
  readonly signal?: AbortSignal;
  /** Called a few times a second with the rows that have come in since the call before. */
  readonly onRows?: (rows: number) => void;
}

/** All chunks of nodes, or all of relationships: the second round begins when the first has ended. */
export interface SharedRound {
  readonly kind: LoadChunk['kind'];
  readonly chunks: readonly LoadChunk[];
  /** What the chunks have in common; only the store that made it understands it. */
  readonly plan: string;
  /** Rows and bytes of files that are in from the rounds before. */
  readonly before: { readonly rows: number; readonly bytes: number };
  /** By number. */
  standing(): Promise<ReadonlyMap<number, ChunkStanding>>;
  /** Loads a chunk in the loading process of this load, where nobody else has it. */
  load(chunk: LoadChunk, options?: ChunkOptions): Promise<void>;
}

/** How a load is shared: what its coordinator is given to open it with. */
export interface LoadSharing {
  /** Snapshots with fewer bytes of files are loaded by one process. */
  readonly leastBytes: number;
  /** Sees to it that every chunk is loaded, by this process and others; resolves when the database says that all are. */
  run(round: SharedRound): Promise<void>;
}

/** A chunk in the hands of a process that did not open the load. */
export interface ChunkTask extends SnapshotName {
  readonly run: number;
  /** Of the load; a higher one in the database ends the work. */
  readonly epoch: number;
  /** Directory of the snapshot. */
  readonly path: string;
  /** See `SharedRound` and `LoadChunk`. */
  readonly plan: string;
  readonly work: string;
}

/** Loads chunks of loads that other processes coordinate, one after the other, in a process of its own. */
export interface ChunkLoader {
  /**
   * Loads what is missing of a chunk; one that is whole is left as it is.
   * @throws FENCED when a higher epoch took over, SNAPSHOT_CHANGED, SNAPSHOT_GONE, FILE_UNREADABLE naming file and column
   */
  load(task: ChunkTask, options?: ChunkOptions): Promise<void>;
  /** Ends its process. It may load again after that. Idempotent. */
  close(): Promise<void>;
}
