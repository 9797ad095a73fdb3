import { parseArgs } from 'node:util';
import { GraphshiftError, messageOf } from '@graphshift/core';

export interface DemoArguments {
  /** Ends by itself, with exit 0 only if every alias answers with the right counts. */
  readonly once: boolean;
  /** How many of the largest states, all of them, or these. */
  readonly states: number | 'all' | readonly string[];
  /** Snapshots a customer, 1 to 6. */
  readonly months: number;
  readonly store: string | undefined;
  /** Of the dashboard; without it 8001, or a free one where that is taken. */
  readonly port: number | undefined;
  readonly workers: number;
}

export const USAGE = `npm run demo -- [--once] [--states all|N|us-ca,us-tx] [--months 1..6] [--workers N] [--port P] [--store URL]`;

/** @throws USAGE with one line */
export function parseDemoArguments(values: readonly string[]): DemoArguments {
  const read = parse(values);
  return {
    once: read.once,
    states: states(read.states),
    months: whole('--months', read.months, 1, 6),
    store: read.store,
    port: read.port === undefined ? undefined : whole('--port', read.port, 1, 65_535),
    workers: whole('--workers', read.workers, 1, 64),
  };
}

function parse(values: readonly string[]) {
  try {
    return parseArgs({
      args: [...values],
      options: {
        once: { type: 'boolean', default: false },
        states: { type: 'string', default: '12' },
        months: { type: 'string', default: '3' },
        store: { type: 'string' },
        port: { type: 'string' },
        workers: { type: 'string', default: '2' },
      },
    }).values;
  } catch (cause) {
    const [line] = messageOf(cause).split(/\. |\n/);
    throw new GraphshiftError('USAGE', `${line}; usage: ${USAGE}`, { cause });
  }
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new GraphshiftError('USAGE', `${name} is ${JSON.stringify(text)}; it must be ${least} to ${most}`);
}

function states(text: string): DemoArguments['states'] {
  if (text === 'all') return 'all';
  if (/^\d+$/.test(text)) return whole('--states', text, 1, 52);
  const customers = [...new Set(text.split(','))];
  const wrong = customers.find((customer) => !/^us-[a-z]{2}$/.test(customer));
  if (wrong === undefined) return customers;
  const message = `--states is ${JSON.stringify(text)}; it must be all, a number of 1 to 52, or customers such as us-ca,us-tx`;
  throw new GraphshiftError('USAGE', message);
}
