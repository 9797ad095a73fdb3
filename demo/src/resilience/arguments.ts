import { parseArgs } from 'node:util';
import { GraphshiftError, messageOf } from '@graphshift/core';

export interface ResilienceArguments {
  /** Shorter times and a smaller load: less to see, and half as long. */
  readonly quick: boolean;
  readonly help: boolean;
}

export const USAGE = `npm run demo:resilience [-- --quick]

Breaks an installation of its own and shows how it mends: a breaker opens and closes, a worker is killed and recovered,
health goes down to EMERGENCY and back. It takes about a minute, and needs nothing but a Redis, which it starts itself.

  --quick   shorter times and a smaller load: half as long`;

/** @throws USAGE with one line */
export function parseResilienceArguments(values: readonly string[]): ResilienceArguments {
  try {
    const options = {
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    } as const;
    return parseArgs({ args: [...values], options }).values;
  } catch (cause) {
    const [line] = messageOf(cause).split(/\. |\n/);
    const [usage] = USAGE.split('\n');
    throw new GraphshiftError('USAGE', `${line}; usage: ${usage}`, { cause });
  }
}
