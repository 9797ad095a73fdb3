/**
 * What a load will take of disk, memory and time, from the sizes that the footers tell: first values from measured
 * loads, times what earlier loads of this store and size have shown.
 */

import type { SnapshotSize } from '../snapshot-source/footer-sizes.ts';

export const MEASURES = ['disk', 'memory', 'seconds'] as const;
export type Measure = (typeof MEASURES)[number];

/** Bytes and seconds. A measure that the store does not tell is left out. */
export type Figures = {
  readonly memory: number;
  readonly seconds: number;
  readonly disk?: number | undefined;
};

/** Outcome through first value, of earlier loads; 1 where there is nothing to go by. */
export type Factors = Readonly<Record<Measure, number>>;

export const FIRST_FACTORS: Factors = { disk: 1, memory: 1, seconds: 1 };
/** Beyond these it is the first value that is wrong, or a load that is like no other. */
export const LEAST_FACTOR = 0.1;
export const MOST_FACTOR = 10;

export interface Estimate extends Figures {
  /** Bytes that the store's disk holds beside the database while it is built. */
  readonly scratch?: number | undefined;
  readonly rows: number;
  /** Bytes of the values in the files, uncompressed. */
  readonly content: number;
  /** By which the first values were multiplied. */
  readonly factors: Factors;
}

/** What the first values are of, by the store's kind. */
export interface Loader {
  readonly kind: string;
  /** Of one loading process, in bytes. */
  readonly memoryLimit: number;
}

type FirstValues = (size: SnapshotSize, loader: Loader) => Figures & { readonly scratch?: number };

const MIB = 2 ** 20;

const FIRST_VALUES: Readonly<Record<string, FirstValues>> = { embedded, neo4j };

/** Whether loads into stores of this kind have been measured. */
export function hasEstimates(kind: string): boolean {
  return Object.hasOwn(FIRST_VALUES, kind);
}

/**
 * @param factors what was learned for this store and size
 * @returns undefined for a store whose loads nobody has measured
 */
export function estimateLoad(
  size: SnapshotSize,
  loader: Loader,
  factors: Factors = FIRST_FACTORS,
): Estimate | undefined {
  const first = FIRST_VALUES[loader.kind]?.(size, loader);
  if (!first) return undefined;
  const rows = size.nodes.rows + size.relationships.rows;
  return withFactors({ ...first, rows, content: contentOf(size), factors: FIRST_FACTORS }, factors);
}

/** The same estimate by what was learned meanwhile. */
export function withFactors(estimate: Estimate, factors: Factors): Estimate {
  const again = (measure: Measure) =>
    tidy(measure, ((estimate[measure] ?? 0) / estimate.factors[measure]) * factors[measure]);
  return {
    ...estimate,
    memory: again('memory'),
    seconds: again('seconds'),
    ...(estimate.disk !== undefined && { disk: again('disk') }),
    factors,
  };
}

/** Outcome through first value, for each measure that both have. */
export function observedFactors(estimate: Estimate, outcome: Figures): Partial<Factors> {
  const seen: Partial<Record<Measure, number>> = {};
  for (const measure of MEASURES) {
    const [expected, found] = [estimate[measure], outcome[measure]];
    if (expected === undefined || found === undefined || !(expected > 0) || !(found > 0)) continue;
    seen[measure] = (found / expected) * estimate.factors[measure];
  }
  return seen;
}

/** Loads of one class are alike in size, by the power of ten of their content: 1 MB to 1 TB, below and above. */
export function sizeClass(content: number): number {
  return Math.min(12, Math.max(5, Math.floor(Math.log10(Math.max(1, content)))));
}

export const SIZE_CLASSES = 8;

/** Seconds to a tenth: nobody knows them better, and the record is short. */
function tidy(measure: Measure, value: number): number {
  return measure === 'seconds' ? Math.round(value * 10) / 10 : Math.round(value);
}

function contentOf({ nodes, relationships }: SnapshotSize): number {
  return nodes.content + relationships.content;
}

/**
 * Measured on LadybugDB 0.19.1 and DuckDB 1.5.6 with seven shapes of 150 to 2,000,000 rows (docs/capacity.md): a node
 * takes 45 bytes beside its values, for its place and its key in the index; a relationship is stored from both its ends.
 * With a float among them no relationship is compressed. What is rewritten for a table stands beside the graph.
 */
function embedded(size: SnapshotSize, { memoryLimit }: Loader): ReturnType<FirstValues> {
  const { nodes, relationships } = size;
  const plain = relationships.floats;
  const links = relationships.rows * (plain ? 60 : 10) + relationships.properties * (plain ? 2 : 1.2);
  const rows = nodes.rows + relationships.rows;
  return {
    disk: Math.round(0.5 * MIB + nodes.rows * 45 + nodes.content * 0.9 + links),
    // Arrow files are decoded first, and stay so until the load is over.
    scratch: Math.round(size.largest + size.arrowBytes),
    // Their buffers together may take 0.8 of the limit; little content fills little of them.
    memory: Math.round(220 * MIB + memoryLimit * 0.45 * filled(contentOf(size), 60 * MIB)),
    seconds: 1.5 + rows / 250_000 + contentOf(size) / (60 * MIB),
  };
}

/**
 * Over Bolt. The server tells neither its disk nor what a database takes of it; the loading process holds a few batches
 * and a DuckDB of 80 MiB, whatever the snapshot's size.
 */
function neo4j(size: SnapshotSize): ReturnType<FirstValues> {
  const rows = size.nodes.rows + size.relationships.rows;
  return {
    memory: Math.round(MIB * (180 + 120 * filled(contentOf(size), 60 * MIB))),
    seconds: 3 + rows / 20_000,
  };
}

/** How full a buffer of a fixed size gets: nearly by as much as comes at first, and never over. */
function filled(content: number, scale: number): number {
  return 1 - Math.exp(-content / scale);
}
