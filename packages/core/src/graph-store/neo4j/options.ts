/** What a Neo4j store is made of, and how its password is found. */

import type { Clock } from '../../platform/clock.ts';
import { GraphshiftError, messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { LoaderSetting } from './arrow/loader-choice.ts';
import type { Neo4jAccess } from './connection.ts';
import { readPassword } from './login.ts';

export interface Neo4jStoreOptions extends Omit<Neo4jAccess, 'password' | 'username'> {
  /** @default 'neo4j' */
  readonly username?: string;
  readonly password?: string;
  /**
   * File that holds the password, where `password` is not given; one line end after it is no part of it. It is read again
   * once the server refuses what it held.
   */
  readonly passwordFile?: string;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** Database in which this installation keeps what belongs to no customer's. @default 'graphshift' */
  readonly bookkeepingDatabase?: string;
  /** How long indexes may take to come online. @default one hour */
  readonly indexTimeoutMs?: number;
  /** Whether privileges granted on the live database come along. @default true */
  readonly carryPrivileges?: boolean;
  /** After which the server ends a prepared change that is not fired. @default 10_000 */
  readonly changeTimeoutMs?: number;
  /** How rows go in: what the server offers, Arrow Flight, or Bolt. @default 'auto' */
  readonly loader?: LoaderSetting;
  /** Where Arrow Flight is: `grpc://HOST:PORT`, `grpc+tls://HOST:PORT` for TLS. @default as the server says */
  readonly arrowUrl?: string;
  /** The property that holds a node's id. @default 'id' */
  readonly idProperty?: string;
  /** Whether the id stays as a property of the nodes. @default true */
  readonly keepId?: boolean;
  /** Whether each label gets a uniqueness constraint on an id that stays. @default true */
  readonly indexId?: boolean;
  /** Transactions of one load at a time. @default 4 */
  readonly sessions?: number;
  /** Rows of one transaction at most. @default 10_000 */
  readonly batchRows?: number;
  /** Threads of DuckDB in one loading process. @default 2 */
  readonly threads?: number;
  /** Relationships are sorted here, in a directory for each load. @default that of the system for temporary files */
  readonly scratchDirectory?: string;
  /** @default 'float' */
  readonly decimals?: 'float' | 'text' | 'refuse';
  /** @default 'refuse' */
  readonly unsigned?: 'refuse' | 'text';
  /** A snapshot must have a manifest.json that holds. @default false */
  readonly requireManifest?: boolean;
}

/** Schemes that the driver takes. */
export const NEO4J_URL = /^(neo4j|bolt)(\+s|\+ssc)?:\/\//;

/** @throws CONFIG_INVALID for a URL that is none, or that carries a password, and for a file that cannot be read */
export function accessOf(options: Neo4jStoreOptions): Neo4jAccess {
  const { url, username = 'neo4j', caFile, poolSize, acquisitionTimeoutMs, connectionTimeoutMs } = options;
  const { password, passwordFile } = options;
  refuseUrl(url);
  return {
    url,
    username,
    password: password ?? passwordIn(passwordFile),
    ...(password === undefined && passwordFile !== undefined && { passwordFile }),
    ...(caFile !== undefined && { caFile }),
    ...(poolSize !== undefined && { poolSize }),
    ...(acquisitionTimeoutMs !== undefined && { acquisitionTimeoutMs }),
    ...(connectionTimeoutMs !== undefined && { connectionTimeoutMs }),
  };
}

function refuseUrl(url: string): void {
  let parsed: URL | undefined;
  try {
    parsed = new URL(url);
  } catch {
    // Said below.
  }
  const problem = !NEO4J_URL.test(url)
    ? 'must begin with neo4j://, neo4j+s://, neo4j+ssc://, bolt://, bolt+s:// or bolt+ssc://'
    : !parsed?.hostname
      ? 'must name a host, as in neo4j://HOST:7687'
      : parsed.username || parsed.password
        ? 'carries a user name or password; they go into store.username and store.password or store.password_file'
        : undefined;
  if (problem === undefined) return;
  const shown = url.replace(/\/\/.*@/, '//[secret]@');
  throw new GraphshiftError('CONFIG_INVALID', `store.url ${JSON.stringify(shown)} ${problem}`);
}

function passwordIn(file: string | undefined): string {
  if (file === undefined) return '';
  try {
    return readPassword(file);
  } catch (error) {
    throw new GraphshiftError(
      'CONFIG_INVALID',
      `store.password_file ${JSON.stringify(file)} cannot be read: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
