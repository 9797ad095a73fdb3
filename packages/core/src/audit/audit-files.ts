/**
 * The audit stream kept as files, `audit-YYYY-MM-DD.jsonl`: one entry a line, by the day (UTC) on which Redis took it.
 * A line may stand there twice where a writer was lost between writing and saying so; readers tell by `entryKey`.
 */

import { createReadStream } from 'node:fs';
import { access, constants, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { Clock } from '../platform/clock.ts';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import { type AuditEntry, addedAt, compareStreamIds } from '../queue/audit-stream.ts';

export interface AuditFilesOptions {
  /** Absolute; made where it is missing. */
  readonly directory: string;
  /** Days that files are kept. */
  readonly maxDays: number;
  readonly clock: Clock;
}

const NAME = /^audit-(\d{4}-\d{2}-\d{2})\.jsonl$/;
const DAY_MS = 24 * 3600 * 1000;

const line = z.object({
  id: z.string().regex(/^\d+-\d+$/),
  at: z.iso.datetime().transform((text) => Date.parse(text)),
  deployment: z.string(),
  from: z.string(),
  to: z.string(),
  run: z.number(),
  holder: z.string(),
  detail: z.string(),
});

export class AuditFiles {
  readonly #options: AuditFilesOptions;

  constructor(options: AuditFilesOptions) {
    this.#options = options;
  }

  /** @throws CONFIG_INVALID when files cannot be written there */
  async prepare(): Promise<void> {
    const { directory } = this.#options;
    try {
      await mkdir(directory, { recursive: true });
      await access(directory, constants.W_OK);
    } catch (cause) {
      const message = `audit.directory: no audit file can be made in ${directory}: ${messageOf(cause)}; name a directory that can be written to (GRAPHSHIFT_AUDIT_DIRECTORY)`;
      throw new GraphshiftError('CONFIG_INVALID', message, { cause });
    }
  }

  /** Appends entries in their order, and returns when they are on disk. */
  async append(entries: readonly AuditEntry[]): Promise<void> {
    const days = new Map<string, AuditEntry[]>();
    for (const entry of entries) {
      const day = dayOf(addedAt(entry.id));
      const ofDay = days.get(day) ?? [];
      ofDay.push(entry);
      days.set(day, ofDay);
    }
    for (const [day, ofDay] of days) await appendLines(join(this.#options.directory, nameOf(day)), ofDay);
    if (days.size > 0) await syncDirectory(this.#options.directory);
  }

  /** The entries after a stream id, in no order: the files of its day and of later ones are read. */
  async *after(id: string): AsyncGenerator<AuditEntry> {
    const first = dayOf(addedAt(id));
    for (const day of (await this.#days()).filter((one) => one >= first)) {
      for await (const entry of this.#entries(day)) if (compareStreamIds(entry.id, id) > 0) yield entry;
    }
  }

  /** The entries of each day from that of an instant (ms since 1970) on, the newest day first. */
  async *daysSince(at: number): AsyncGenerator<AsyncIterable<AuditEntry>> {
    const first = dayOf(at);
    for (const day of (await this.#days()).reverse()) if (day >= first) yield this.#entries(day);
  }

  /** Removes the files of days longer ago than are kept. Returns their names. */
  async removeOld(): Promise<string[]> {
    const { clock, maxDays, directory } = this.#options;
    const oldest = dayOf(clock.now() - maxDays * DAY_MS);
    const old = (await this.#days()).filter((day) => day < oldest).map(nameOf);
    for (const name of old) await rm(join(directory, name), { force: true });
    return old;
  }

  /** Days that have a file, the oldest first; none where the directory is not there. */
  async #days(): Promise<string[]> {
    const names = await readdir(this.#options.directory).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    });
    return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).sort();
  }

  /** A line that a lost writer left half written is passed over: its entry was written again. */
  async *#entries(day: string): AsyncGenerator<AuditEntry> {
    const input = createReadStream(join(this.#options.directory, nameOf(day)), 'utf8');
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const entry = line.safeParse(parseJson(text));
      if (entry.success) yield entry.data;
    }
  }
}

/** The same for the same entry, from the stream or a file: an emptied Redis may give an id a second time. */
export function entryKey({ id, at, deployment, to, run }: AuditEntry): string {
  return `${id} ${at} ${deployment} ${to} ${run}`;
}

function nameOf(day: string): string {
  return `audit-${day}.jsonl`;
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function appendLines(path: string, entries: readonly AuditEntry[]): Promise<void> {
  const lines = entries.map((entry) => JSON.stringify({ ...entry, at: new Date(entry.at).toISOString() }));
  const file = await open(path, 'a+');
  try {
    const { size } = await file.stat();
    const { buffer } = await file.read(Buffer.alloc(1, '\n'), 0, 1, Math.max(0, size - 1));
    const torn = buffer.toString() !== '\n';
    await file.appendFile(`${torn ? '\n' : ''}${lines.join('\n')}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
