import { describe, expect, it } from 'vitest';
import { parseBenchArguments } from './arguments.ts';
import { titleOf } from './benchmark.ts';
import { BENCHMARKS } from './benchmarks.ts';

const RESULTS = 'bench/RESULTS.md';
const parse = (...values: string[]) => parseBenchArguments(values, BENCHMARKS, RESULTS);
const message = (...values: string[]) => {
  try {
    parse(...values);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return undefined;
};

describe('arguments', () => {
  it('name the benchmarks that run; without a name all do', () => {
    expect(parse('load').benchmarks.map(({ name }) => name)).toEqual(['load']);
    expect(parse().benchmarks).toEqual(BENCHMARKS);
  });

  it('keep the results of a run as it is by default, others only where asked', () => {
    expect(parse('queue').results).toBe(RESULTS);
    expect(parse('queue', '--deployments', '10').results).toBeUndefined();
    expect(parse('queue', '--repetitions', '2').results).toBeUndefined();
    expect(parse('queue', '--deployments', '10', '--results', 'x.md').results).toBe('x.md');
    expect(parse('queue', '--no-results').results).toBeUndefined();
  });

  it('name one part of a benchmark that has several', () => {
    expect(parse('arrow', '--part', 'put').benchmarks.map(titleOf)).toEqual(['arrow put']);
    expect(parse('--part', 'put').benchmarks.map(titleOf)).toEqual(['arrow put']);
    expect(message('arrow', '--part', 'get')).toMatch(/^there is no part "get"; there are arrow put, /);
    expect(message('load', '--part', 'put')).toBe('there is no part "put"; none of them has parts');
  });

  it('that cannot be are refused in one line', () => {
    expect(message('quue')).toMatch(/^there is no benchmark "quue"; it may be /);
    expect(message('queue', '--latencies', '0')).toBe(
      '--latencies is "0"; it must be a whole number from 1 on',
    );
    expect(message('load', '--latencies', '5')).toBe('--latencies is no size of load; it may be --nodes');
    expect(message('--speed', '9')).toMatch(/^Unknown option '--speed'\npnpm bench \[/);
  });
});
