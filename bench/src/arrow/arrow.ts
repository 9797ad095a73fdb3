import type { Benchmark } from '../benchmark.ts';
import { imports } from './imports.ts';
import { memory } from './memory.ts';
import { put } from './put.ts';

/** Loads over Arrow Flight, in parts that run one after the other or singly. */
export const ARROW: readonly Benchmark[] = [put, imports, memory];
