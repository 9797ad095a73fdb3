/** Databases on disk: what there is, what state each is in, its mark and its certificate. */

import { mkdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphshiftError } from '../../platform/errors.ts';
import type { DatabaseInfo, LoadCertificate, LoadMark } from '../graph-store.ts';
import { errorCode, syncDirectory, unlessMissing, writeDurably } from './durable-file.ts';
import { type Fence, fenced, names } from './fence.ts';
import {
  CERTIFICATE_FILE,
  epochEntry,
  GRAPH_FILE,
  isMarkFile,
  type Layout,
  markFile,
  OLD_MARK_FILE,
  type ParsedName,
  parseEntry,
} from './layout.ts';

export class Databases {
  readonly #layout: Layout;
  readonly #fence: Fence;

  constructor(layout: Layout, fence: Fence) {
    this.#layout = layout;
    this.#fence = fence;
  }

  /** @param customer only this one's; default: all, and what belongs to nobody */
  async list(customer?: string): Promise<DatabaseInfo[]> {
    const databases: DatabaseInfo[] = [];
    const owner = customer === undefined ? undefined : this.#layout.customer(customer);
    for (const name of (await names(this.#layout.area('databases'))).sort()) {
      const parsed = parseEntry(name);
      if (owner !== undefined && parsed?.snapshot.customer !== owner) continue;
      if (!parsed) databases.push({ name, state: 'unknown' });
      else {
        const info = await unlessMissing(this.#judge(name, parsed));
        if (info) databases.push(info);
      }
    }
    return databases;
  }

  /** @throws NOT_FOUND */
  async judge(name: string): Promise<DatabaseInfo> {
    const directory = this.#layout.database(name);
    const info = await unlessMissing(this.#judge(name, parseEntry(name)));
    if (!info) throw new GraphshiftError('NOT_FOUND', `no database ${name} below ${directory}`);
    return info;
  }

  async #judge(name: string, parsed: ParsedName | undefined): Promise<DatabaseInfo> {
    const directory = this.#layout.database(name);
    await stat(directory);
    const base = { name, ...(parsed && { snapshot: parsed.snapshot }) };
    const text = await readMark(directory);
    const mark = text === undefined ? undefined : parseMark(text);
    if (parsed?.build) return { ...base, state: 'building', ...(mark && { mark }) };
    if (text !== undefined) return mark ? { ...base, state: 'marked', mark } : { ...base, state: 'unknown' };
    const whole = (await this.certificate(name)) && (await unlessMissing(stat(join(directory, GRAPH_FILE))));
    return { ...base, state: whole ? 'complete' : 'unknown' };
  }

  /** The certificate, or undefined when there is none that can be read. */
  async certificate(name: string): Promise<LoadCertificate | undefined> {
    const path = join(this.#layout.database(name), CERTIFICATE_FILE);
    const text = await unlessMissing(readFile(path, 'utf8'));
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as LoadCertificate;
    } catch {
      return undefined;
    }
  }

  /** A fresh directory for a build, with its mark. What an earlier try of the same run left is set aside. */
  async begin(mark: LoadMark): Promise<string> {
    await this.#fence.check(mark.customer, mark.epoch);
    const name = this.#layout.buildName(mark, mark.run, mark.epoch);
    const directory = this.#layout.database(name);
    await unlessMissing(rename(directory, join(this.#layout.area('trash'), epochEntry(mark.epoch))));
    await mkdir(directory);
    const { customer, timestamp, run, epoch } = mark;
    const text = `${JSON.stringify({ customer, timestamp, run, epoch })}\n`;
    await writeDurably(join(directory, markFile(epoch)), text);
    await syncDirectory(this.#layout.area('databases'));
    return directory;
  }

  /**
   * Gives a build its name. A newer holder of the deployment has dropped the build by then; a newer epoch of the customer
   * alone, as after a rollback or a pin, does not cost the load.
   * @throws CONFLICT when the name is taken, FENCED when the build was dropped meanwhile
   */
  async publish(mark: LoadMark, build: string, database: string): Promise<void> {
    await syncDirectory(build);
    if ((await this.#rename(mark, build, database)) === 'taken') {
      await this.#setAside(mark, database);
      if ((await this.#rename(mark, build, database)) === 'taken')
        throw new GraphshiftError('CONFLICT', `database ${database} is there already; drop it first`);
    }
    await syncDirectory(this.#layout.area('databases'));
  }

  async #rename(mark: LoadMark, build: string, database: string): Promise<'done' | 'taken'> {
    try {
      await rename(build, this.#layout.database(database));
      return 'done';
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT') throw fenced(mark.customer, mark.epoch);
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
      return 'taken';
    }
  }

  /** What an earlier holder sealed after it was looked for, and nobody verified. @throws CONFLICT for anything else */
  async #setAside(mark: LoadMark, database: string): Promise<void> {
    const info = await this.judge(database);
    if (info.state === 'marked' && info.mark && info.mark.epoch < mark.epoch) {
      const trash = join(this.#layout.area('trash'), epochEntry(mark.epoch));
      await unlessMissing(rename(this.#layout.database(database), trash));
      return;
    }
    throw new GraphshiftError(
      'CONFLICT',
      `database ${database} is there already (${info.state}); drop it first`,
    );
  }

  async unmark(name: string, epoch: number): Promise<void> {
    const info = await this.judge(name);
    const customer = info.snapshot?.customer ?? name;
    if (info.state === 'complete') return;
    if (info.state !== 'marked' || !info.mark)
      throw new GraphshiftError('CONFLICT', `database ${name} is ${info.state}: it has no mark to remove`);
    if (info.mark.epoch > epoch) throw fenced(customer, epoch, info.mark.epoch);
    const directory = this.#layout.database(name);
    // By the name that was judged: whoever slept until a newer holder loaded the database again finds its own mark gone.
    for (const file of [markFile(info.mark.epoch), OLD_MARK_FILE])
      await unlessMissing(unlink(join(directory, file)));
    await syncDirectory(directory);
  }

  /** The highest epoch in the marks of a customer's databases; 0 for none. */
  async highestMark(customer: string): Promise<number> {
    let highest = 0;
    for (const name of await names(this.#layout.area('databases'))) {
      const parsed = parseEntry(name);
      if (parsed?.snapshot.customer !== this.#layout.customer(customer)) continue;
      const text = await readMark(this.#layout.database(name));
      const mark = text === undefined ? undefined : parseMark(text);
      highest = Math.max(highest, mark?.epoch ?? 0, parsed.build?.epoch ?? 0);
    }
    return highest;
  }
}

/** The text of a database's mark, or undefined when it has none. */
async function readMark(directory: string): Promise<string | undefined> {
  for (const file of (await names(directory)).filter(isMarkFile)) {
    const text = await unlessMissing(readFile(join(directory, file), 'utf8'));
    if (text !== undefined) return text;
  }
  return undefined;
}

function parseMark(text: string): LoadMark | undefined {
  try {
    const mark = JSON.parse(text) as LoadMark;
    const numbers = [mark.timestamp, mark.run, mark.epoch];
    return typeof mark.customer === 'string' && numbers.every(Number.isSafeInteger) ? mark : undefined;
  } catch {
    return undefined;
  }
}
