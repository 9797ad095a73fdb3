/** The command line of the suite. */

import { parseArgs } from 'node:util';
import { GraphshiftError, messageOf } from '@graphshift/core';
import { FAULT_KINDS, FAULT_MEANINGS, type FaultKind } from './faults.ts';
import { STORE_KINDS, type StoreKind } from './target.ts';
import { SINS, type Sin } from './times.ts';

export const USAGE = [
  'pnpm chaos [--minutes N] [--faults N] [--seed S] [--store NAME] [--sin NAME] [--kinds A,B] [--points P,Q] [--rest S]',
  'pnpm chaos redistribution [--kills N] [--at-once N]',
  '  --minutes N    faults end after so many minutes; 2, unless --faults is given',
  '  --faults N     faults end after so many',
  '  --seed S       the same faults again; without it by chance, and printed first',
  '  --store NAME   the graph store: embedded, or neo4j, which needs a JDK and Maven; embedded',
  `  --sin NAME     takes something out that must be missed: ${Object.entries(SINS)
    .map(([name, what]) => `${name} (${what})`)
    .join(', ')}`,
  '  --kinds A,B    these faults alone:',
  ...Object.entries(FAULT_MEANINGS).map(([kind, meaning]) => `      ${kind}: ${meaning}`),
  '  --points P,Q   the step boundaries of kills and freezes, such as cutover.read or "before enqueue"',
  '  --rest S       seconds in which something must change until everything has come to rest; 120',
].join('\n');

export interface ChaosArguments {
  readonly store: StoreKind;
  readonly minutes: number;
  readonly faults: number;
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  readonly points: readonly string[] | undefined;
  readonly sin: Sin | undefined;
  readonly restMs: number;
}

export interface RedistributionArguments {
  readonly kills: number;
  readonly atOnce: number;
}

export type Asked =
  | ({ readonly command: 'suite' } & ChaosArguments)
  | ({ readonly command: 'redistribution' } & RedistributionArguments)
  | { readonly command: 'help' };

const text = { type: 'string' } as const;
const OPTIONS = {
  minutes: text,
  faults: text,
  seed: text,
  store: text,
  sin: text,
  kinds: text,
  points: text,
  rest: text,
  kills: text,
  'at-once': text,
  help: { type: 'boolean' },
} as const;

/** @param chance a seed where none is given @throws USAGE with one line */
export function parseChaosArguments(values: readonly string[], chance: number): Asked {
  const { flags, command } = parse(values);
  if (flags.help) return { command: 'help' };
  if (command === 'redistribution')
    return {
      command,
      kills: number('kills', flags.kills, 200, 1),
      atOnce: number('at-once', flags['at-once'], 20, 1),
    };
  if (command !== undefined)
    throw usage(`there is no command ${JSON.stringify(command)}; it may be redistribution, or none`);
  const faults = number('faults', flags.faults, Number.MAX_SAFE_INTEGER, 1);
  const minutes = number('minutes', flags.minutes, flags.faults === undefined ? 2 : 24 * 60, 0);
  const store = oneOrMore('store', flags.store, STORE_KINDS)?.[0] ?? 'embedded';
  const sin = oneOrMore('sin', flags.sin, Object.keys(SINS) as Sin[])?.[0];
  if (sin === 'switch' && store !== 'embedded')
    throw usage('--sin is "switch" and --store "neo4j"; that sin is for the embedded store alone');
  return {
    command: 'suite',
    store,
    minutes,
    faults,
    seed: number('seed', flags.seed, chance, 0),
    kinds: oneOrMore('kinds', flags.kinds, FAULT_KINDS) ?? FAULT_KINDS,
    points: flags.points?.split(',').map((point) => point.trim()),
    sin,
    restMs: number('rest', flags.rest, 120, 1) * 1000,
  };
}

function parse(values: readonly string[]) {
  try {
    const { values: flags, positionals } = parseArgs({
      args: [...values],
      options: OPTIONS,
      allowPositionals: true,
    });
    return { flags, command: positionals[0] };
  } catch (error) {
    throw usage(messageOf(error).split('. ')[0] ?? 'wrong arguments');
  }
}

function number(name: string, given: string | undefined, fallback: number, least: number): number {
  if (given === undefined) return fallback;
  const value = Number(given);
  if (/^\d+(\.\d+)?$/.test(given) && value >= least) return value;
  throw usage(`--${name} is ${JSON.stringify(given)}; it may be a number of at least ${least}`);
}

function oneOrMore<Name extends string>(
  flag: string,
  given: string | undefined,
  known: readonly Name[],
): Name[] | undefined {
  return given?.split(',').map((name) => {
    const found = known.find((one) => one === name.trim());
    if (found) return found;
    throw usage(`--${flag} is ${JSON.stringify(name)}; it may be ${known.join(', ')}`);
  });
}

function usage(message: string): GraphshiftError {
  return new GraphshiftError('USAGE', message);
}
