/** The shape of a benchmark, and of what it found. */

export interface Size {
  /** What is counted, for the usage line. */
  readonly says: string;
  readonly default: number;
  /** @default 1 */
  readonly least?: number;
}

export interface Benchmark {
  readonly name: string;
  /** Where several share a name and are run as one, or singly by `--part`. */
  readonly part?: string;
  /** What is measured beside what, in one or two sentences; stands above its figures. */
  readonly about: string;
  /** Sizes that may be given as `--<name> N`; every benchmark has its own names. */
  readonly sizes: Readonly<Record<string, Size>>;
  /** How often subject and reference are measured, in turns, unless `--repetitions` says otherwise. */
  readonly repetitions: number;
  run(context: BenchContext): Promise<BenchResult>;
}

/** The name that stands above its figures. */
export function titleOf({ name, part }: Benchmark): string {
  return part === undefined ? name : `${name} ${part}`;
}

export interface BenchContext {
  /** A value for each of the benchmark's sizes. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly repetitions: number;
  /** An empty directory of this benchmark's own; it is removed after the run. */
  readonly directory: string;
  /** Of the process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborts when the run is interrupted. */
  readonly signal: AbortSignal;
  /** One line of progress on standard error. */
  say(line: string): void;
}

export interface BenchResult {
  /** Head of the columns, such as `Graphshift` and `raw BullMQ`. */
  readonly subject: string;
  readonly reference: string;
  readonly rows: readonly Row[];
  /** How it was measured and why the reference is fair, one sentence or paragraph each. */
  readonly notes: readonly string[];
}

export interface Row {
  /** What was measured, such as `CPU a deployment`. */
  readonly what: string;
  readonly unit: string;
  /** One value a repetition. */
  readonly values: readonly number[];
  /** The reference's values of the same repetitions, in the same order; left out where nothing is comparable. */
  readonly reference?: readonly number[];
  /** `ratio` is the subject's median over the reference's. */
  readonly target?: Target;
}

export type Target = { readonly of: 'ratio' | 'median' } & (
  | { readonly atMost: number }
  | { readonly atLeast: number }
);
