/**
 * A real Neo4j for the tests of one file: the development kernel of tools/neo4j-dev, on a free port and with data of
 * its own, or the server that NEO4J_TEST_URI names (with NEO4J_TEST_USER and NEO4J_TEST_PASSWORD). Where there is
 * neither, each test of the file says so and does not run. A server starts in some 5 seconds on two busy cores, so a
 * file has one; it ends with the test worker at the latest.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import neo4j, { type Config, type Driver } from 'neo4j-driver';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import {
  buildNeo4jDev,
  launchNeo4jDev,
  type Neo4jDevServer,
  neo4jDevProblem,
} from '../../../scripts/neo4j-dev.mjs';

/** A row of a result: integers are numbers. */
export type Row = Readonly<Record<string, unknown>>;

export interface Neo4jForTests {
  /** Why the tests of this file do not run, else undefined. A `beforeAll` of the file's own returns when it is set. */
  readonly problem: string | undefined;
  /** Whether it is the server of NEO4J_TEST_URI, which others may use too. */
  readonly external: boolean;
  /** `bolt://…` or `neo4j://…`, the same over restarts. */
  readonly url: string;
  /** Where it serves Arrow Flight, with the option `flight`; another one after each restart. */
  readonly flight: { readonly host: string; readonly port: number } | undefined;
  readonly user: string;
  readonly password: string;
  /** Directory of the server's data; empty for an external one. */
  readonly data: string;
  /** A name for a database or an alias of this file; what has one is dropped from an external server at the end. */
  name(suffix: string): string;
  /**
   * A driver that is closed at the end.
   * @param options `scheme`: `bolt` or `neo4j`, default as in `url`; the rest goes to the driver
   */
  driver(options?: Config & { readonly scheme?: 'bolt' | 'neo4j' }): Driver;
  /** Runs one statement in a session of its own, as an auto-commit transaction. */
  run(database: string, statement: string, parameters?: Record<string, unknown>): Promise<Row[]>;
  /** `kill -9`; the data stay for `restart`. Only with `own`. */
  kill(): Promise<void>;
  /**
   * Starts again on the same port with the same data, ending first what still runs (by SIGTERM). Only with `own`.
   * Drivers of before are closed.
   */
  restart(): Promise<void>;
}

export interface Neo4jOptions {
  /** Needs a server that it may kill: the development kernel even where NEO4J_TEST_URI is set. @default false */
  readonly own?: boolean;
  /** Of the development kernel: dbms.max_databases. @default 100 */
  readonly maxDatabases?: number;
  /** The JVM compiles for speed, which pays for itself where a test takes minutes. @default false */
  readonly longLived?: boolean;
  /** Serves Arrow Flight, which the development kernel does whatever NEO4J_TEST_URI says. @default idleSeconds 600 */
  readonly flight?: { readonly idleSeconds?: number };
}

const PASSWORD = 'for-tests-only';

/** Why the development kernel cannot be used, else undefined; `npm test` hands on that its build has failed. */
function devProblem(): string | undefined {
  return process.env.GRAPHSHIFT_TEST_NEO4J_PROBLEM || neo4jDevProblem();
}

/** Registers the hooks that start, await and stop the server; to be called at the top of a test file. */
export function useNeo4j(options: Neo4jOptions = {}): Neo4jForTests {
  const uri = options.own || options.flight ? undefined : process.env.NEO4J_TEST_URI;
  const server = uri ? new ExternalServer(uri) : new DevServer(options);
  beforeAll(() => server.start());
  beforeEach((context) => {
    if (server.problem)
      context.skip(
        options.own || options.flight ? server.problem : `${server.problem} (or set NEO4J_TEST_URI)`,
      );
  });
  afterAll(() => server.stop());
  return server;
}

abstract class ServerUnderTest implements Neo4jForTests {
  abstract readonly problem: string | undefined;
  abstract readonly external: boolean;
  abstract readonly url: string;
  abstract readonly flight: Neo4jForTests['flight'];
  abstract readonly user: string;
  abstract readonly password: string;
  abstract readonly data: string;
  protected readonly prefix = `gs-${randomBytes(3).toString('hex')}-`;
  readonly #drivers: Driver[] = [];
  #runner: Driver | undefined;

  name(suffix: string): string {
    return `${this.prefix}${suffix}`;
  }

