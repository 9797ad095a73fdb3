import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { GraphshiftError } from '../platform/errors.ts';

/** Lua files beside this module; the number in a file's name is its count of keys. */
export const SCRIPTS = [
  'discover-2',
  'claim-2',
  'transition-3',
  'note-1',
  'restore-2',
  'forget-2',
  'choose-head-1',
  'raise-epoch-1',
  'publish-reading-3',
  'beat-2',
  'mark-instance-2',
  'release-2',
  'keep-recovery-3',
  'take-lease-1',
  'release-lease-1',
  'export-audit-2',
  'mend-lists-2',
  'mend-customer-1',
  'free-room-1',
  'learn-1',
  'open-ledger-2',
  'look-at-ledger-2',
  'offer-chunks-2',
  'take-chunk-2',
  'keep-chunk-2',
  'end-chunk-2',
  'close-ledger-1',
] as const;

export type ScriptName = (typeof SCRIPTS)[number];

/** The text of a script with its `--- @include` lines resolved. */
export function scriptText(name: string): string {
  const text = readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
  return text.replace(/^--- @include "(\w+)"$/gm, (_, included: string) => scriptText(included));
}

export type RunScript = (name: ScriptName, keys: string[], values: (string | number)[]) => Promise<unknown>;

/** Registers every script on the connection; ioredis sends EVALSHA, and EVAL where the server forgot it. */
export function defineScripts(redis: Redis): RunScript {
  for (const name of SCRIPTS) {
    redis.defineCommand(`graphshift:${name}`, {
      numberOfKeys: Number(name.split('-').at(-1)),
      lua: scriptText(name),
    });
  }
  const commands = redis as unknown as Record<
    string,
    ((...values: (string | number)[]) => Promise<unknown>) | undefined
  >;
  return (name, keys, values) => {
    const command = commands[`graphshift:${name}`];
    if (!command) throw new GraphshiftError('INTERNAL', `script ${name} is not defined`);
    return command.call(redis, ...keys, ...values);
  };
}
