/**
 * Readers that read through one alias without pause while it is switched among a few databases, and a judge of what they
 * saw. A database holds 10 `(:Item {of})-[:NEXT]->(:Tail {of, version})`, `of` its own name and `version` rising with
 * every cutover, so that an answer says which database gave it and how new that one is.
 */

import { performance } from 'node:perf_hooks';
import type { Driver, Session, Transaction } from 'neo4j-driver';

/** Both drivers' readers take turns: `auto-commit` sends a statement alone, `retried` two in a transaction function. */
export const READ_MODES = ['auto-commit', 'retried'] as const;
export type ReadMode = (typeof READ_MODES)[number];

/** Enough for a part of an answer to show; more would slow every statement down, those of the cutover too. */
const ITEMS = 10;
const QUERY = `MATCH (a:Item)-[:NEXT]->(t:Tail)
  RETURN collect(DISTINCT a.of) + collect(DISTINCT t.of) AS of, max(t.version) AS version, count(*) AS n`;

/** Makes what a database is read for. */
export async function fillReadDatabase(driver: Driver, database: string): Promise<void> {
  await inDatabase(driver, database, (session) =>
    session.run(
      `CREATE (t:Tail {of: $of, version: 0}) WITH t UNWIND range(1, $items) AS i CREATE (:Item {of: $of})-[:NEXT]->(t)`,
      { of: database, items: ITEMS },
    ),
  );
}

async function inDatabase<Result>(
  driver: Driver,
  database: string,
  act: (session: Session) => PromiseLike<Result>,
): Promise<Result> {
  const session = driver.session({ database });
  try {
    return await act(session);
  } finally {
    await session.close();
  }
}

export interface Readings {
  /** Reads that ended well. */
  reads: number;
  /** What a reader got after the driver's own retries. */
  readonly failures: string[];
  /** Answers of two databases in one transaction, or of a part of one. */
  readonly mixed: string[];
  /** Answers of an older version after a newer one in one causal chain, or of a database left before the read began. */
  readonly stale: string[];
  /** Of reads, in milliseconds. */
  readonly latencies: number[];
}

interface Answer {
  readonly of: readonly string[];
  readonly version: number;
  readonly n: number;
}

/** A set of readers, each with a causal chain of its own; they read until `stop`. */
export class AliasReaders {
  readonly readings: Readings = { reads: 0, failures: [], mixed: [], stale: [], latencies: [] };
  readonly #alias: string;
  readonly #running: Promise<void>[];
  /** The cutover at which each reader's present read began. */
  readonly #beganAt: number[];
  #version = 0;
  #stopped = false;

  /** @param drivers readers are spread over them evenly, and over both modes */
  constructor(drivers: readonly Driver[], alias: string, readers: number) {
    this.#alias = alias;
    this.#beganAt = Array.from({ length: readers }, () => 0);
    this.#running = this.#beganAt.map((_, index) => {
      const driver = drivers[index % drivers.length];
      if (!driver) throw new RangeError('readers need a driver');
      const mode = READ_MODES[Math.floor(index / drivers.length) % READ_MODES.length] ?? 'retried';
      return this.#readOn(index, driver, mode);
    });
  }

  /** Tells that the alias is at a database of this version now: reads that begin from here on see no older one. */
  movedTo(version: number): void {
    this.#version = version;
  }

  /** The oldest version at which a read under way began: what was left before it is read by nobody any more. */
  get oldestBegin(): number {
    return Math.min(...this.#beganAt);
  }

  async stop(): Promise<Readings> {
    this.#stopped = true;
    await Promise.all(this.#running);
    return this.readings;
  }

  async #readOn(index: number, driver: Driver, mode: ReadMode): Promise<void> {
    const session = driver.session({ database: this.#alias });
    let seen = 0;
    while (!this.#stopped) {
      const began = this.#version;
      this.#beganAt[index] = began;
      const startedAt = performance.now();
      try {
        const answers = await read(session, mode);
        this.readings.reads++;
        this.readings.latencies.push(performance.now() - startedAt);
        this.#judge(answers, Math.max(seen, began), mode);
        seen = Math.max(seen, ...answers.map(({ version }) => version));
      } catch (error) {
        this.readings.failures.push(`${mode}: ${String(error)}`);
      }
    }
    this.#beganAt[index] = Number.POSITIVE_INFINITY;
    await session.close();
  }

  #judge(answers: readonly Answer[], atLeast: number, mode: ReadMode): void {
    const databases = new Set(answers.flatMap(({ of }) => of));
    if (databases.size !== 1 || answers.some(({ n }) => n !== ITEMS))
      this.readings.mixed.push(`${mode}: ${JSON.stringify(answers)}`);
    const oldest = Math.min(...answers.map(({ version }) => version));
    if (oldest < atLeast) this.readings.stale.push(`${mode}: version ${oldest} after ${atLeast}`);
  }
}

async function read(session: Session, mode: ReadMode): Promise<Answer[]> {
  if (mode === 'auto-commit') return [toAnswer(await session.run(QUERY))];
  return session.executeRead(async (transaction) => {
    const first = toAnswer(await transaction.run(QUERY));
    return [first, toAnswer(await transaction.run(QUERY))];
  });
}

function toAnswer({ records }: Awaited<ReturnType<Transaction['run']>>): Answer {
  const [record] = records;
  if (!record) throw new Error('an aggregation gave no row');
  return { of: record.get('of'), version: Number(record.get('version')), n: Number(record.get('n')) };
}

export interface SwitchPlan {
  /** Used for what the databases hold. */
  readonly driver: Driver;
  /** In turn; the alias is at the last one, and each is filled. */
  readonly databases: readonly string[];
  readonly cutovers: number;
  /** Moves the alias; readers may see the database from its call on, and see no older one after it. */
  readonly switchTo: (database: string, version: number) => Promise<unknown>;
  /** Looked at after each cutover. */
  readonly enough?: (readings: Readings) => boolean;
}

/** Switches the alias again and again. A database gets its new version only when nobody can be reading it any more. */
export async function switchUnderReaders(readers: AliasReaders, plan: SwitchPlan): Promise<void> {
  const { driver, databases, cutovers, switchTo, enough } = plan;
  for (let version = 1; version <= cutovers; version++) {
    const database = databases[(version - 1) % databases.length] ?? '';
    const leftAt = version - databases.length + 1;
    while (readers.oldestBegin < leftAt) await new Promise(setImmediate);
    await inDatabase(driver, database, (session) =>
      session.run('MATCH (t:Tail) SET t.version = $version', { version }),
    );
    await switchTo(database, version);
    readers.movedTo(version);
    if (enough?.(readers.readings)) return;
  }
}
