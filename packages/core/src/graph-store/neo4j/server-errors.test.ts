import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rejects, useNeo4j } from '@graphshift/testkit';
import { Neo4jError } from 'neo4j-driver';
import { describe, expect, it } from 'vitest';
import { ERRORS, GraphshiftError } from '../../platform/errors.ts';
import { Neo4jConnection } from './connection.ts';
import { isBroken, isEnded, storeError } from './server-errors.ts';
import { createNeo4jStore } from './store.ts';

const neo4j = useNeo4j();

const thrown = (code: string, message = 'said') => new Neo4jError(message, code, '', '');

describe('an error of the server', () => {
  it.each([
    ['ServiceUnavailable', 'STORE_UNREACHABLE', 'retryable'],
    ['SessionExpired', 'STORE_UNREACHABLE', 'retryable'],
    ['Neo.ClientError.Database.DatabaseLimitReached', 'STORE_FULL', 'capacity'],
    ['Neo.TransientError.General.MemoryPoolOutOfMemoryError', 'STORE_FULL', 'capacity'],
    ['Neo.TransientError.General.TransactionOutOfMemoryError', 'STORE_FULL', 'capacity'],
    ['Neo.DatabaseError.General.OutOfMemoryError', 'STORE_FULL', 'capacity'],
    ['Neo.ClientError.Security.Unauthorized', 'STORE_LOGIN', 'capacity'],
    ['Neo.ClientError.Security.Forbidden', 'STORE_DENIED', 'permanent'],
    ['Neo.ClientError.Security.AuthenticationRateLimit', 'STORE_LOGIN', 'capacity'],
    ['Neo.ClientError.Security.CredentialsExpired', 'STORE_LOGIN', 'capacity'],
    ['Neo.ClientError.Security.TokenExpired', 'STORE_BUSY', 'retryable'],
    ['Neo.ClientError.Security.AuthorizationExpired', 'STORE_BUSY', 'retryable'],
    ['Neo.TransientError.Database.DatabaseUnavailable', 'STORE_BUSY', 'retryable'],
    ['Neo.TransientError.General.DatabaseUnavailable', 'STORE_BUSY', 'retryable'],
    ['Neo.TransientError.Transaction.DeadlockDetected', 'STORE_BUSY', 'retryable'],
    ['Neo.TransientError.Transaction.LockAcquisitionTimeout', 'STORE_BUSY', 'retryable'],
    ['Neo.ClientError.Transaction.Terminated', 'STORE_BUSY', 'retryable'],
    ['Neo.ClientError.Transaction.TransactionTimedOut', 'STORE_BUSY', 'retryable'],
    ['Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration', 'STORE_BUSY', 'retryable'],
    ['Neo.ClientError.Cluster.NotALeader', 'STORE_BUSY', 'retryable'],
    ['Neo.ClientError.General.ForbiddenOnReadOnlyDatabase', 'STORE_BUSY', 'retryable'],
    ['Neo.ClientError.Statement.UnsupportedAdministrationCommand', 'STORE_UNFIT', 'permanent'],
    ['Neo.ClientError.Database.DatabaseNotFound', 'NOT_FOUND', 'permanent'],
    ['Neo.ClientError.Database.ExistingAliasFound', 'CONFLICT', 'permanent'],
    ['Neo.ClientError.Statement.SyntaxError', 'STORE_FAILED', 'retryable'],
    ['Neo.DatabaseError.General.UnknownError', 'STORE_FAILED', 'retryable'],
    ['', 'STORE_FAILED', 'retryable'],
  ] as const)('%s is %s, %s', (server, code, kind) => {
    const error = storeError(thrown(server), 'do it');
    expect([error.code, error.class]).toEqual([code, kind]);
    expect(error.message).toBe('do it: said');
    expect(ERRORS[error.code].action).not.toBe('');
  });

  it('says capacity for a full disk, whatever its code and however deep it lies', () => {
    const deep = Object.assign(new Error('commit failed'), {
      code: 'Neo.DatabaseError.Transaction.TransactionCommitFailed',
      cause: new Error('java.io.IOException: No space left on device'),
    });
    expect(storeError(deep, 'do it').code).toBe('STORE_FULL');
  });

  it('of our own stays as it is', () => {
    const own = new GraphshiftError('FENCED', 'over');
    expect(storeError(own, 'do it')).toBe(own);
  });
});

describe('a real server', () => {
  const connect = (more: { password?: string; url?: string } = {}) => {
    const { url, user: username, password } = neo4j;
    return new Neo4jConnection({ url, username, password, connectionTimeoutMs: 20_000, ...more });
  };
  const failing = async (connection: Neo4jConnection, statement: string) => {
    const error = await connection.system(statement).then(
      () => undefined,
      (one: unknown) => one,
    );
    await connection.close();
    return error;
  };

  it('that is not there is unreachable', async () => {
    const store = createNeo4jStore({ url: 'bolt://127.0.0.1:1', password: 'x', connectionTimeoutMs: 20_000 });
    const { message } = await rejects(store.start(), 'STORE_UNREACHABLE');
    expect(message).toBe('reach bolt://127.0.0.1:1: no connection: connect ECONNREFUSED 127.0.0.1:1');
    await store.stop();
  });

  it('says what the rules above are made for', async () => {
    const missing = storeError(await failing(connect(), 'DROP DATABASE `nobody.has.it`'), 'drop');
    expect([missing.code, missing.details.server]).toEqual([
      'NOT_FOUND',
      'Neo.ClientError.Database.DatabaseNotFound',
    ]);
    const refused = storeError(
      await failing(connect(), 'CREATE USER somebody SET PASSWORD "12345678"'),
      'do',
    );
    expect(['STORE_UNFIT', 'STORE_FAILED']).toContain(refused.code);
    const gone = await failing(connect({ url: 'bolt://127.0.0.1:1' }), 'SHOW DATABASES');
    expect([isBroken(gone), isEnded(gone)]).toEqual([true, false]);
  });

  it('gets another password as soon as the file has it, without a restart', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'graphshift-login-'));
    const passwordFile = join(directory, 'password');
    await writeFile(passwordFile, 'not-yet\n');
    const { url, user: username, password } = neo4j;
    const bookkeepingDatabase = neo4j.name('books');
    const store = createNeo4jStore({ url, username, passwordFile, bookkeepingDatabase });
    const { message } = await rejects(store.start(), 'STORE_LOGIN');
    expect(message).toContain('unauthorized');
    await rm(passwordFile);
    // As it may be for a moment where it is replaced.
    expect(await store.health()).toMatchObject({ reachable: false });
    await writeFile(passwordFile, `${password}\n`);
    await store.start();
    expect(await store.health()).toMatchObject({ reachable: true, writable: true });
    await store.stop();
    await rm(directory, { recursive: true });
  });

  // The last: after three wrong passwords the server lets the user in for five seconds no more.
  it('that takes no such password denies, and its address is all that is said', async () => {
    const { url, user: username } = neo4j;
    const wrong = createNeo4jStore({ url, username, password: 'not-this-one' });
    const error = await rejects(wrong.start(), 'STORE_LOGIN');
    expect(error.message).toContain(url);
    expect(JSON.stringify(error.toRecord())).not.toContain('not-this-one');
    expect(await wrong.health()).toMatchObject({ reachable: false, writable: false });
    await wrong.stop();
  });
});
