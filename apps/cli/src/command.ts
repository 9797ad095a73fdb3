import { Command } from 'commander';
import type { GlobalOptions, Surroundings } from './session.ts';

/** A command's action: the options of all levels together, its arguments, and where it runs; answers the exit code. */
export type Action<Options> = (
  options: Options & GlobalOptions,
  surroundings: Surroundings,
  ...values: string[]
) => Promise<number>;

/** What each command adds itself to. */
export interface Registry {
  readonly program: Command;
  readonly surroundings: Surroundings;
  readonly finish: (exitCode: number) => void;
}

/** A command with the options that all take. */
export function makeCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--config <FILE>', 'configuration file (default: graphshift.config.yaml where there is one)')
    .option('--profile <NAME>', 'production, high-volume, conservative, or a path to a file like one')
    .option('--redis <URL>', 'Redis (default: redis.url of the configuration)')
    .option('--store <URL>', 'graph store, such as embedded:DIR (default: store.url of the configuration)')
    .option('--log-level <LEVEL>', 'debug, info, warn, error or silent')
    .option('--json', 'print one JSON document and nothing else');
}

export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  graphshift ${line}`).join('\n')}\n`;
}

/** Binds an action: commander hands arguments first, then options, then the command. */
export function act<Options>(command: Command, registry: Registry, action: Action<Options>): Command {
  return command.action(async (...received: unknown[]) => {
    const self = received.at(-1) as Command;
    const values = received.slice(0, -2).filter((value) => value !== undefined) as string[];
    const options = self.optsWithGlobals<Options & GlobalOptions>();
    registry.finish(await action(options, registry.surroundings, ...values));
  });
}
