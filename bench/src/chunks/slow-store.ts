/**
 * A graph store that stores nothing and takes the same time for every batch, whoever sends it: what is left of a shared load
 * is how it is handed out. All workers that use it must be in its process.
 */

import { setTimeout as wait } from 'node:timers/promises';
import {
  type ChunkStanding,
  databaseName,
  type GraphStore,
  type Load,
  type LoadChunk,
  type LoadOptions,
  type LoadRequest,
  type SharedRound,
} from '@graphshift/core';
import { createNothingStore } from '../queue/nothing-store.ts';

export interface SlowLoad {
  /** Half of them nodes. */
  readonly chunks: number;
  readonly batchesAChunk: number;
  readonly batchMs: number;
}

export interface SlowStore extends GraphStore {
  /** Of both rounds of the newest load, in seconds. */
  readonly seconds: number;
}

/** @param size of every load that is opened */
export function createSlowStore(size: () => SlowLoad): SlowStore {
  const inner = createNothingStore();
  const loaded = new Map<string, Set<string>>();
  let seconds = 0;
  const fill = async (database: string, work: string) => {
    const { batchesAChunk, batchMs } = size();
    for (let batch = 0; batch < batchesAChunk; batch++) await wait(batchMs);
    const whole = loaded.get(database) ?? new Set();
    loaded.set(database, whole.add(work));
  };
  const openLoad = async (request: LoadRequest, options: LoadOptions = {}): Promise<Load> => {
    const load = await inner.openLoad(request, options);
    const database = databaseName(request);
    const { sharing } = options;
    if (!sharing) throw new Error('its loads are shared');
    const chunks = chunksOf(size());
    const standing = async () =>
      new Map(
        chunks.map(({ number, rows, work }) => [number, standingOf(rows, loaded.get(database)?.has(work))]),
      );
    const round = async (kind: LoadChunk['kind']) => {
      const startedAt = performance.now();
      const own: SharedRound = {
        kind,
        chunks: chunks.filter((chunk) => chunk.kind === kind),
        plan: '',
        before: { rows: 0, bytes: 0 },
        standing,
        load: ({ work }) => fill(database, work),
      };
      await sharing.run(own);
      seconds += (performance.now() - startedAt) / 1000;
    };
    seconds = 0;
    return {
      ...load,
      chunks: chunks.length,
      nodes: () => round('nodes'),
      relationships: () => round('relationships'),
    };
  };
  return {
    ...inner,
    get seconds() {
      return seconds;
    },
    openLoad,
    chunkLoader: () => ({
      load: (task) => fill(databaseName(task), task.work),
      close: async () => {},
    }),
  };
}

function standingOf(rows: number, whole = false): ChunkStanding {
  return { rows: whole ? rows : 0, whole };
}

function chunksOf({ chunks, batchesAChunk }: SlowLoad): LoadChunk[] {
  return Array.from({ length: chunks }, (_, number) => ({
    number,
    kind: number < chunks / 2 ? 'nodes' : 'relationships',
    name: number < chunks / 2 ? 'Person' : 'KNOWS',
    rows: batchesAChunk,
    bytes: 1,
    files: [],
    work: String(number),
  }));
}
