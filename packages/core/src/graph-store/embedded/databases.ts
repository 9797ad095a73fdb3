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
  type Layout,
  MARK_FILE,
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

  async list(): Promise<DatabaseInfo[]> {
    const databases: DatabaseInfo[] = [];
    for (const name of (await names(this.#layout.area('databases'))).sort()) {
      const parsed = parseEntry(name);
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
    const text = await unlessMissing(readFile(join(directory, MARK_FILE), 'utf8'));
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
    await writeDurably(join(directory, MARK_FILE), text);
    await syncDirectory(this.#layout.area('databases'));
    return directory;
  }

  /**
   * Gives a build its name.
   * @throws CONFLICT when the name is taken, FENCED when the build was dropped meanwhile
   */
  async publish(mark: LoadMark, build: string, database: string): Promise<void> {
    await syncDirectory(build);
    try {
      await rename(build, this.#layout.database(database));
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT') throw fenced(mark.customer, mark.epoch);
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
      const { state } = await this.judge(database);
      throw new GraphshiftError(
        'CONFLICT',
        `database ${database} is there already (${state}); drop it first`,
      );
    }
    await syncDirectory(this.#layout.area('databases'));
  }

  async unmark(name: string, epoch: number): Promise<void> {
    const info = await this.judge(name);
    const customer = info.snapshot?.customer ?? name;
    if (info.state === 'complete') return;
    if (info.state !== 'marked' || !info.mark)
      throw new GraphshiftError('CONFLICT', `database ${name} is ${info.state}: it has no mark to remove`);
    if (info.mark.epoch > epoch) throw fenced(customer, epoch, info.mark.epoch);
    await this.#fence.check(customer, epoch);
    const directory = this.#layout.database(name);
    await unlessMissing(unlink(join(directory, MARK_FILE)));
    await syncDirectory(directory);
  }

  /** The highest epoch in the marks of a customer's databases; 0 for none. */
  async highestMark(customer: string): Promise<number> {
    let highest = 0;
    for (const name of await names(this.#layout.area('databases'))) {
      const parsed = parseEntry(name);
      if (parsed?.snapshot.customer !== this.#layout.customer(customer)) continue;
      const text = await unlessMissing(readFile(join(this.#layout.database(name), MARK_FILE), 'utf8'));
      const mark = text === undefined ? undefined : parseMark(text);
      highest = Math.max(highest, mark?.epoch ?? 0, parsed.build?.epoch ?? 0);
    }
    return highest;
  }
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
