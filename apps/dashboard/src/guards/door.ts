/** Who may come in. */

import { createHash, timingSafeEqual } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { GraphshiftError } from '@graphshift/core';

export interface Credentials {
  readonly token?: string | undefined;
  readonly username: string;
  readonly password?: string | undefined;
}

/**
 * The user that an `Authorization` header names, or undefined when it opens nothing. A browser cannot send a bearer
 * token, so the token is taken as the password too.
 */
export function userOf(header: string | undefined, credentials: Credentials): string | undefined {
  const { token, username, password } = credentials;
  if (token === undefined && password === undefined) return 'anonymous';
  const [scheme = '', value = ''] = (header ?? '').split(' ');
  if (/^bearer$/i.test(scheme)) return token !== undefined && same(value, token) ? 'token' : undefined;
  if (!/^basic$/i.test(scheme)) return undefined;
  const [, name = '', given = ''] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(value, 'base64').toString('utf8')) ?? [];
  const secrets = [password, token].filter((secret) => secret !== undefined);
  return same(name, username) && secrets.some((secret) => same(given, secret)) ? name : undefined;
}

/** Compares hashes, so that neither content nor length shows in the time it takes. */
function same(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}

/** @throws CONFIG_INVALID when others could reach the dashboard and nothing keeps them out */
export function refuseOpenDoor(host: string, credentials: Credentials): void {
  if (isLoopback(host) || credentials.token !== undefined || credentials.password !== undefined) return;
  throw new GraphshiftError(
    'CONFIG_INVALID',
    `dashboard.host is ${JSON.stringify(host)}, which others can reach, but neither dashboard.token nor dashboard.password is set; set one (GRAPHSHIFT_DASHBOARD_TOKEN), or listen on 127.0.0.1`,
  );
}
