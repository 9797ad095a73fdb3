import type { Benchmark } from './benchmark.ts';
import { load } from './load/load.ts';
import { queue } from './queue/queue.ts';

/** In the order in which they run and print. */
export const BENCHMARKS: readonly Benchmark[] = [queue, load];
