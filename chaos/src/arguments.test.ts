import { expect, it } from 'vitest';
import { parseChaosArguments } from './arguments.ts';
import { FAULT_KINDS } from './faults.ts';

it('runs two minutes of everything by default, by a seed of chance', () => {
  expect(parseChaosArguments([], 42)).toEqual({
    command: 'suite',
    store: 'embedded',
    minutes: 2,
    faults: Number.MAX_SAFE_INTEGER,
    seed: 42,
    kinds: FAULT_KINDS,
    points: undefined,
    sin: undefined,
    restMs: 120_000,
  });
});

it('ends by the number of faults where that is given', () => {
  const asked = parseChaosArguments(['--faults', '500', '--seed', '7', '--kinds', 'kill,flush'], 42);
  expect(asked).toMatchObject({ faults: 500, seed: 7, kinds: ['kill', 'flush'] });
  expect(asked.command === 'suite' && asked.minutes).toBeGreaterThan(60);
});

it('measures 200 kills by default', () => {
  expect(parseChaosArguments(['redistribution'], 1)).toEqual({
    command: 'redistribution',
    kills: 200,
    atOnce: 20,
  });
});

it.each([
  [['--minutes', 'ten'], '--minutes is "ten"; it may be a number of at least 0'],
  [['--seed', '-1'], '--seed'],
  [['--sin', 'pride'], '--sin is "pride"; it may be fence, sweep, switch'],
  [['--kinds', 'kill,flood'], '--kinds is "flood"; it may be kill, '],
  [['--store', 'paper'], '--store is "paper"; it may be embedded, neo4j'],
  [['--store', 'neo4j', '--sin', 'switch'], 'that sin is for the embedded store alone'],
  [['destroy'], 'there is no command "destroy"; it may be redistribution, or none'],
  [['--colour'], "Unknown option '--colour'"],
])('refuses %j with one line', (values, message) => {
  expect(() => parseChaosArguments(values, 1)).toThrow(message);
});
