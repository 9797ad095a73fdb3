/**
 * The status file. One producer at a time writes it, the one that holds a lease in Redis; the others stand by and
 * take over when it is silent. While Redis does not answer nothing is written: an old file says so.
 */

import { access, constants, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { within } from '../platform/deadline.ts';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';
import { VERSION } from '../platform/version.ts';
import type { Lease } from '../queue/lease.ts';
import type { Status, StatusWord } from './status.ts';

export interface StatusFileOptions {
  /** Absolute. */
  readonly path: string;
  /** Name of this process. */
  readonly instance: string;
  readonly lease: Lease;
  readonly read: (status: StatusWord) => Promise<Status>;
  readonly clock: Clock;
  readonly log: Logger;
}

const WRITE_EVERY_MS = 5000;
const LOOK_EVERY_MS = 2500;
/**
 * With looks every 2.5 s a file is at most 14.5 s old when another producer takes it over from a killed one: 5 s since
 * the last write, 7 s until the lease is over, 2.5 s until the next look.
 */
export const STATUS_LEASE_MS = 7000;
/** What a stopping process waits for Redis before it goes by what it knew last. */
const LAST_WORD_MS = 2000;

export class StatusFile implements Service {
  readonly #options: StatusFileOptions;
  #word: StatusWord = 'running';
  #cancel: (() => void) | undefined;
  #look: Promise<void> = Promise.resolve();
  #holds = false;
  #writtenAt = 0;
  #writes = 0;
  #last: Status | undefined;
  #problem: string | undefined;

  constructor(options: StatusFileOptions) {
    this.#options = options;
  }

  /** Makes the file's directory where that alone is missing. @throws CONFIG_INVALID when it cannot be written to */
  async start(): Promise<void> {
    if (this.#cancel) return;
    const directory = dirname(this.#options.path);
    try {
      // One level: the recursive form of Node spins for ever in /proc, and a misspelt path is better refused than made.
      await mkdir(directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
      // The dot, so that a file in its place is refused too.
      await access(`${directory}/.`, constants.W_OK);
    } catch (cause) {
      const message = `orchestrator.status_file is ${this.#options.path}: ${messageOf(cause)}; it must lie in a directory that the producer can write to`;
      throw new GraphshiftError('CONFIG_INVALID', message, { cause });
    }
    await this.#lookNow();
    this.#cancel = this.#options.clock.every(LOOK_EVERY_MS, () => this.#lookNow());
  }

  /** Says `stopping` at once, and goes on saying it every 5 s. */
  async quiesce(): Promise<void> {
    await this.#say('stopping');
  }

  /** Says `stopped`, and leaves the file to another producer. */
  async stop(): Promise<void> {
    if (!this.#cancel) return;
    this.#cancel();
    this.#cancel = undefined;
    await this.#say('stopped');
    if (!this.#holds) return;
    this.#holds = false;
    const { clock, lease } = this.#options;
    await within(clock, LAST_WORD_MS, lease.release()).catch(() => {});
  }

  async #say(word: StatusWord): Promise<void> {
    this.#word = word;
    this.#writtenAt = 0;
    await within(this.#options.clock, LAST_WORD_MS, this.#look);
    const heard = await within(this.#options.clock, LAST_WORD_MS, this.#lookNow());
    if (heard !== 'late' || !this.#holds || !this.#last) return;
    const updated_at = new Date(this.#options.clock.now()).toISOString();
    await this.#write({ ...this.#last, status: word, updated_at }).catch((error) => this.#complain(error));
  }

  #lookNow(): Promise<void> {
    this.#look = this.#lookOnce();
    return this.#look;
  }

  async #lookOnce(): Promise<void> {
    const { lease, read, clock, log } = this.#options;
    try {
      const held = await lease.take();
      if (held && !this.#holds) log.info(`writes the status file ${this.#options.path}`);
      this.#holds = held;
      const now = clock.now();
      // A look comes a little early or late; half of one is as good as there.
      if (!held || Math.abs(now - this.#writtenAt) < WRITE_EVERY_MS - LOOK_EVERY_MS / 2) return;
      const word = this.#word;
      this.#last = await read(word);
      // What took so long that it is not true any more is not written over what is.
      if (word !== this.#word) return;
      await this.#write(this.#last);
      this.#writtenAt = now;
      this.#problem = undefined;
    } catch (error) {
      this.#complain(error);
    }
  }

  /** Once for each problem: the next look is seconds away. */
  #complain(error: unknown): void {
    const message = messageOf(error);
    if (message !== this.#problem) this.#options.log.warn({ err: error }, `status file: ${message}`);
    this.#problem = message;
  }

  /** Readers see the file before or the file after, never a half. */
  async #write(status: Status): Promise<void> {
    const { path, instance } = this.#options;
    const content = { ...status, instance, host: hostname(), pid: process.pid, version: VERSION };
    // Two looks may overlap when the process stops: each write has a name of its own.
    this.#writes += 1;
    const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${this.#writes}.tmp`);
    try {
      await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}
