/** What is asked of a server at the start, and how one is refused that lacks something. */

import { useNeo4j } from '@graphshift/testkit';
import { Neo4jError } from 'neo4j-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/log.ts';
import { Bookkeeping } from './bookkeeping.ts';
import { examineServer } from './capabilities.ts';
import { Neo4jConnection, type Row } from './connection.ts';
import { Databases } from './databases.ts';

const neo4j = useNeo4j({ maxDatabases: 9 });
let connections: Neo4jConnection[];
beforeAll(() => {
  connections = [];
});
afterAll(async () => {
  for (const connection of connections) await connection.close();
});

type Answer = (statement: string) => Row[] | undefined;

/** A real server, of which one answer is another's: a server of each kind cannot be had. */
class Answering extends Neo4jConnection {
  answer: Answer = () => undefined;

  override async system(statement: string, parameters = {}): Promise<Row[]> {
    return this.answer(statement) ?? super.system(statement, parameters);
  }
}

async function examine(answer: Answer = () => undefined) {
  const { url, user: username, password } = neo4j;
  const connection = new Answering({ url, username, password });
  connection.answer = answer;
  connections.push(connection);
  const bookkeeping = new Bookkeeping(connection, neo4j.name('books'));
  const databases = new Databases(connection, bookkeeping, systemClock);
  return examineServer(connection, databases, bookkeeping, silentLogger);
}

function refusing(pattern: RegExp, code: string, said: string): Answer {
  return (statement) => {
    if (pattern.test(statement)) throw new Neo4jError(said, code, '', '');
    return undefined;
  };
}

const UNSUPPORTED = 'Neo.ClientError.Statement.UnsupportedAdministrationCommand';
const FORBIDDEN = 'Neo.ClientError.Security.Forbidden';

describe('a server', () => {
  it('is asked for its version, edition, limit and GDS', async (context) => {
    if (neo4j.external) context.skip('its limit is not ours to say');
    const found = await examine();
    expect(found).toMatchObject({ version: expect.stringMatching(/^5\.\d+/), maxDatabases: 9 });
    expect(found.edition).not.toBe('');
    expect(found).not.toHaveProperty('gds');
  });

  it('may keep its limit to itself', async () => {
    expect(await examine(refusing(/SHOW SETTINGS/, FORBIDDEN, 'no'))).not.toHaveProperty('maxDatabases');
  });

  it.each([
    [
      'is too old',
      (statement: string) =>
        /dbms\.components/.test(statement)
          ? [{ name: 'Neo4j Kernel', versions: ['4.4.41'], edition: 'enterprise' }]
          : undefined,
      'STORE_UNFIT',
      /^Neo4j 4\.4\.41 enterprise at \S+ is too old: at least 5\.0 is needed$/,
    ],
    [
      'has no aliases',
      refusing(/^SHOW ALIASES/, UNSUPPORTED, 'Unsupported administration command: SHOW ALIASES'),
      'STORE_UNFIT',
      /list aliases: the server has no such command; several databases and aliases are features of Neo4j Enterprise \(Unsup/,
    ],
    [
      'has one database',
      refusing(/^CREATE DATABASE/, UNSUPPORTED, 'Unsupported administration command: CREATE DATABASE'),
      'STORE_UNFIT',
      /create the bookkeeping database \S+: the server has no such command/,
    ],
    [
      'does not let us look for transactions',
      refusing(/^SHOW TRANSACTIONS/, FORBIDDEN, 'Permission denied for SHOW TRANSACTION'),
      'STORE_DENIED',
      /list transactions: Permission denied/,
    ],
    [
      'is full',
      refusing(/^CREATE DATABASE/, 'Neo.DatabaseError.Database.DatabaseLimitReached', 'limit reached'),
      'STORE_FULL',
      /create the bookkeeping database/,
    ],
  ] as const)('that %s is refused in one clear line', async (_, answer, code, said) => {
    await neo4j.run('system', `DROP DATABASE \`${neo4j.name('books')}\` IF EXISTS DESTROY DATA WAIT`);
    const error = await examine(answer).then(
      () => undefined,
      (one: { code: string; message: string }) => one,
    );
    expect(error?.code).toBe(code);
    expect(error?.message).toMatch(said);
    expect(error?.message).not.toContain('\n');
  });
});
