import { resolve } from 'node:path';
import {
  type Backend,
  type BackendOptions,
  createLogger,
  type GraphStore,
  type Logger,
  openBackend,
  openConfiguredStore,
  type ReadSettings,
  readSettings,
  systemClock,
} from '@graphshift/core';
import { type Output, toJson } from './output.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly profile?: string;
  readonly redis?: string;
  readonly store?: string;
  readonly json?: boolean;
  readonly logLevel?: string;
}

/** What a command runs in: arguments of the process, its directory, its streams. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  readonly write: (text: string) => void;
  /** Aborts at SIGINT or SIGTERM; the reason is the signal's name. */
  readonly signal: AbortSignal;
  /** Aborts at the second of them: who waits for running work gives it up. */
  readonly hurry?: AbortSignal;
  /** Ends the process at once, whatever it still waits for. */
  readonly exit?: (code: number) => void;
}

/** One run of a command: settings read, output chosen. */
export class Session {
  readonly surroundings: Surroundings;
  readonly output: Output;
  readonly read: ReadSettings;
  readonly log: Logger;

  /**
   * @param flags values of the command's own flags, by path of the setting
   * @param quiet false for a process that runs on: it speaks from `info` on, and writes log files
   */
  constructor(
    surroundings: Surroundings,
    options: GlobalOptions,
    flags: Record<string, unknown> = {},
    quiet = true,
  ) {
    this.surroundings = surroundings;
    this.output = { json: options.json === true, write: surroundings.write };
    this.read = readSettings({
      environment: surroundings.environment,
      directory: surroundings.directory,
      file: options.config,
      profile: options.profile,
      flags: {
        'redis.url': options.redis,
        'store.url': options.store,
        'log.level': options.logLevel,
        ...flags,
      },
    });
    // A command that prints keeps quiet about the rest, unless it is asked to speak.
    const { level, files, directory, max_files: maxFiles } = this.read.settings.log;
    this.log = createLogger({
      level: quiet && this.read.sources.get('log.level') === 'default' ? 'warn' : level,
      ...(!quiet &&
        files && {
          files: { directory: resolve(surroundings.directory, directory), maxFiles, clock: systemClock },
        }),
    });
  }

  /** For the log of a long-lived process: what is likely not meant, and what was left at its default. */
  announceSettings(): void {
    const { sources, profile, notes, settings } = this.read;
    for (const note of notes) this.log.warn(note);
    if (profile) this.log.info(`profile ${profile.name} from ${profile.file}`);
    const values = settings as unknown as Record<string, Record<string, unknown>>;
    const left = [...sources].filter(([, source]) => source === 'default').map(([path]) => path);
    const shown = left.map((path) => {
      const [section = '', key = ''] = path.split('.');
      const value = values[section]?.[key];
      return `${path} ${value === undefined ? 'unset' : typeof value === 'string' ? value : toJson(value)}`;
    });
    this.log.info(`left at their default: ${shown.join(', ')}`);
  }

  /** Opens Redis and the store for one piece of work, and closes them whatever comes of it. */
  async withBackend<Result>(
    work: (backend: Backend) => Promise<Result>,
    needs: Pick<BackendOptions, 'readsSnapshots' | 'anyStore'> = {},
  ): Promise<Result> {
    const backend = await openBackend({
      settings: this.read.settings,
      log: this.log,
      directory: this.surroundings.directory,
      ...needs,
    });
    try {
      return await work(backend);
    } finally {
      await backend.stop();
    }
  }

  /** Opens the graph store alone. */
  async withStore<Result>(work: (store: GraphStore) => Promise<Result>): Promise<Result> {
    const store = await openConfiguredStore(this.read.settings, this.surroundings.directory, this.log);
    // Whoever only reads makes none.
    await store.start({ used: true });
    try {
      return await work(store);
    } finally {
      await store.stop();
    }
  }
}
