/**
 * The one driver of a process. What is asked of `system` goes to its leader, and sees what was asked before it: its
 * bookmarks are handed on, to sessions with other databases too, so that a database is there for whoever created it.
 */

import { readFileSync } from 'node:fs';
import neo4j, {
  type BookmarkManager,
  type Config,
  type Driver,
  type ManagedTransaction,
  type Session,
} from 'neo4j-driver';
import { GraphshiftError, messageOf } from '../../platform/errors.ts';
import { VERSION } from '../../platform/version.ts';
import { Login, type LoginOptions } from './login.ts';
import { isBroken } from './server-errors.ts';

export interface Neo4jAccess extends LoginOptions {
  /** `neo4j://…` or `bolt://…`, with `+s` for TLS, `+ssc` for TLS whose certificate nobody checks. */
  readonly url: string;
  /** PEM file of the authorities that the server's certificate may come from. @default those of Node.js */
  readonly caFile?: string;
  /** Connections to one server at most. @default 50 */
  readonly poolSize?: number;
  /** How long a caller waits for a free connection. @default 60_000 */
  readonly acquisitionTimeoutMs?: number;
  /** @default 30_000 */
  readonly connectionTimeoutMs?: number;
}

/** A row of a result, by column; integers are BigInt. */
export type Row = Readonly<Record<string, unknown>>;
export type Parameters = Readonly<Record<string, unknown>>;

export const SYSTEM = 'system';
/** After which the server ends a statement of ours that has not ended. */
const STATEMENT_TIMEOUT_MS = 60_000;
/** A connection that was idle for longer is tried before it is used: what stands in between may have dropped it. */
const IDLE_MS = 30_000;

export class Neo4jConnection {
  readonly driver: Driver;
  readonly #access: Neo4jAccess;
  readonly #login: Login;
  readonly #bookmarks: BookmarkManager = neo4j.bookmarkManager();

  /** Opens no connection yet. @throws CONFIG_INVALID when the settings make no driver */
  constructor(access: Neo4jAccess) {
    this.#access = access;
    this.#login = new Login(access);
    this.driver = openDriver(access, this.#login);
  }

  /** With the password as it is now, for a process that connects by itself. */
  get access(): Neo4jAccess {
    return { ...this.#access, password: this.#login.newest() };
  }

  close(): Promise<void> {
    return this.driver.close();
  }

  systemSession(): Session {
    return this.driver.session({ database: SYSTEM, bookmarkManager: this.#bookmarks });
  }

  async session(database: string, mode: 'READ' | 'WRITE' = 'WRITE'): Promise<Session> {
    const bookmarks = [...(await this.#bookmarks.getBookmarks())];
    return this.driver.session({ database, defaultAccessMode: mode, bookmarks });
  }

  /** One statement on `system`, sent once, in a transaction of its own. */
  async system(statement: string, parameters: Parameters = {}): Promise<Row[]> {
    return this.#inSession(this.systemSession(), async (session) => {
      const { records } = await session.run(statement, parameters, { timeout: STATEMENT_TIMEOUT_MS });
      return records.map((record) => record.toObject());
    });
  }

  /** A question on `system`. It is asked again, once, where its connection broke: others of the pool may have lived. */
  async ask(statement: string, parameters: Parameters = {}): Promise<Row[]> {
    try {
      return await this.system(statement, parameters);
    } catch (error) {
      if (!isBroken(error)) throw error;
      return this.system(statement, parameters);
    }
  }

  /** A unit of work that may be done again where the server asks for it. */
  async write<Result>(
    database: string,
    work: (tx: ManagedTransaction) => Promise<Result>,
    timeoutMs = STATEMENT_TIMEOUT_MS,
  ): Promise<Result> {
    return this.#inSession(await this.session(database), (session) =>
      session.executeWrite(work, { timeout: timeoutMs }),
    );
  }

  async read(database: string, statement: string, parameters: Parameters = {}): Promise<Row[]> {
    return this.#inSession(await this.session(database, 'READ'), async (session) => {
      const { records } = await session.executeRead((tx) => tx.run(statement, parameters), {
        timeout: STATEMENT_TIMEOUT_MS,
      });
      return records.map((record) => record.toObject());
    });
  }

  async #inSession<Result>(session: Session, use: (session: Session) => Promise<Result>): Promise<Result> {
    try {
      return await this.#login.using(() => use(session));
    } finally {
      await session.close();
    }
  }
}

function openDriver(access: Neo4jAccess, login: Login): Driver {
  const config: Config = {
    useBigInt: true,
    maxConnectionPoolSize: access.poolSize ?? 50,
    connectionAcquisitionTimeout: access.acquisitionTimeoutMs ?? 60_000,
    connectionTimeout: access.connectionTimeoutMs ?? 30_000,
    connectionLivenessCheckTimeout: IDLE_MS,
    userAgent: `graphshift/${VERSION}`,
    ...(access.caFile !== undefined && {
      encrypted: 'ENCRYPTION_ON',
      trust: 'TRUST_CUSTOM_CA_SIGNED_CERTIFICATES',
      trustedCertificates: [readableFile(access.caFile)],
    }),
  };
  // With a scheme that says `+s` the driver takes no trust of ours: an own authority goes with the plain scheme.
  const url = access.caFile === undefined ? access.url : access.url.replace(/\+s(?=:)/, '');
  try {
    return neo4j.driver(url, login, config);
  } catch (error) {
    throw new GraphshiftError('CONFIG_INVALID', `store.url: ${messageOf(error)}`, { cause: error });
  }
}

function readableFile(path: string): string {
  try {
    readFileSync(path);
    return path;
  } catch (error) {
    throw new GraphshiftError(
      'CONFIG_INVALID',
      `store.ca_file ${JSON.stringify(path)} cannot be read: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
