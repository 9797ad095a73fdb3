import type { Benchmark } from './benchmark.ts';

/** In the order in which they run and print. */
export const BENCHMARKS: readonly Benchmark[] = [];
