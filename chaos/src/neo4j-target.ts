/**
 * A Neo4j server, read over the driver as docs/architecture.md says what stands in one, and with no code of the product:
 * the development kernel, which is killed with -9 and started again on the same port and data.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Random } from '@graphshift/testkit';
import neo4j, { type Driver } from 'neo4j-driver';
import { buildNeo4jDev, launchNeo4jDev, type Neo4jDevServer } from '../../scripts/neo4j-dev.mjs';
import type { AliasSeen, Content, DatabaseSeen, Scale, Seen, Target } from './target.ts';

const PASSWORD = 'for-the-suite-only';
const HEAP_MB = 448;
/** A database costs the server some 0.3 s. */
const SCALE: Scale = {
  paceMs: [1500, 5000],
  sizes: { small: 20, medium: 400, large: 3000 },
  lookMs: 500,
};
const READ_PAUSE_MS = 60;
/** An alias may move, and what it left be dropped, between the statements of a look. */
const TRIES = 30;
const AGAIN_MS = 100;
const DATABASE = /^(.+)-(\d+)$/;
/** What makes a database one that is not loaded yet. */
const MARK = 'MATCH (m:_GraphshiftLoad) RETURN count(m) AS n';

type Row = Readonly<Record<string, unknown>>;

export async function openNeo4jTarget(directory: string): Promise<Target> {
  const server = new Server(join(directory, 'neo4j'));
  await server.open();
  const eyes = new Eyes(server);
  return {
    kind: 'neo4j',
    port: server.port,
    environment: (port = server.port) => ({
      GRAPHSHIFT_STORE: `bolt://127.0.0.1:${port}`,
      GRAPHSHIFT_STORE_PASSWORD: PASSWORD,
      GRAPHSHIFT_STORE_SESSIONS: '2',
      GRAPHSHIFT_ORCHESTRATOR_DRAIN_SECONDS: '1',
      GRAPHSHIFT_ORCHESTRATOR_DRAIN_DEADLINE_SECONDS: '20',
    }),
    flags: { 'store.url': server.url, 'store.password': PASSWORD },
    reader: { kind: 'neo4j', url: server.url, password: PASSWORD, pauseMs: READ_PAUSE_MS },
    scale: SCALE,
    faults: { 'store-kill': (random) => server.fail(random) },
    leftOut: ['full: the data of this server stand on no small file system of their own'],
    wasDown: (from, to) => server.wasDown(from, to),
    look: () => eyes.look(),
    content: (database) => eyes.content(database),
    listing: () => eyes.listing(),
    close: async () => {
      await eyes.close();
      await server.close();
    },
  };
}

/** The server's process, and when it was away. */
class Server {
  readonly #data: string;
  readonly #outages: { readonly from: number; to: number }[] = [];
  #process: Neo4jDevServer | undefined;
  #back: Promise<void> = Promise.resolve();
  port = 0;

  constructor(data: string) {
    this.#data = data;
  }

  get url(): string {
    return `bolt://127.0.0.1:${this.port}`;
  }

  /** Resolves when it serves. */
  get back(): Promise<void> {
    return this.#back;
  }

