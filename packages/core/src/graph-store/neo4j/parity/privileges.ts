/**
 * Gives the new database the privileges that were granted on the live one: on Neo4j they belong to the database and not to
 * the alias. Privileges for all databases, for the home database and for the server need nothing. Roles are of Enterprise;
 * a Community kernel has none to carry.
 */

import type { Session } from 'neo4j-driver';
import { GraphshiftError, messageOf } from '../../../platform/errors.ts';
import { type PrivilegeCommand, parsePrivilege } from './privilege-command.ts';
import { tokensOf } from './tokens.ts';

export interface PrivilegeCount {
  readonly privileges: number;
  /** Commands for the new database that the live one has no equal of. */
  readonly more: readonly string[];
}

/** A row of `SHOW PRIVILEGES AS COMMANDS`. */
export interface PrivilegeRow {
  readonly command: string;
  readonly immutable: boolean;
}

interface Read extends PrivilegeRow {
  readonly parsed: PrivilegeCommand;
}

const UNSUPPORTED = 'Neo.ClientError.Statement.UnsupportedAdministrationCommand';
const FORBIDDEN = 'Neo.ClientError.Security.Forbidden';

/**
 * @param session on the system database
 * @throws PARITY that names each privilege which cannot be carried
 */
export async function copyPrivileges(
  session: Session,
  live: string,
  database: string,
): Promise<PrivilegeCount> {
  const rows = await readPrivileges(session, live);
  if (!rows) return { privileges: 0, more: [] };
  const plan = planPrivileges(rows, live, database);
  for (const { command, statement } of plan.missing) {
    await session
      .executeWrite((tx) => tx.run(statement))
      .catch((error: unknown) => {
        if (!/^Neo\.ClientError\./.test(codeOf(error))) throw error;
        throw new GraphshiftError('PARITY', `${name(command, live)} cannot be carried: ${messageOf(error)}`, {
          cause: error,
        });
      });
  }
  if (plan.missing.length > 0) {
    const after = planPrivileges((await readPrivileges(session, live)) ?? [], live, database);
    const [lost] = after.missing;
    if (lost)
      throw new GraphshiftError('PARITY', `${name(lost.command, live)} was carried, and is not there`);
  }
  return { privileges: plan.wanted, more: plan.more };
}

export interface PrivilegePlan {
  /** How many there are on the live database. */
  readonly wanted: number;
  readonly missing: readonly { readonly command: string; readonly statement: string }[];
  readonly more: readonly string[];
}

/** What has to be run, by what the server shows. @throws PARITY that names what cannot be carried */
export function planPrivileges(rows: readonly PrivilegeRow[], live: string, database: string): PrivilegePlan {
  const refused: string[] = [];
  const all = rows.flatMap((row): Read[] => {
    try {
      return [{ ...row, parsed: parsePrivilege(row.command) }];
    } catch (error) {
      // One that is not understood matters where it could be about the live database.
      const about = tokensOf(row.command).some(({ value }) => value.toLowerCase() === live.toLowerCase());
      if (about) refused.push(`${name(row.command, live)} is not understood: ${messageOf(error)}`);
      return [];
    }
  });
  const of = (target: string) => all.filter(({ parsed }) => parsed.databases.includes(target.toLowerCase()));
  const wanted = of(live);
  const there = new Set(of(database).map(({ parsed }) => parsed.normal(database)));
  const missing = wanted.filter(({ parsed }) => !there.has(parsed.normal(database)));
  for (const { command, immutable, parsed } of missing)
    if (immutable || parsed.immutable)
      refused.push(
        `${name(command, live)} is immutable, which nobody can grant while authentication is on; grant it on all databases`,
      );
  if (refused.length > 0) throw new GraphshiftError('PARITY', refused.join('; '), { details: { refused } });
  const had = new Set(wanted.map(({ parsed }) => parsed.normal(database)));
  return {
    wanted: wanted.length,
    missing: missing.map(({ command, parsed }) => ({ command, statement: parsed.forDatabase(database) })),
    more: of(database)
      .filter(({ parsed }) => !had.has(parsed.normal(database)))
      .map(({ command }) => command),
  };
}

/** All of the server, or undefined where it has no roles. @throws PARITY where the user may not see them */
async function readPrivileges(session: Session, live: string): Promise<PrivilegeRow[] | undefined> {
  try {
    const { records } = await session.run('SHOW PRIVILEGES AS COMMANDS YIELD command, immutable');
    return records.map((record) => ({
      command: String(record.get('command')),
      immutable: record.get('immutable') === true,
    }));
  } catch (error) {
    if (codeOf(error) === UNSUPPORTED) return undefined;
    if (codeOf(error) !== FORBIDDEN) throw error;
    const grant = 'GRANT SHOW PRIVILEGE ON DBMS lets its role do so';
    throw new GraphshiftError(
      'PARITY',
      `the privileges on ${live} cannot be carried: the user may not see them; ${grant}`,
      { cause: error },
    );
  }
}

function name(command: string, live: string): string {
  return `privilege ${JSON.stringify(command)} on ${live}`;
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code);
}
