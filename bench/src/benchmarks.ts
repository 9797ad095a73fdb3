import { ARROW } from './arrow/arrow.ts';
import type { Benchmark } from './benchmark.ts';
import { chunks } from './chunks/chunks.ts';
import { load } from './load/load.ts';
import { neo4j } from './neo4j/neo4j.ts';
import { queue } from './queue/queue.ts';
import { scan } from './scan/scan.ts';

/** In the order in which they run and print. */
export const BENCHMARKS: readonly Benchmark[] = [scan, queue, load, neo4j, chunks, ...ARROW];
