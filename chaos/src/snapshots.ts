/** The snapshots that customers publish while the suite runs, and what their files hold. */

import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { type Random, simulateSnapshot } from '@graphshift/testkit';
import type { Content, Scale, Size } from './target.ts';
import { HELD, ORDINARY, PINNED } from './times.ts';

/** Snapshots of a customer behind its newest live one that stay on the disk, as an upstream process tidies up. */
const KEPT_BEHIND = 4;

export interface Published {
  readonly customer: string;
  readonly timestamp: number;
  /** Rows of `Person`. */
  readonly people: number;
  /** Whether it may ever go live. */
  readonly held: boolean;
}

export class Snapshots {
  readonly root: string;
  readonly #aside: string;
  readonly #sizes: Scale['sizes'];
  readonly #published = new Map<string, Published>();
  readonly #newest = new Map<string, number>();
  #count = 0;
  #writing: Promise<unknown> = Promise.resolve();

  /** @param directory beside the root, on its file system */
  constructor(root: string, directory: string, sizes: Scale['sizes']) {
    this.root = root;
    this.#sizes = sizes;
    this.#aside = join(directory, 'upstream');
  }

  /** Everything that was ever published and is still on the disk. */
  get all(): readonly Published[] {
    return [...this.#published.values()];
  }

  get count(): number {
    return this.#count;
  }

  of(customer: string): readonly Published[] {
    return this.all.filter((one) => one.customer === customer);
  }

  get(database: string): Published | undefined {
    return this.#published.get(database);
  }

  /** Whole from its first moment: it is moved into its place. One at a time. @param size default: mostly small */
  publish(customer: string, random: Random, size?: Size): Promise<Published> {
    const people = this.#sizes[size ?? sizeOf(random)] + ++this.#count;
    const timestamp = this.#next(customer);
    return this.#after(async () => {
      const path = await simulateSnapshot(this.#aside, { customer, timestamp, nodes: people });
      return this.#place({ customer, timestamp, people, held: false }, path);
    });
  }

  /** The content of another one under a newer name. */
  publishAgain({ customer, timestamp: from, people }: Published): Promise<Published> {
    const timestamp = this.#next(customer);
    this.#count++;
    return this.#after(async () => {
      const path = join(this.#aside, customer, `${timestamp}`);
      await cp(join(this.root, customer, `${from}`), path, { recursive: true });
      return this.#place({ customer, timestamp, people, held: true }, path);
    });
  }

  /** Removes snapshots well behind what is live, once they can have no work to do. */
  async tidy(customer: string, live: number): Promise<void> {
    const older = this.of(customer)
      .filter(({ timestamp }) => timestamp < live)
      .sort((a, b) => b.timestamp - a.timestamp);
    for (const { timestamp } of older.slice(KEPT_BEHIND)) {
      this.#published.delete(`${customer}-${timestamp}`);
      await rm(join(this.root, customer, `${timestamp}`), { recursive: true, force: true });
    }
  }

  async content({ customer, timestamp }: Pick<Published, 'customer' | 'timestamp'>): Promise<Content> {
    return readFiles(join(this.root, customer, `${timestamp}`));
  }

  #next(customer: string): number {
    const timestamp = (this.#newest.get(customer) ?? 1_700_000_000) + 10;
    this.#newest.set(customer, timestamp);
    return timestamp;
  }

  async #after(write: () => Promise<Published>): Promise<Published> {
    const writing = this.#writing.then(write);
    this.#writing = writing.catch(() => {});
    return writing;
  }

  async #place(published: Published, path: string): Promise<Published> {
    const { customer, timestamp } = published;
    await mkdir(join(this.root, customer), { recursive: true });
    // Known before it can be found.
    this.#published.set(`${customer}-${timestamp}`, published);
    await rename(path, join(this.root, customer, `${timestamp}`));
    return published;
  }
}

/** Whose snapshot comes next: now and then one of those that nothing passes for. */
export function customerOf(random: Random): string {
  const chance = random.next();
  if (chance < 0.04) return PINNED;
  return chance < 0.08 ? HELD : random.pick(ORDINARY);
}

function sizeOf(random: Random): Size {
  const chance = random.next();
  if (chance < 0.75) return 'small';
  return chance < 0.96 ? 'medium' : 'large';
}

async function readFiles(path: string): Promise<Content> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const ask = async (what: string, folder: string) => {
    const files = `read_parquet('${path.replaceAll("'", "''")}/${folder}/**/*.parquet')`;
    const reader = await connection.runAndReadAll(`SELECT CAST(${what} AS VARCHAR) AS n FROM ${files}`);
    return String(reader.getRowObjects()[0]?.n ?? '');
  };
  try {
    const rows: Record<string, number> = {};
    for (const label of ['Person', 'Company']) rows[label] = Number(await ask('count(*)', `nodes/${label}`));
    for (const type of ['KNOWS', 'WORKS_AT'])
      rows[type] = Number(await ask('count(*)', `relationships/${type}`));
    const employees = await ask('sum(employees)', 'nodes/Company');
    return { rows, sum: `${employees}/${await ask('sum(years)', 'relationships/WORKS_AT')}` };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