  async open(): Promise<void> {
    await mkdir(this.#data, { recursive: true });
    const { data, port } = { data: this.#data, port: this.port };
    const options = { data, port, password: PASSWORD, heapMb: HEAP_MB, shortLived: true };
    this.#process = await launchNeo4jDev(await buildNeo4jDev(), options);
    this.port = Number(new URL(this.#process.url).port);
  }

  /** Killed with -9, and started again on the same port with the same data. */
  async fail(random: Random): Promise<string> {
    const awayMs = random.whole(300, 3000);
    const outage = { from: Date.now(), to: Number.POSITIVE_INFINITY };
    this.#outages.push(outage);
    const restart = async () => {
      await this.#process?.kill();
      await wait(awayMs);
      await this.open();
      outage.to = Date.now();
    };
    this.#back = restart();
    await this.#back;
    return `for ${outage.to - outage.from} ms`;
  }

  wasDown(from: number, to: number): boolean {
    return this.#outages.some((outage) => outage.from <= to && from <= outage.to);
  }

  async close(): Promise<void> {
    await this.#back.catch(() => {});
    await this.#process?.kill();
  }
}

/** What is asked of the server over the driver. */
class Eyes {
  readonly #server: Server;
  readonly #driver: Driver;
  /** Ids of databases that were complete: the alias's target alone is looked into again. */
  readonly #complete = new Set<string>();

  constructor(server: Server) {
    this.#server = server;
    this.#driver = neo4j.driver(server.url, neo4j.auth.basic('neo4j', PASSWORD), {
      disableLosslessIntegers: true,
      maxTransactionRetryTime: 1000,
    });
  }

  close(): Promise<void> {
    return this.#driver.close();
  }

  /** Once more where something seems wrong: it may have been between two statements. */
  async look(): Promise<Seen> {
    for (let attempt = 1; ; attempt++) {
      await this.#server.back;
      const beganAt = Date.now();
      try {
        const seen = await this.#lookOnce();
        if (seen.problems.length === 0 || attempt >= TRIES) return seen;
      } catch (error) {
        if (this.#server.wasDown(beganAt, Date.now())) attempt = 0;
        else if (attempt >= TRIES) throw error;
      }
      await wait(AGAIN_MS);
    }
  }

  async #lookOnce(): Promise<Seen> {
    const rows = await this.#ask(
      'system',
      'SHOW ALIASES FOR DATABASE YIELD name, database, properties RETURN name, database, properties',
    );
    const aliases = rows.map(aliasOf);
    const targets = new Set(aliases.map(({ database }) => database));
    const databases: DatabaseSeen[] = [];
    for (const row of await this.#databases()) {
      const database = await this.#judge(row, targets);
      if (database) databases.push(database);
    }
    const whole = new Set(databases.filter(({ complete }) => complete).map(({ name }) => name));
    const problems = aliases
      .filter(({ database }) => !whole.has(database))
      .map(({ customer, database }) => `alias ${customer} leads to nothing whole: ${database}`);
    return { databases, aliases, problems };
  }

  #databases(): Promise<Row[]> {
    return this.#ask(
      'system',
      `SHOW DATABASES YIELD name, databaseID, currentStatus, type WHERE type = 'standard'
       RETURN name, databaseID AS id, currentStatus AS status`,
    );
  }

  /** @returns nothing for one that is nobody's, or that was dropped meanwhile */
  async #judge({ name, id, status }: Row, targets: ReadonlySet<string>): Promise<DatabaseSeen | undefined> {
    const [database, customer = '', timestamp] = DATABASE.exec(String(name)) ?? [];
    if (database === undefined) return undefined;
    const identity = String(id);
    const known = this.#complete.has(identity);
    const looks = !known || targets.has(database);
    const complete = looks ? await this.#isComplete(database, String(status)) : true;
    if (complete === undefined) return undefined;
    if (complete) this.#complete.add(identity);
    return { name: database, customer, timestamp: Number(timestamp), complete, identity };
  }

  /** Something is in it, and then no mark: the mark comes first and goes last. */
  async #isComplete(database: string, status: string): Promise<boolean | undefined> {
    if (status !== 'online') return false;
    try {
      const [filled] = await this.#ask(database, 'MATCH (n) RETURN 1 AS one LIMIT 1');
      const [marks] = await this.#ask(database, MARK);
      return filled !== undefined && marks?.n === 0;
    } catch (error) {
      if (/DatabaseNotFound|DatabaseUnavailable/.test(codeOf(error))) return undefined;
      throw error;
    }
  }

  async content(database: string): Promise<Content> {
    const one = async (statement: string) => (await this.#ask(database, statement))[0]?.n;
    const rows: Record<string, number> = {};
    for (const label of ['Person', 'Company'])
      rows[label] = Number(await one(`MATCH (n:${label}) RETURN count(*) AS n`));
    for (const type of ['KNOWS', 'WORKS_AT'])
      rows[type] = Number(await one(`MATCH ()-[r:${type}]->() RETURN count(*) AS n`));
    const employees = await one('MATCH (c:Company) RETURN sum(c.employees) AS n');
    return { rows, sum: `${employees}/${await one('MATCH ()-[w:WORKS_AT]->() RETURN sum(w.years) AS n')}` };
  }

  async listing(): Promise<string> {
    const aliases = await this.#ask('system', 'SHOW ALIASES FOR DATABASE');
    const databases = await this.#databases();
    const marks: Row[] = [];
    for (const { name } of databases)
      for (const row of await this.#ask(String(name), 'MATCH (m:_GraphshiftLoad) RETURN m {.*} AS mark'))
        marks.push({ name, ...row });
    return [...aliases, ...databases, ...marks].map((row) => JSON.stringify(row)).join('\n');
  }

  async #ask(database: string, statement: string): Promise<Row[]> {
    const session = this.#driver.session({ database, defaultAccessMode: neo4j.session.READ });
    try {
      const { records } = await session.executeRead((tx) => tx.run(statement));
      return records.map((record) => record.toObject());
    } finally {
      await session.close();
    }
  }
}

function aliasOf({ name, database, properties }: Row): AliasSeen {
  const stored = (properties ?? {}) as Row;
  const holds = JSON.parse(String(stored.holds ?? '[]')) as readonly { timestamp: number }[];
  return {
    customer: String(name),
    database: String(database),
    timestamp: Number(DATABASE.exec(String(database))?.[2] ?? 0),
    pinned: stored.pin !== undefined,
    holds: holds.map(({ timestamp }) => timestamp),
  };
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code);
}
