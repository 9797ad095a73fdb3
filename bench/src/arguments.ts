import { parseArgs } from 'node:util';
import { GraphshiftError, messageOf } from '@graphshift/core';
import { type Benchmark, titleOf } from './benchmark.ts';

export interface BenchArguments {
  readonly benchmarks: readonly Benchmark[];
  /** Of those benchmarks, by name; what was not given has its default. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Undefined leaves it to each benchmark. */
  readonly repetitions: number | undefined;
  /** The file whose sections are replaced; undefined keeps nothing. */
  readonly results: string | undefined;
  readonly json: boolean;
}

export function usageOf(benchmarks: readonly Benchmark[]): string {
  const lines = benchmarks.flatMap((benchmark) => [
    `  ${titleOf(benchmark)}: ${benchmark.about} (${benchmark.repetitions} repetitions)`,
    ...Object.entries(benchmark.sizes).map(
      ([size, { says, default: value }]) => `    --${size} N  ${says}; ${value}`,
    ),
  ]);
  return [
    `pnpm bench [${namesOf(benchmarks).join('|')} …] [--part NAME] [--repetitions N] [--results FILE | --no-results] [--json]`,
    ...lines,
  ].join('\n');
}

/**
 * Without names all benchmarks are taken. Results are kept only for a run as it is by default, unless `--results` asks for it.
 * @param defaultResults the file for results of default sizes
 * @throws USAGE with one line
 */
export function parseBenchArguments(
  values: readonly string[],
  known: readonly Benchmark[],
  defaultResults: string,
): BenchArguments {
  const { values: flags, positionals } = parse(values, known);
  const unknown = positionals.find((name) => !known.some((benchmark) => benchmark.name === name));
  if (unknown !== undefined) {
    throw new GraphshiftError(
      'USAGE',
      `there is no benchmark ${JSON.stringify(unknown)}; it may be ${namesOf(known).join(', ')}`,
    );
  }
  const named = known.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const benchmarks = onlyPart(named, flags.part);
  const given = (name: string, least = 1) => {
    const value = flags[name];
    return typeof value === 'string' ? whole(`--${name}`, value, least) : undefined;
  };
  refuseForeign(flags, benchmarks);
  const repetitions = given('repetitions');
  const sizes: Record<string, number> = {};
  let ordinary = repetitions === undefined;
  for (const [name, size] of benchmarks.flatMap((benchmark) => Object.entries(benchmark.sizes))) {
    sizes[name] = given(name, size.least) ?? size.default;
    ordinary &&= sizes[name] === size.default;
  }
  const results = typeof flags.results === 'string' ? flags.results : ordinary ? defaultResults : undefined;
  return {
    benchmarks,
    sizes,
    repetitions,
    results: flags['no-results'] === true ? undefined : results,
    json: flags.json === true,
  };
}

function namesOf(benchmarks: readonly Benchmark[]): string[] {
  return [...new Set(benchmarks.map(({ name }) => name))];
}

/** @throws USAGE for a part that none of them has */
function onlyPart(benchmarks: readonly Benchmark[], asked: unknown): readonly Benchmark[] {
  if (typeof asked !== 'string') return benchmarks;
  const found = benchmarks.filter(({ part }) => part === asked);
  if (found.length > 0) return found;
  const parts = benchmarks.flatMap((benchmark) => (benchmark.part === undefined ? [] : [titleOf(benchmark)]));
  const names = parts.length === 0 ? 'none of them has parts' : `there are ${parts.join(', ')}`;
  throw new GraphshiftError('USAGE', `there is no part ${JSON.stringify(asked)}; ${names}`);
}

/** @throws USAGE for a size of a benchmark that does not run */
function refuseForeign(flags: Parsed['values'], benchmarks: readonly Benchmark[]): void {
  const own = benchmarks.flatMap(({ sizes }) => Object.keys(sizes));
  const known = ['part', 'repetitions', 'results', 'no-results', 'json', ...own];
  const foreign = Object.keys(flags).find((name) => !known.includes(name));
  if (foreign === undefined) return;
  const names = benchmarks.map(titleOf).join(', ');
  throw new GraphshiftError('USAGE', `--${foreign} is no size of ${names}; it may be --${own.join(', --')}`);
}

interface Parsed {
  readonly values: Readonly<Record<string, unknown>>;
  readonly positionals: readonly string[];
}

function parse(values: readonly string[], known: readonly Benchmark[]): Parsed {
  const sizes = known.flatMap((benchmark) => Object.keys(benchmark.sizes));
  const texts = ['part', 'repetitions', 'results', ...sizes].map(
    (name) => [name, { type: 'string' }] as const,
  );
  const switches = ['json', 'no-results'].map((name) => [name, { type: 'boolean' }] as const);
  try {
    return parseArgs({
      args: values.filter((value) => value !== '--'),
      allowPositionals: true,
      options: Object.fromEntries([...texts, ...switches]),
    });
  } catch (cause) {
    const [line] = messageOf(cause).split(/\. |\n/);
    throw new GraphshiftError('USAGE', `${line}\n${usageOf(known)}`, { cause });
  }
}

function whole(name: string, text: string, least: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : -1;
  if (value >= least) return value;
  throw new GraphshiftError(
    'USAGE',
    `${name} is ${JSON.stringify(text)}; it must be a whole number from ${least} on`,
  );
}
