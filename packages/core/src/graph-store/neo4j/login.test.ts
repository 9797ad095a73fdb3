import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Neo4jError } from 'neo4j-driver';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Login } from './login.ts';

const UNAUTHORIZED = 'Neo.ClientError.Security.Unauthorized';

let directory: string;
let file: string;
let login: Login;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-login-'));
  file = join(directory, 'password');
  login = new Login({ username: 'ada', password: 'old', passwordFile: file });
});
afterEach(() => rm(directory, { recursive: true }));

it('keeps the password that the server takes, though the file has the next one', async () => {
  const token = login.getToken();
  await writeFile(file, 'new\r\n');
  expect(login.getToken()).toEqual(token);
  expect(login.handleSecurityException(token, 'Neo.ClientError.Security.Forbidden')).toBe(false);
  expect(login.getToken().credentials).toBe('old');
  expect(login.newest()).toBe('new');
});

it('says that it is worth to try again once there is another one, for every connection that was refused', async () => {
  const token = login.getToken();
  expect(login.handleSecurityException(token, UNAUTHORIZED)).toBe(false);
  await writeFile(file, 'new\n');
  // The next login is with the new one already.
  expect(login.getToken()).toMatchObject({ principal: 'ada', credentials: 'new' });
  expect(login.handleSecurityException(token, UNAUTHORIZED)).toBe(true);
  expect(login.handleSecurityException(login.getToken(), UNAUTHORIZED)).toBe(false);
});

it('does again what the server refused to begin, once', async () => {
  const tried: unknown[] = [];
  const work = async () => {
    const { credentials } = login.getToken();
    tried.push(credentials);
    if (credentials === 'old') throw new Neo4jError('refused', UNAUTHORIZED, '', '');
    return 'done';
  };
  await expect(login.using(work)).rejects.toThrow('refused');
  expect(tried).toEqual(['old']);
  await writeFile(file, 'new\n');
  expect(await login.using(work)).toBe('done');
  expect(tried).toEqual(['old', 'new']);
});

it('has no other one than that of the settings', () => {
  const fixed = new Login({ username: 'ada', password: 'old' });
  expect(fixed.handleSecurityException(fixed.getToken(), UNAUTHORIZED)).toBe(false);
  expect([fixed.newest(), fixed.getToken().credentials]).toEqual(['old', 'old']);
});