  driver(options: Config & { readonly scheme?: 'bolt' | 'neo4j' } = {}): Driver {
    const { scheme, ...config } = options;
    const url = scheme ? this.url.replace(/^(bolt|neo4j)/, scheme) : this.url;
    const driver = neo4j.driver(url, neo4j.auth.basic(this.user, this.password), config);
    this.#drivers.push(driver);
    return driver;
  }

  async run(database: string, statement: string, parameters: Record<string, unknown> = {}): Promise<Row[]> {
    this.#runner ??= this.driver({ disableLosslessIntegers: true });
    const session = this.#runner.session({ database });
    try {
      const { records } = await session.run(statement, parameters);
      return records.map((record) => record.toObject());
    } finally {
      await session.close();
    }
  }

  protected async closeDrivers(): Promise<void> {
    for (const driver of this.#drivers.splice(0)) await driver.close();
    this.#runner = undefined;
  }

  abstract start(): Promise<void>;
  abstract stop(): Promise<void>;
  abstract kill(): Promise<void>;
  abstract restart(): Promise<void>;
}

class DevServer extends ServerUnderTest {
  readonly problem = devProblem();
  readonly external = false;
  readonly user = 'neo4j';
  readonly password = PASSWORD;
  readonly #options: Neo4jOptions;
  #data = '';
  #server: Neo4jDevServer | undefined;
  #url = '';

  constructor(options: Neo4jOptions) {
    super();
    this.#options = options;
  }

  get flight(): Neo4jForTests['flight'] {
    const url = this.#server?.flight;
    return url === undefined ? undefined : { host: '127.0.0.1', port: Number(new URL(url).port) };
  }

  get url(): string {
    return this.#url;
  }

  get data(): string {
    return this.#data;
  }

  async start(): Promise<void> {
    if (this.problem) return;
    this.#data = await mkdtemp(join(tmpdir(), 'graphshift-neo4j-'));
    await this.#launch();
  }

  async stop(): Promise<void> {
    await this.closeDrivers();
    // Its data go with it: nothing is gained by letting it end in order.
    await this.#server?.kill();
    if (this.#data) await rm(this.#data, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await this.#server?.kill();
  }

  async restart(): Promise<void> {
    await this.#server?.stop();
    // Their connections are gone; a statement that is not retried would meet a dead one.
    await this.closeDrivers();
    await this.#launch();
  }

  async #launch(): Promise<void> {
    const port = this.#url ? Number(new URL(this.#url).port) : 0;
    const { maxDatabases, flight, longLived = false } = this.#options;
    this.#server = await launchNeo4jDev(await buildNeo4jDev(), {
      data: this.#data,
      port,
      password: PASSWORD,
      heapMb: 512,
      shortLived: !longLived,
      ...(maxDatabases !== undefined && { maxDatabases }),
      ...(flight && { flight: 0, flightIdleSeconds: flight.idleSeconds ?? 600 }),
    });
    this.#url = this.#server.url;
  }
}

class ExternalServer extends ServerUnderTest {
  readonly problem = undefined;
  readonly external = true;
  readonly data = '';
  readonly url: string;
  readonly flight = undefined;
  readonly user = process.env.NEO4J_TEST_USER ?? 'neo4j';
  readonly password = process.env.NEO4J_TEST_PASSWORD ?? '';

  constructor(url: string) {
    super();
    this.url = url;
  }

  async start(): Promise<void> {
    await this.driver().verifyConnectivity();
  }

  async stop(): Promise<void> {
    await this.#dropOwn();
    await this.closeDrivers();
  }

  kill(): Promise<void> {
    throw new Error('the server of NEO4J_TEST_URI is not ours to kill: useNeo4j({ own: true })');
  }

  restart(): Promise<void> {
    return this.kill();
  }

  async #dropOwn(): Promise<void> {
    const own = { prefix: this.prefix };
    const where = 'YIELD name WHERE name STARTS WITH $prefix RETURN name';
    for (const { name } of await this.run('system', `SHOW ALIASES FOR DATABASE ${where}`, own))
      await this.run('system', 'DROP ALIAS $name IF EXISTS FOR DATABASE', { name });
    for (const { name } of await this.run('system', `SHOW DATABASES ${where}`, own))
      await this.run('system', 'DROP DATABASE $name IF EXISTS DESTROY DATA WAIT', { name });
  }
}
