/**
 * Log files of long-lived processes: `graphshift_YYYYMMDD_HHMMSS.log` (UTC), one process a file. Lines are written
 * before the call returns, so that nothing is lost at exit. A disk that takes nothing costs lines in the file, never
 * the process: they are counted, and stand on the console all the same.
 */

import {
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import { GraphshiftError, messageOf } from './errors.ts';

export interface LogFileOptions {
  /** Absolute; made where it is missing. */
  readonly directory: string;
  /** Files kept, this process's among them; the ones written to least recently go. */
  readonly maxFiles: number;
  readonly clock: Clock;
  /** Size after which a process goes on in a new file. @default 100 MiB */
  readonly maxBytes?: number;
}

const MAX_BYTES = 100 * 1024 * 1024;
const NAME = /^graphshift_\d{8}_\d{6}(_\d+)?\.log$/;
/** How often a writer looks whether its file still has a name: somebody else's clean-up may have taken it. */
const LOOK_EVERY_MS = 1000;
const MOST_IN_ONE_SECOND = 1000;

/** One process's log, over as many files as it takes. */
export class LogFile {
  /** Told once when lines begin to get lost, and once when they stop to. */
  onProblem: (message: string) => void = () => {};
  readonly #options: LogFileOptions;
  #file: { readonly descriptor: number; readonly path: string } | undefined;
  #bytes = 0;
  #lookedAt = 0;
  #lost = 0;
  /** Part of a line was written before the disk was full. */
  #torn = false;

  /** @throws CONFIG_INVALID when no file can be made there */
  constructor(options: LogFileOptions) {
    this.#options = options;
    try {
      this.#open();
    } catch (cause) {
      throw new GraphshiftError(
        'CONFIG_INVALID',
        `log.directory: no log file can be made in ${options.directory}: ${messageOf(cause)}; name a directory that can be written to (GRAPHSHIFT_LOG_DIRECTORY), or set log.files to false (GRAPHSHIFT_LOG_FILES)`,
        { cause },
      );
    }
  }

  /** The file that is written to; undefined while none can be. */
  get path(): string | undefined {
    return this.#file?.path;
  }

  /** Takes one line, with its end. Never throws. */
  write(line: string): void {
    try {
      this.#makeReady();
      this.#append(line);
    } catch (error) {
      this.#lost++;
      // Counted first: what tells of the loss is a line itself, and comes back here.
      if (this.#lost === 1) this.onProblem(`log file: lines get lost: ${messageOf(error)}`);
    }
  }

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file) closeSync(file.descriptor);
  }

  #makeReady(): void {
    const { clock, maxBytes = MAX_BYTES } = this.#options;
    const now = clock.now();
    if (this.#file && Math.abs(now - this.#lookedAt) >= LOOK_EVERY_MS) {
      this.#lookedAt = now;
      if (fstatSync(this.#file.descriptor).nlink === 0) this.close();
    }
    if (this.#file && this.#bytes >= maxBytes) this.close();
    if (!this.#file) this.#open();
  }

  #append(line: string): void {
    const descriptor = this.#file?.descriptor;
    if (descriptor === undefined) return;
    const rest = Buffer.from(this.#torn ? `\n${line}` : line);
    for (let at = 0; at < rest.length; ) {
      const written = writeSync(descriptor, rest, at);
      this.#torn = at + written < rest.length;
      this.#bytes += written;
      at += written;
    }
    if (this.#lost === 0) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.onProblem(`log file: ${lost} lines were lost; it is written to again`);
  }

  /** Two processes that begin in one second get two files: a name is taken by whoever makes it. */
  #open(): void {
    const { directory, clock, maxFiles } = this.#options;
    mkdirSync(directory, { recursive: true });
    const stem = `graphshift_${stamp(clock.now())}`;
    for (let attempt = 1; ; attempt++) {
      const path = join(directory, attempt === 1 ? `${stem}.log` : `${stem}_${attempt}.log`);
      try {
        this.#file = { descriptor: openSync(path, 'ax'), path };
        break;
      } catch (error) {
        const taken = error instanceof Error && 'code' in error && error.code === 'EEXIST';
        if (!taken || attempt >= MOST_IN_ONE_SECOND) throw error;
      }
    }
    this.#bytes = 0;
    this.#torn = false;
    this.#lookedAt = clock.now();
    removeOldest(directory, maxFiles, this.#file.path);
  }
}

/** `20010201_000000` for an instant. */
function stamp(at: number): string {
  const [date = '', time = ''] = new Date(at).toISOString().slice(0, 19).split('T');
  return `${date.replaceAll('-', '')}_${time.replaceAll(':', '')}`;
}

/** By the last write rather than the name: the file of a process that has run for months is no old file. */
function removeOldest(directory: string, keep: number, own: string): void {
  const others = readdirSync(directory)
    .filter((name) => NAME.test(name))
    .map((name) => join(directory, name))
    .filter((path) => path !== own)
    .flatMap((path) => {
      const status = lstatSync(path, { throwIfNoEntry: false });
      return status?.isFile() ? [{ path, writtenAt: status.mtimeMs }] : [];
    })
    .sort((a, b) => b.writtenAt - a.writtenAt || (a.path < b.path ? 1 : -1));
  // Forced: another process may be removing the same ones.
  for (const { path } of others.slice(keep - 1)) rmSync(path, { force: true });
}
