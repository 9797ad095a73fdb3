/**
 * Judges while the suite runs: what the reader was told, and looks at the store a few times a second. Knows the
 * invariants and what was published, and nothing of how they are kept.
 */

import type { Told } from './reader-program.ts';
import type { Snapshots } from './snapshots.ts';
import type { AliasSeen, DatabaseSeen, Seen } from './target.ts';
import { HELD, ORDINARY, PINNED } from './times.ts';

/** Complete databases of a customer that are always kept. */
export const RETENTION = 2;

export class Judge {
  readonly failures: string[] = [];
  readonly #snapshots: Snapshots;
  readonly #now: () => number;
  /** Of the newest answer of each customer. */
  readonly #answered = new Map<string, number>();
  readonly #aliases = new Map<string, AliasSeen>();
  readonly #identities = new Map<string, string>();
  readonly #targets = new Map<string, Set<number>>();
  readonly #wasDown: (from: number, to: number) => boolean;
  /** Reads that failed while the store could answer nobody. */
  excused = 0;
  #finished = 0;
  #reads = 0;

  /** @param wasDown whether the store could answer nobody at some moment between the two */
  constructor(
    snapshots: Snapshots,
    now: () => number,
    wasDown: (from: number, to: number) => boolean = () => false,
  ) {
    this.#snapshots = snapshots;
    this.#wasDown = wasDown;
    this.#now = now;
  }

  /** By all readers so far. */
  get reads(): number {
    return this.#finished + this.#reads;
  }

  fail(invariant: number, what: string): void {
    const text = `invariant ${invariant}: ${what}`;
    if (!this.failures.some((failure) => failure.endsWith(text)))
      this.failures.push(`${new Date(this.#now()).toISOString()} ${text}`);
  }

  hear(told: Told): void {
    if ('reads' in told) {
      this.#reads = told.reads;
      return;
    }
    const { customer } = told;
    if (!('error' in told)) this.#answer(customer, told.database, told.people);
    else if (this.#wasDown(told.from, told.at)) this.excused++;
    else this.fail(1, `a read of ${customer} failed: ${told.error}`);
  }

  #answer(customer: string, database: string, people: number): void {
    const published = this.#snapshots.get(database);
    const timestamp = published?.timestamp ?? Number(/\d+$/.exec(database)?.[0]);
    if (published && published.people !== people)
      this.fail(1, `${database} answers ${people} people, its snapshot has ${published.people}`);
    const before = this.#answered.get(customer) ?? 0;
    if (timestamp < before) this.fail(2, `stale read: ${customer} answers from ${timestamp} after ${before}`);
    this.#answered.set(customer, Math.max(before, timestamp));
  }

  see(seen: Seen): void {
    for (const problem of seen.problems) this.fail(1, problem);
    for (const customer of this.#aliases.keys()) {
      if (!seen.aliases.some((alias) => alias.customer === customer) && seen.problems.length === 0)
        this.fail(1, `the alias ${customer} is gone`);
    }
    for (const alias of seen.aliases) this.#seeAlias(alias);
    for (const database of seen.databases) this.#seeDatabase(database);
    for (const customer of this.#aliases.keys()) this.#seeKept(customer, seen.databases);
  }

  #seeAlias(alias: AliasSeen): void {
    const { customer, timestamp, database } = alias;
    const before = this.#aliases.get(customer);
    if (before && timestamp < before.timestamp)
      this.fail(2, `the alias ${customer} moved back from ${before.timestamp} to ${timestamp}`);
    if (customer === PINNED && before && database !== before.database)
      this.fail(6, `the pinned alias moved from ${before.database} to ${database}`);
    if (customer === PINNED && before?.pinned && !alias.pinned)
      this.fail(6, `the pin of ${customer} is gone`);
    if (before?.holds.some((hold) => !alias.holds.includes(hold)))
      this.fail(6, `a hold of ${customer} is gone: ${before.holds} became ${alias.holds}`);
    if (customer === HELD && this.#snapshots.get(database)?.held)
      this.fail(2, `held content went live for ${customer} as ${database}`);
    this.#aliases.set(customer, alias);
    const targets = this.#targets.get(customer) ?? new Set();
    this.#targets.set(customer, targets.add(timestamp));
  }

  #seeDatabase({ name, complete, identity }: DatabaseSeen): void {
    if (!complete) return;
    const before = this.#identities.get(name);
    if (before !== undefined && before !== identity)
      this.fail(3, `${name} was complete and was loaded again`);
    this.#identities.set(name, identity);
  }

  /** The newest of what was live, and of what is complete, stays. */
  #seeKept(customer: string, databases: readonly DatabaseSeen[]): void {
    const own = databases.filter((database) => database.customer === customer);
    const there = new Set(own.filter(({ complete }) => complete).map(({ timestamp }) => timestamp));
    const holds = new Set(this.#aliases.get(customer)?.holds);
    const known = new Set([...(this.#targets.get(customer) ?? []), ...there]);
    const kept = [...known].filter((timestamp) => !holds.has(timestamp)).sort((a, b) => b - a);
    for (const timestamp of kept.slice(0, RETENTION))
      if (!there.has(timestamp))
        this.fail(5, `${customer}-${timestamp} is gone, one of the newest ${RETENTION}`);
  }

  /** A reader that is started anew counts from the beginning. */
  nextReader(): void {
    this.#finished += this.#reads;
    this.#reads = 0;
  }

  /** The aliases as they were looked at last, by customer. */
  alias(customer: string): AliasSeen | undefined {
    return this.#aliases.get(customer);
  }
}

export function isOrdinary(customer: string): boolean {
  return (ORDINARY as readonly string[]).includes(customer);
}
